import { isRefusal } from "../contract/errors.ts";
import type { Move } from "../contract/fleet.ts";
import type { SessionRecord, TaskIn } from "../contract/records.ts";
import { type Loaded, type PlannedMove, planMoves } from "../domain/balance.ts";
import { commit, UNCHANGED } from "../domain/decision.ts";
import { load, reserve, semaphoresOf } from "../domain/session-transitions.ts";
import { isOwnedBy, reassign } from "../domain/task-transitions.ts";
import type { Ports } from "../ports/ports.ts";
import { confirm } from "./assign-task.ts";
import { changeOrCreate } from "./change.ts";
import { fleetOf } from "./fleet-of.ts";
import { liveSessions } from "./live-sessions.ts";
import { acquirePermits } from "./permits.ts";
import { releasePlace } from "./release-place.ts";

/** Moves in one go; the next tick goes on. */
const MOVES_LIMIT = 50;

/**
 * Moves waiting assignments from the most to the least loaded sessions until their loads differ by at most one,
 * or nothing that waits can help. What a session has started stays with it.
 *
 * @returns what moved, and whether assignments still wait to be started
 */
export async function rebalanceFleet(
  ports: Ports,
  fleet: string,
): Promise<{ moved: Move[]; waiting: boolean }> {
  const sessions: SessionRecord[] = [];
  for await (const page of liveSessions(ports, fleet))
    sessions.push(...page.filter(({ state }) => state === "live"));
  const loaded = await loadedOf(ports, fleet, sessions);
  const plan = planMoves(loaded, MOVES_LIMIT);
  const moved: Move[] = [];
  for (const move of plan)
    if (await moveTask(ports, fleet, move)) moved.push({ taskId: move.task, from: move.from, to: move.to });
  if (moved.length > 0) ports.log.info("rebalanced", { fleet, moved: moved.length });
  return { moved, waiting: loaded.some(({ waiting }) => waiting.length > 0) };
}

async function loadedOf(ports: Ports, fleet: string, sessions: readonly SessionRecord[]): Promise<Loaded[]> {
  const heldIds = sessions.flatMap(({ held }) => Object.keys(held));
  const waiting = new Map<string, TaskIn<"assigned">>();
  for (const task of await ports.record.tasks.getMany(fleet, heldIds))
    if (task.state === "assigned") waiting.set(task.id, task);
  return sessions.map((session) => ({
    session: session.id,
    capacity: session.capacity,
    load: load(session),
    capabilities: session.capabilities,
    waiting: Object.keys(session.held).flatMap((id) => {
      const task = waiting.get(id);
      return task && isOwnedBy(task, session.id, session.epoch)
        ? [{ task: id, requires: task.requires }]
        : [];
    }),
  }));
}

/** Moves one waiting assignment as it was first made: reserve there, take its permits over, write the task, look again, let go here. */
async function moveTask(
  ports: Ports,
  fleet: string,
  { task: taskId, from, to }: PlannedMove,
): Promise<boolean> {
  const task = await ports.record.tasks.get(fleet, taskId);
  const target = await ports.record.sessions.get(fleet, to);
  const source = await ports.record.sessions.get(fleet, from);
  if (task?.state !== "assigned" || task.owner.session !== from || !target || !source) return false;
  const semaphores = semaphoresOf(source, taskId);
  const reserved = reserve(target, target.epoch, taskId, task.fence + 1, semaphores);
  const place = reserved && (await ports.record.sessions.commit(target, reserved));
  if (!place) return false;
  const tenure = { task: taskId, session: to, fence: task.fence + 1 };
  // Limits do not matter: the permit is handed over, and without one there the task is no longer waiting there.
  const handedOver = semaphores.map((id) => ({ id, limit: 0 }));
  if ((await acquirePermits(ports, fleet, tenure, handedOver, from)) !== null) {
    await releasePlace(ports, fleet, to, taskId, tenure.fence);
    return false;
  }
  const written = await ports.record.tasks.commit(
    task,
    reassign(task, { session: to, epoch: place.epoch, host: place.host }),
  );
  if (!written) {
    await releasePlace(ports, fleet, to, taskId, task.fence + 1);
    return false;
  }
  await releasePlace(ports, fleet, from, taskId, task.fence);
  const { outcome } = await confirm(ports, written, place);
  return outcome === "assigned";
}

/** Sets whether the sweep keeps a fleet balanced. */
export async function setAutoBalance(ports: Ports, fleet: string, autoBalance: boolean): Promise<void> {
  const settings = await fleetOf(ports, fleet);
  const result = await changeOrCreate(
    () => ports.record.fleets.get(fleet),
    ports.record.fleets.commit,
    (current) =>
      current?.autoBalance === autoBalance ? UNCHANGED : commit({ ...(current ?? settings), autoBalance }),
  );
  if (isRefusal(result)) throw new Error(`The fleet's settings could not be changed: ${result.detail}`);
}
