import { isRefusal } from "../contract/errors.ts";
import type { SessionRecord, TaskRecord } from "../contract/records.ts";
import { type Decision, UNCHANGED, commit } from "../domain/decision.ts";
import {
  type GivingUp,
  finishRecovery,
  giveUp,
  isAlive,
  letGo,
  load,
  semaphoresOf,
} from "../domain/session-transitions.ts";
import { isEnded, isOwned, requeue, voidReservation } from "../domain/task-transitions.ts";
import type { Ports } from "../ports/ports.ts";
import { StoreUnavailable } from "../ports/unavailable.ts";
import { announceSessionEnd } from "./announce-event.ts";
import { announceReady } from "./announce-ready.ts";
import { changeSession, changeTask } from "./change.ts";
import { backoffBaseOf, fleetOf } from "./fleet-of.ts";
import { notePerformance } from "./note-performance.ts";
import { noteSessionUnit } from "./note-unit.ts";
import { releasePermits } from "./permits.ts";
import { runEndEffects } from "./run-end-effects.ts";

/**
 * Gives up one epoch of a session and returns its work, then lets it end. Until `held` is empty its deadline stays, so that
 * a sweep finishes what a killed function began.
 *
 * @returns the session as it then is, or null if this epoch was not alive or recovering
 */
export async function recoverSession(
  ports: Ports,
  fleet: string,
  id: string,
  epoch: number,
  giving: GivingUp,
): Promise<SessionRecord | null> {
  const session = await returnWork(ports, fleet, id, epoch, giving);
  return session && endRecovery(ports, session);
}

/**
 * The first half: the epoch rises first, so that from then on nothing the session says counts; then each held task is
 * requeued.
 *
 * @returns the session, for `endRecovery`; or null if this epoch was not alive or recovering
 */
export async function returnWork(
  ports: Ports,
  fleet: string,
  id: string,
  epoch: number,
  giving: GivingUp | ((session: SessionRecord) => GivingUp),
): Promise<SessionRecord | null> {
  const givingUp = typeof giving === "function" ? giving : () => giving;
  const given = await changeSession(ports, fleet, id, (session) =>
    giveUp(session, epoch, givingUp(session), ports.clock.nowMs()),
  );
  if (isRefusal(given)) return null;
  const session = given.document;
  if (given.changed) await tellGivenUp(ports, session, givingUp(session));
  const ours = session.epoch === epoch + 1 && !isAlive(session);
  if (!ours) return null;
  if (session.state === "recovering") await returnTasks(ports, session);
  return session;
}

async function tellGivenUp(ports: Ports, session: SessionRecord, { endsAs, cause }: GivingUp): Promise<void> {
  const { fleet, id, epoch } = session;
  const about = { fleet, session: id, epoch: epoch - 1, endsAs, cause, tasks: load(session) };
  if (endsAs === "ended") {
    ports.log.info("session ended", about);
    return;
  }
  ports.log.warn("session given up", about);
  await ports.metrics.note(fleet, "SessionsCrashed", 1);
  if (await wasEndangered(ports, session)) await ports.metrics.note(fleet, "EndangeredCrashed", 1);
}

/** Whether the start that crashed had been in the danger zone, as far as Redis knows: nothing may wait for that. */
async function wasEndangered({ registry }: Ports, { fleet, id, epoch }: SessionRecord): Promise<boolean> {
  try {
    const [report] = await registry.reported(fleet, [id]);
    return report?.epoch === epoch - 1 && report.endangered === true;
  } catch (error) {
    if (error instanceof StoreUnavailable) return false;
    throw error;
  }
}

/** The second half, once its work is back: those who listen are told, then the session is crashed or ended. */
export async function endRecovery(ports: Ports, session: SessionRecord): Promise<SessionRecord> {
  const { fleet, host, id, held } = session;
  let ended = session;
  if (session.state === "recovering") {
    // Before the last commit, because whoever finds the session still recovering does all of this again.
    const settings = await fleetOf(ports, fleet);
    await announceSessionEnd(ports, session, settings);
    await noteSessionUnit(ports, session, settings);
    const finish = (current: SessionRecord) => letGoOfAll(current, held, ports.clock.nowMs());
    const done = await changeSession(ports, fleet, id, finish, session);
    if (!isRefusal(done)) ended = done.document;
  }
  await ports.registry.forget([{ fleet, host, session: id, epoch: session.epoch - 1 }]);
  return ended;
}

/** Requeues everything a recovering session holds. */
async function returnTasks(ports: Ports, session: SessionRecord): Promise<void> {
  const { fleet, id, held, lastBeatAtMs } = session;
  const [tasks, settings] = await Promise.all([
    ports.record.tasks.getMany(fleet, Object.keys(held)),
    fleetOf(ports, fleet),
  ]);
  const requeued: TaskRecord[] = [];
  for (const task of tasks) {
    const returned = await changeTask(ports, fleet, task.id, (current) => {
      const fence = held[task.id] ?? 0;
      if (current.state === "queued" && current.fence < fence) return commit(voidReservation(current, fence));
      if (!isOwned(current) || current.owner.session !== id || current.owner.epoch >= session.epoch)
        return UNCHANGED;
      const cause = session.endsAs === "crashed" ? "crash" : "moved";
      const backoffBaseMs = backoffBaseOf(settings, current);
      const detail = `Session ${id} ended without settling it: ${session.cause ?? "no cause known"}`;
      return commit(
        requeue(
          current,
          {
            ...{ cause, detail, backoffBaseMs, lastBeatAtMs, endedBy: session.endedBy },
            uniform: ports.chance.uniform(),
          },
          ports.clock.nowMs(),
        ),
      );
    });
    if (isRefusal(returned)) throw new Error(`Task ${task.id} could not be requeued: ${returned.detail}`);
    const tenure = { task: task.id, session: id, fence: held[task.id] ?? 0 };
    if (!(await releasePermits(ports, fleet, tenure, semaphoresOf(session, task.id))))
      throw new Error(`The permits of task ${task.id} could not be released; the next tick tries again.`);
    if (returned.changed && task.state === "running" && session.endsAs === "crashed")
      await notePerformance(ports, returned.document, id, tenure.fence, false);
    if (isEnded(returned.document)) await runEndEffects(ports, returned.document);
    else if (returned.changed) requeued.push(returned.document);
  }
  await announceReady(ports, fleet, requeued);
}

/** Lets go of exactly the tenures that were returned, and finishes if these were all. */
function letGoOfAll(
  session: SessionRecord,
  returned: Readonly<Record<string, number>>,
  nowMs: number,
): Decision<SessionRecord> {
  if (session.state !== "recovering") return UNCHANGED;
  const emptied = Object.entries(returned).reduce((current, [task, fence]) => {
    const decision = letGo(current, task, fence);
    return decision.kind === "commit" ? decision.next : current;
  }, session);
  const finished = finishRecovery(emptied, nowMs);
  return finished.kind === "commit" ? finished : commit(emptied);
}
