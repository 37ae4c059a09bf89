import { type Refusal, isRefusal } from "../contract/errors.ts";
import type { HeldTask } from "../contract/session.ts";
import type { OwnedTask, SessionRecord, TaskRecord } from "../contract/records.ts";
import { UNCHANGED, commit } from "../domain/decision.ts";
import { beatingOf } from "../domain/experiments/session-tuning.ts";
import { isFullClaim } from "../domain/claim-size.ts";
import { pauseOf } from "../domain/rules.ts";
import type { Tenure } from "../domain/semaphore.ts";
import { hearReport, load, refuseEpoch, withoutPlace } from "../domain/session-transitions.ts";
import { isSettledBy } from "../domain/task-settlement.ts";
import { isEnded, isOwnedBy, start } from "../domain/task-transitions.ts";
import type { SessionClaims } from "../domain/tokens.ts";
import type { AgendaEntry } from "../ports/agenda.ts";
import type { Ports } from "../ports/ports.ts";
import { briefOfTask } from "./brief-of.ts";
import { changeSession, changeTask } from "./change.ts";
import { fleetOf, rulesOf } from "./fleet-of.ts";
import { gatherInputs } from "./gather-inputs.ts";
import { withOnePublication } from "./one-publication.ts";
import { releasePlace } from "./release-place.ts";
import { runEndEffects } from "./run-end-effects.ts";
import { stealWaiting } from "./steal-waiting.ts";
import { takeReady } from "./take-ready.ts";
import { viewTask } from "./view-task.ts";
import { refuse } from "../contract/errors.ts";

/**
 * Gives a session its next tasks: first what it owns and has not reported (its claim's answer was lost), then
 * what waits for it, then what is ready. One that holds nothing and finds nothing takes over what waits with another.
 */
export async function claimTasks(
  ports: Ports,
  claims: SessionClaims,
  max: number,
): Promise<{ tasks: HeldTask[] } | Refusal> {
  const session = await askingSession(ports, claims);
  if (isRefusal(session)) return session;
  const owned = await startHeld(ports, session, max);
  const { claimed } =
    session.state === "live"
      ? await withOnePublication(ports, (once) => takeReady(once, session, owned, max))
      : { claimed: owned };
  const stolen = claimed.length === 0 ? await stealWaiting(ports, session) : null;
  return { tasks: await hold(ports, session, stolen ? [stolen] : claimed) };
}

/**
 * Lets a session go of a task that it settled, and gives it the next: with one commit of the session, if the next is a ready one
 * and the settled one had no permits.
 *
 * @returns the next task, or null if there is none or the session may claim no more
 */
export async function claimNext(
  ports: Ports,
  claims: SessionClaims,
  settled: Tenure,
): Promise<HeldTask | null> {
  const letGo = () => releasePlace(ports, claims.fleet, settled.session, settled.task, settled.fence);
  const session = await askingSession(ports, claims);
  const without = isRefusal(session) ? null : withoutPlace(session, settled);
  if (without?.state !== "live") {
    await letGo();
    const claimed = await claimTasks(ports, claims, 1);
    return isRefusal(claimed) ? null : (claimed.tasks[0] ?? null);
  }
  const owned = await startHeld(ports, without, 1);
  const { claimed, session: seen } = await takeReady(ports, without, owned, 1, settled);
  if (seen === without) await letGo();
  const [next = await stealNext(ports, claims)] = claimed;
  return next ? ((await hold(ports, seen, [next]))[0] ?? null) : null;
}

async function stealNext(ports: Ports, claims: SessionClaims): Promise<OwnedTask | null> {
  const session = await askingSession(ports, claims);
  return isRefusal(session) ? null : stealWaiting(ports, session);
}

/** The session that asks for work, as long as it may. */
async function askingSession(ports: Ports, claims: SessionClaims): Promise<SessionRecord | Refusal> {
  const session = await ports.record.sessions.get(claims.fleet, claims.session);
  if (!session) return refuse("session.not_found", `There is no session ${claims.session} in this fleet.`);
  return refuseEpoch(session, claims.epoch)?.refusal ?? session;
}

/** Starts what waits for the session, and finds what runs in its name though it says nothing of it. */
async function startHeld(ports: Ports, session: SessionRecord, max: number): Promise<OwnedTask[]> {
  if (load(session) === 0) return [];
  const { fleet, id, epoch } = session;
  const tasks = (await ports.record.tasks.getMany(fleet, Object.keys(session.held))).sort(
    (a, b) => a.createdAtMs - b.createdAtMs || (a.id < b.id ? -1 : 1),
  );
  await letGoOfEnded(ports, session, tasks);
  const [report] = await ports.registry.reported(fleet, [id]);
  const knows = (task: TaskRecord) => report?.epoch === epoch && report.tasks[task.id]?.fence === task.fence;
  const mine = tasks.filter((task): task is OwnedTask => isOwnedBy(task, id, epoch));
  const unlisted = mine.filter((task) => task.state === "running" && !knows(task));
  const unknown = unlisted.length > 0 ? await unheardOf(ports, session, unlisted) : [];
  const held: OwnedTask[] = [];
  for (const task of await stillOurs(ports, session, unknown)) if (!isFullClaim(held, max)) held.push(task);
  for (const task of await startable(ports, fleet, mine)) {
    if (isFullClaim(held, max)) break;
    const started = await startAssigned(ports, task);
    if (started) held.push(started);
  }
  return held;
}

