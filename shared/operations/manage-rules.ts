import { type Refusal, isRefusal } from "../contract/errors.ts";
import type { LimitRequest, PauseRequest, Rules, RulesAnswer } from "../contract/rules.ts";
import { type Decision, commit } from "../domain/decision.ts";
import { NO_RULES, barrierOf, setLimit, setPaused } from "../domain/rules.ts";
import type { Ports } from "../ports/ports.ts";
import { changeOrCreate } from "./change.ts";
import { fleetOf, rulesOf } from "./fleet-of.ts";
import { letAllThrough } from "./let-through.ts";
import { fillFleet } from "./take-ready.ts";

/** Assignments that a request hands out at once of what it let through; the sweep goes on. */
const FILL_LIMIT = 50;

export async function readRules(ports: Ports, fleet: string): Promise<RulesAnswer> {
  return { rules: await rulesOf(ports, fleet) };
}

/**
 * From now on nothing of what is named starts; what runs goes on. Assignments that wait with a session are not
 * started either, and go back to the queue with the next tick of the sweep.
 */
export async function pauseTasks(
  ports: Ports,
  fleet: string,
  target: PauseRequest,
): Promise<RulesAnswer | Refusal> {
  const answer = await changeRules(ports, fleet, (rules) => setPaused(rules, target, true));
  if (!isRefusal(answer)) await ports.agenda.put([{ kind: "pause", fleet }], ports.clock.nowMs());
  return answer;
}

/** Takes a pause back. Repeating it lets through what an earlier request did not get to. */
export async function resumeTasks(
  ports: Ports,
  fleet: string,
  target: PauseRequest,
): Promise<RulesAnswer | Refusal> {
  const answer = await changeRules(ports, fleet, (rules) => setPaused(rules, target, false));
  if (!isRefusal(answer)) await letOut(ports, fleet, target);
  return answer;
}

/** Sets or takes back a concurrency limit. What is held beyond a lower limit is not taken from anybody. */
export async function limitTasks(
  ports: Ports,
  fleet: string,
  request: LimitRequest,
): Promise<RulesAnswer | Refusal> {
  const answer = await changeRules(ports, fleet, (rules) => setLimit(rules, request));
  if (!isRefusal(answer)) await letOut(ports, fleet, request);
  return answer;
}

async function letOut(ports: Ports, fleet: string, target: PauseRequest | LimitRequest): Promise<void> {
  const barrier = barrierOf(target); // A paused fleet's tasks have stayed in their queues.
  if (barrier !== null) await letAllThrough(ports, fleet, barrier);
  await fillFleet(ports, fleet, FILL_LIMIT);
}

async function changeRules(
  ports: Ports,
  fleet: string,
  decide: (rules: Rules) => Decision<Rules>,
): Promise<RulesAnswer | Refusal> {
  const settings = await fleetOf(ports, fleet);
  const result = await changeOrCreate(
    () => ports.record.fleets.get(fleet),
    ports.record.fleets.commit,
    (current) => {
      const decision = decide(current?.rules ?? NO_RULES);
      return decision.kind === "commit"
        ? commit({ ...(current ?? settings), rules: decision.next })
        : decision;
    },
  );
  return isRefusal(result) ? result : { rules: result.document?.rules ?? NO_RULES };
}
