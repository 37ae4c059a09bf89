import { isRefusal } from "../contract/errors.ts";
import type { Move, RebalanceRequest } from "../contract/fleet.ts";
import type { SessionRecord, TaskIn } from "../contract/records.ts";
import { MOVED_REST_MS, planMoves } from "../domain/balance.ts";
import { commit, UNCHANGED } from "../domain/decision.ts";
import { valuesOf } from "../domain/experiments/parameters.ts";
import { pacesFrom } from "../domain/performance.ts";
import { demandsOf, offersOf } from "../domain/placement.ts";
import { load } from "../domain/session-transitions.ts";
import type { Ports } from "../ports/ports.ts";
import { changeOrCreate } from "./change.ts";
import { fleetOf } from "./fleet-of.ts";
import { liveSessions } from "./live-sessions.ts";
import { moveTask } from "./move-task.ts";

/** Moves in one go; the next tick goes on. */
const MOVES_LIMIT = 50;

/**
 * Moves waiting assignments to where they would be done sooner, until nothing that waits can help: with the policy
 * `least-loaded`, until loads differ by at most one. What a session has started stays with it.
 *
 * @param resting whether what was moved a short while ago stays; an operator who asks gets balance at once
 * @returns what moved, and whether assignments still wait to be started
 */
export async function rebalanceFleet(
  ports: Ports,
  fleet: string,
  resting = false,
): Promise<{ moved: Move[]; waiting: boolean }> {
  const sessions: SessionRecord[] = [];
  for await (const page of liveSessions(ports, fleet))
    sessions.push(...page.filter(({ state }) => state === "live"));
  const waiting = await waitingOf(ports, fleet, sessions);
  const restedMs = ports.clock.nowMs() - (resting ? MOVED_REST_MS : 0);
  const paces = await pacesOf(ports, fleet, sessions);
  const loaded = sessions.map((session) => ({
    session: session.id,
    capacity: session.capacity,
    load: load(session),
    offers: offersOf(session),
    waiting: (waiting.get(session.id) ?? [])
      .filter(({ movedAtMs = 0 }) => movedAtMs <= restedMs)
      .map((task) => ({ task: task.id, demands: demandsOf(task) })),
    pace: paces.get(session.id) ?? 1,
  }));
  const moved: Move[] = [];
  for (const move of planMoves(loaded, MOVES_LIMIT))
    if ((await moveTask(ports, fleet, move)).outcome === "assigned")
      moved.push({ taskId: move.task, from: move.from, to: move.to });
  if (moved.length > 0) ports.log.info("rebalanced", { fleet, moved: moved.length });
  return { moved, waiting: waiting.size > 0 };
}

/** Assignments that wait with these sessions, by session. */
async function waitingOf(
  ports: Ports,
  fleet: string,
  sessions: readonly SessionRecord[],
): Promise<Map<string, TaskIn<"assigned">[]>> {
  const held = sessions.flatMap((session) => Object.keys(session.held));
  const tasks = await ports.record.tasks.getMany(fleet, held);
  const epochs = new Map(sessions.map(({ id, epoch }) => [id, epoch]));
  const waiting = tasks.filter(
    (task): task is TaskIn<"assigned"> =>
      task.state === "assigned" && epochs.get(task.owner.session) === task.owner.epoch,
  );
  return Map.groupBy(waiting, ({ owner }) => owner.session);
}

/** How long each session takes for a task, if the fleet's policy asks; empty if it does not. */
async function pacesOf(
  ports: Ports,
  fleet: string,
  sessions: readonly SessionRecord[],
): Promise<ReadonlyMap<string, number>> {
  if (valuesOf(await fleetOf(ports, fleet)).balancerPolicy !== "performance") return new Map();
  const ids = sessions.map(({ id }) => id);
  return pacesFrom(ids, await ports.record.performances.getMany(fleet, ids));
}

/** Sets whether the sweep keeps a fleet balanced, and how its sessions are chosen; what is left out stays. */
export async function setBalancing(
  ports: Ports,
  fleet: string,
  { auto, policy }: RebalanceRequest,
): Promise<void> {
  if (auto === undefined && policy === undefined) return;
  const settings = await fleetOf(ports, fleet);
  const result = await changeOrCreate(
    () => ports.record.fleets.get(fleet),
    ports.record.fleets.commit,
    (current) => {
      const now = current ?? settings;
      const next = { ...now, autoBalance: auto ?? now.autoBalance, policy: policy ?? now.policy };
      const same = next.autoBalance === current?.autoBalance && next.policy === current.policy;
      return same ? UNCHANGED : commit(next);
    },
  );
  if (isRefusal(result)) throw new Error(`The fleet's settings could not be changed: ${result.detail}`);
}