/**
 * Those of the running tasks of which no progress was reported for a timeout. Whoever never lists its tasks, and stopped one
 * when its lease passed, would not be given it again otherwise.
 */
async function unheardOf(
  ports: Ports,
  session: SessionRecord,
  tasks: readonly OwnedTask[],
): Promise<OwnedTask[]> {
  const { timeoutMs } = beatingOf(session, await fleetOf(ports, session.fleet));
  const sinceMs = ports.clock.nowMs() - timeoutMs;
  return tasks.filter((task) => task.state === "running" && (task.progressAtMs ?? 0) < sinceMs);
}

/**
 * Those of the tasks that nobody is taking away as dropped. A question that waits for an answer is withdrawn, because the
 * reports so far do not know of what is handed out now.
 */
async function stillOurs(
  ports: Ports,
  { fleet, id, stopping, askedAtMs = null }: SessionRecord,
  tasks: readonly OwnedTask[],
): Promise<readonly OwnedTask[]> {
  const kept = tasks.filter((task) => !(task.id in stopping));
  if (kept.length === 0 || askedAtMs === null) return kept;
  const heard = await changeSession(ports, fleet, id, hearReport);
  return isRefusal(heard) ? [] : kept.filter((task) => !(task.id in heard.document.stopping));
}

/** Waiting assignments that no pause keeps from starting. */
async function startable(ports: Ports, fleet: string, mine: readonly OwnedTask[]): Promise<OwnedTask[]> {
  const waiting = mine.filter(({ state }) => state === "assigned");
  if (waiting.length === 0) return [];
  const rules = await rulesOf(ports, fleet);
  return waiting.filter((task) => !rules.paused.fleet && pauseOf(rules, task) === null);
}

async function startAssigned(ports: Ports, { fleet, id, fence }: OwnedTask): Promise<OwnedTask | null> {
  const nowMs = ports.clock.nowMs();
  const result = await changeTask(ports, fleet, id, (task) =>
    task.state === "assigned" && task.fence === fence ? commit(start(task, nowMs)) : UNCHANGED,
  );
  return !isRefusal(result) && result.changed && result.document.state === "running" ? result.document : null;
}

/**
 * A function that died between the session's end of a task and letting go of it left the end's effects to whoever
 * looks next. What others ended the session may still be working on.
 */
async function letGoOfEnded(
  ports: Ports,
  session: SessionRecord,
  tasks: readonly TaskRecord[],
): Promise<void> {
  const { fleet, id, epoch, held } = session;
  for (const task of tasks) {
    const fence = held[task.id] ?? 0;
    if (!isEnded(task) || !isSettledBy(task, { session: id, epoch, fence })) continue;
    await runEndEffects(ports, task);
    await releasePlace(ports, fleet, id, task.id, fence);
  }
}

/** Tasks as their holder sees them, with the time until which its beats so far let it work on them. */
export async function hold(
  ports: Ports,
  session: SessionRecord,
  tasks: readonly OwnedTask[],
): Promise<HeldTask[]> {
  if (tasks.length === 0) return [];
  const { fleet, host, id, epoch } = session;
  const timeouts = tasks.flatMap((task): { entry: AgendaEntry; dueMs: number }[] =>
    task.state === "running" && task.timeoutAtMs !== null
      ? [{ entry: { kind: "timeout", fleet, task: task.id, fence: task.fence }, dueMs: task.timeoutAtMs }]
      : [],
  );
  for (const { entry, dueMs } of timeouts) await ports.agenda.put([entry], dueMs);
  const [deadlineMs] = await ports.registry.deadlines([{ fleet, host, session: id, epoch }]);
  const leaseExpiresMs =
    deadlineMs ?? ports.clock.nowMs() + beatingOf(session, await fleetOf(ports, fleet)).timeoutMs;
  return Promise.all(
    tasks.map(async (task) => ({
      // No beat has spoken of a task that its session does not know of yet.
      task: await viewTask(ports, task, { reported: false }),
      fence: task.fence,
      leaseExpiresMs,
      resume: await briefOfTask(ports, task),
      inputs: await gatherInputs(ports, task),
    })),
  );
}
