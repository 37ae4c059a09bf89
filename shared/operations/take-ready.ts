import type { OwnedTask, SessionRecord } from "../contract/records.ts";
import type { BalancePolicy } from "../contract/fleet.ts";
import type { Rules } from "../contract/rules.ts";
import { isFullClaim } from "../domain/claim-size.ts";
import { valuesOf } from "../domain/experiments/parameters.ts";
import { offersOf } from "../domain/placement.ts";
import { serves } from "../domain/ready-order.ts";
import type { Tenure } from "../domain/semaphore.ts";
import { isAlive, load } from "../domain/session-transitions.ts";
import type { Ports } from "../ports/ports.ts";
import type { Candidate } from "../ports/registry.ts";
import type { ReadyTask, Take } from "../ports/work-queue.ts";
import { type Assignment, assignTask } from "./assign-task.ts";
import { candidatesFor, inOrderFor } from "./choose-session.ts";
import { fleetOf, rulesIn, rulesOf } from "./fleet-of.ts";
import { holdBack } from "./let-through.ts";

/** How long a taken task may stay unassigned before the sweep looks for it, in milliseconds. */
export const TAKE_LEASE_MS = 10_000;
/** Assignments that still wait after this may be moved to less loaded sessions. Milliseconds. */
export const BALANCE_AFTER_MS = 5_000;
/** Entries of the ready queue that turn out not to be ready, in a row, before a caller gives up. */
const VOID_LIMIT = 200;

/**
 * Gives ready tasks to one session that asks for work, and starts them, after those it claims anyway.
 *
 * @param leaving what `session` has let go of already, and the record has not: the first place that is reserved replaces it
 * @returns all that the claim then has, at most `max`, and the session as it was seen last
 */
export async function takeReady(
  ports: Ports,
  session: SessionRecord,
  owned: readonly OwnedTask[],
  max: number,
  leaving: Tenure | null = null,
): Promise<{ claimed: OwnedTask[]; session: SessionRecord }> {
  const { fleet, id } = session;
  const claimed = [...owned];
  if (isFullClaim(claimed, max)) return { claimed, session };
  const rules = await rulesOf(ports, fleet);
  if (rules.paused.fleet) return { claimed, session };
  let current = session;
  const aside: Take[] = [];
  for (let voids = 0; voids < VOID_LIMIT && !isFullClaim(claimed, max) && hasRoom(current);) {
    const known = await ports.workQueue.requirements(fleet);
    if (known.length === 0) break;
    const matching = known.filter((requires) => serves(offersOf(current), requires));
    const taken =
      matching.length === 0
        ? null
        : await ports.workQueue.take(fleet, matching, ports.chance.id(), ports.clock.nowMs() + TAKE_LEASE_MS);
    if (!taken) {
      // What is known of the queues may be old; this asks anew, and drops those that are empty.
      const heads = await ports.workQueue.heads(fleet);
      if (!heads.some(({ requires }) => serves(offersOf(current), requires))) break;
      voids++;
      continue;
    }
    const assignment = await assignTask(ports, fleet, taken.taskId, id, {
      starts: true,
      rules,
      session: current,
      leaving,
    });
    if (assignment.outcome === "no_room") {
      await ports.workQueue.putBack(fleet, taken);
      break;
    }
    if (assignment.outcome === "still_held") {
      aside.push(taken);
      voids++;
      continue;
    }
    if (assignment.outcome === "held_back") await holdBack(ports, fleet, taken, assignment.barrier);
    await ports.workQueue.settle(fleet, taken);
    if (assignment.outcome !== "assigned") voids++;
    else {
      claimed.push(assignment.task);
      current = assignment.session;
    }
  }
  await putBackAll(ports, fleet, aside);
  return { claimed, session: current };
}

/** What only its last holder had room for must not keep others from it meanwhile, and waits in its place again. */
async function putBackAll({ workQueue }: Ports, fleet: string, aside: readonly Take[]): Promise<void> {
  for (const take of aside) await workQueue.putBack(fleet, take);
}

function hasRoom(session: SessionRecord): boolean {
  return isAlive(session) && session.state === "live" && load(session) < session.capacity;
}

/**
 * Hands out a fleet's ready tasks, the first in order first, each to a live session with room that serves what
 * it requires, chosen by the fleet's policy, until nothing fits any more. What finds no room waits in its queue.
 *
 * @returns how many were assigned
 */
export async function fillFleet(ports: Ports, fleet: string, limit: number): Promise<number> {
  const full = new Set<string>();
  const settings = await fleetOf(ports, fleet);
  const rules = rulesIn(settings);
  const { balancerPolicy: policy } = valuesOf(settings);
  if (rules.paused.fleet) return 0;
  const aside: Take[] = [];
  let assigned = 0;
  let looked = false;
  for (let voids = 0; voids < VOID_LIMIT && assigned < limit;) {
    const heads = (await ports.workQueue.heads(fleet))
      .filter((head) => !full.has(head.requires.join()))
      .sort((a, b) => a.order - b.order);
    const [head, next] = heads;
    if (!head) break;
    const candidates = await candidatesFor(ports, fleet, head.requires, policy);
    // A place that was freed meanwhile belongs to whoever waited longest, which may be one that found none before.
    if (candidates.length > 0 && full.size > 0 && !looked) {
      full.clear();
      looked = true;
      continue;
    }
    const outcome =
      candidates.length === 0
        ? "no_room"
        : await placeFirst(ports, fleet, head, candidates, { policy, rules, aside, lastOrder: next?.order });
    if (outcome === "no_room") full.add(head.requires.join());
    else if (outcome === "assigned") assigned++;
    else voids++;
    if (outcome !== "no_room") looked = false;
  }
  await putBackAll(ports, fleet, aside);
  if (assigned > 0)
    await ports.agenda.put([{ kind: "balance", fleet }], ports.clock.nowMs() + BALANCE_AFTER_MS);
  return assigned;
}

type Placing = {
  readonly policy: BalancePolicy;
  readonly rules: Rules;
  /** Takes what only sessions that have not stopped it yet have room for. */
  readonly aside: Take[];
  /** Order of the first of another queue, whose turn it is before any later one of this. */
  readonly lastOrder: number | undefined;
};

/** Takes the first task of one queue and gives it to the first session that can take it, by its preference and the policy. */
async function placeFirst(
  ports: Ports,
  fleet: string,
  { requires }: ReadyTask,
  candidates: readonly Candidate[],
  { policy, rules, aside, lastOrder = Infinity }: Placing,
): Promise<Assignment["outcome"]> {
  const untilMs = ports.clock.nowMs() + TAKE_LEASE_MS;
  const taken = await ports.workQueue.take(fleet, [requires], ports.chance.id(), untilMs);
  if (!taken) return "not_ready";
  // Somebody else took the first meanwhile.
  if (taken.order > lastOrder) {
    await ports.workQueue.putBack(fleet, taken);
    return "not_ready";
  }
  const known = await ports.record.tasks.get(fleet, taken.taskId);
  let stillHeld = false;
  for (const session of known ? await inOrderFor(ports, known, candidates, policy) : []) {
    const assignment = await assignTask(ports, fleet, taken.taskId, session, { starts: false, rules, known });
    stillHeld ||= assignment.outcome === "still_held";
    if (assignment.outcome === "no_room" || assignment.outcome === "still_held") continue;
    if (assignment.outcome === "held_back") await holdBack(ports, fleet, taken, assignment.barrier);
    await ports.workQueue.settle(fleet, taken);
    return assignment.outcome;
  }
  if (stillHeld) {
    aside.push(taken);
    return "still_held";
  }
  if (known) await ports.workQueue.putBack(fleet, taken);
  else await ports.workQueue.settle(fleet, taken);
  return known ? "no_room" : "not_ready";
}
