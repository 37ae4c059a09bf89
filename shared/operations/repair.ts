import type { OwnedTask, SessionRecord, SweepRecord, TaskRecord } from "../contract/records.ts";
import { beatingOf } from "../domain/experiments/session-tuning.ts";
import { isSettled } from "../domain/held-work.ts";
import { isAlive } from "../domain/session-transitions.ts";
import { isEnded, isOwned, isReady, requeue } from "../domain/task-transitions.ts";
import { UNCHANGED, commit } from "../domain/decision.ts";
import { isRefusal } from "../contract/errors.ts";
import type { Ports } from "../ports/ports.ts";
import { announceReady } from "./announce-ready.ts";
import { listenToEvents } from "./announce-event.ts";
import { apart } from "./apart.ts";
import { changeOrCreate, changeTask } from "./change.ts";
import { fleetOf } from "./fleet-of.ts";
import { heldWorkOf } from "./held-work-of.ts";
import { linkDependencies } from "./link-dependencies.ts";
import { fileRecount } from "./open-group.ts";
import { mendInboxes } from "./mend-inboxes.ts";
import { verifyPermits } from "./permits.ts";
import { placeReady } from "./place-ready.ts";
import { publishSession } from "./publish-session.ts";
import { recoverSession } from "./recover-session.ts";
import { rollUpGroup } from "./roll-up-group.ts";
import { runEndEffects } from "./run-end-effects.ts";
import { settleSession } from "./settle-session.ts";

/** Documents of each kind compared in one step. */
const PAGE = 200;

export type Cursors = NonNullable<SweepRecord["cursors"]>;

/**
 * Compares one page of each kind of a fleet's documents with Redis and mends Redis, and with each other and mends
 * what a killed function left half-done.
 *
 * @returns where to go on, or null when the fleet is done
 */
export async function repairFleet(
  ports: Ports,
  fleet: string,
  cursors: Cursors | null,
): Promise<Cursors | null> {
  const goesOn = (cursor: string | null | undefined) => cursors === null || cursor != null;
  const sessions = goesOn(cursors?.sessions)
    ? await repairSessions(ports, fleet, cursors?.sessions ?? null)
    : NOTHING;
  const tasks = goesOn(cursors?.tasks) ? await repairTasks(ports, fleet, cursors?.tasks ?? null) : NOTHING;
  const groups = goesOn(cursors?.groups) ? await repairGroups(ports, fleet, cursors?.groups ?? null) : null;
  const seen = {
    sessions: (cursors?.seen.sessions ?? 0) + sessions.count,
    tasks: (cursors?.seen.tasks ?? 0) + tasks.count,
  };
  if (sessions.cursor !== null || tasks.cursor !== null || groups !== null)
    return { sessions: sessions.cursor, tasks: tasks.cursor, groups, seen };
  await noteQuotas(ports, fleet, seen);
  return null;
}

type Step = { readonly cursor: string | null; readonly count: number };
const NOTHING: Step = { cursor: null, count: 0 };

/** Notes whether a fleet's quotas are used up, for registration and submission to refuse more. */
async function noteQuotas(ports: Ports, fleet: string, seen: Cursors["seen"]): Promise<void> {
  const settings = await fleetOf(ports, fleet);
  const sessionsFull = seen.sessions >= settings.sessionsQuota;
  const openTasksFull = seen.tasks >= settings.openTasksQuota;
  await changeOrCreate(
    () => ports.record.fleets.get(fleet),
    ports.record.fleets.commit,
    (current) => {
      const now = current ?? settings;
      const same = now.sessionsFull === sessionsFull && now.openTasksFull === openTasksFull;
      return same ? UNCHANGED : commit({ ...now, sessionsFull, openTasksFull });
    },
  );
}

async function repairSessions(ports: Ports, fleet: string, cursor: string | null): Promise<Step> {
  const page = await ports.record.sessions.list(fleet, "live", cursor, PAGE);
  const sessions = await ports.record.sessions.getMany(fleet, page.items);
  const desired = await ports.registry.desired(
    fleet,
    sessions.map(({ id }) => id),
  );
  const deadlines = await ports.registry.deadlines(
    sessions.map(({ id, host, epoch }) => ({ fleet, host, session: id, epoch })),
  );
  const works = await heldWorkOf(ports, fleet, sessions);
  for (const [i, session] of sessions.entries()) {
    if ((desired[i]?.rev ?? -1) < session.rev) await publishSession(ports, session);
    const about = { fleet, session: session.id };
    const work = works[i];
    const settled = work !== undefined && isSettled(work, ports.clock.nowMs());
    await apart(ports, about, () => repairSession(ports, session, deadlines[i] ?? null, settled));
  }
  await apart(ports, { fleet, of: "messages" }, () => repairInboxes(ports, fleet, sessions));
  return { cursor: page.cursor, count: sessions.length };
}

async function repairInboxes(ports: Ports, fleet: string, sessions: readonly SessionRecord[]): Promise<void> {
  await mendInboxes(ports, fleet, sessions);
  const topics = sessions.filter(isAlive).flatMap((session) => session.topics ?? []);
  if (topics.length > 0) await listenToEvents(ports, await fleetOf(ports, fleet), { topics });
}

async function repairSession(
  ports: Ports,
  session: SessionRecord,
  deadlineMs: number | null,
  settled: boolean,
): Promise<void> {
  const { fleet, id, host, epoch } = session;
  if (session.state === "recovering") {
    await recoverSession(ports, fleet, id, epoch - 1, {
      endsAs: session.endsAs ?? "crashed",
      cause: session.cause ?? "",
      lastBeatAtMs: null,
      endedBy: session.endedBy ?? "unknown",
    });
    return;
  }
  if (!isAlive(session)) return;
  if (deadlineMs === null) {
    const { timeoutMs } = beatingOf(session, await fleetOf(ports, fleet));
    await ports.registry.extend([{ fleet, host, session: id, epoch }], ports.clock.nowMs() + timeoutMs);
  }
  if (!settled && (await settleSession(ports, fleet, id)))
    await ports.agenda.put([{ kind: "settle", fleet, session: id }], ports.clock.nowMs());
}

async function repairTasks(ports: Ports, fleet: string, cursor: string | null): Promise<Step> {
  const nowMs = ports.clock.nowMs();
  const page = await ports.record.tasks.listOpen(fleet, cursor, PAGE);
  const tasks = await ports.record.tasks.getMany(fleet, page.items);
  const owners = new Map((await ownersOf(ports, fleet, tasks)).map((session) => [session.id, session]));
  for (const task of tasks)
    await apart(ports, { fleet, task: task.id }, async () => {
      await repairTask(ports, task);
      if (isOwned(task)) await repairOwned(ports, task, owners.get(task.owner.session) ?? null);
    });
  const ready = tasks.filter((task) => isReady(task, nowMs)); // Last: a task that is handed out is counted.
  for (const barrier of await placeReady(ports, fleet, ready)) await verifyPermits(ports, fleet, barrier);
  return { cursor: page.cursor, count: tasks.length };
}

async function repairTask(ports: Ports, task: TaskRecord): Promise<void> {
  const { fleet, id } = task;
  if (task.redrives > 0) await fileRecount(ports, task);
  if (task.state === "blocked") {
    const linked = await linkDependencies(ports, task);
    await announceReady(ports, fleet, [linked]);
  }
  if (isEnded(task) && task.effectsPending) await runEndEffects(ports, task);
  if (task.state === "running" && task.timeoutAtMs !== null)
    await ports.agenda.put([{ kind: "timeout", fleet, task: id, fence: task.fence }], task.timeoutAtMs);
  if (task.state === "assigned") await ports.agenda.put([{ kind: "balance", fleet }], ports.clock.nowMs());
}

async function ownersOf(ports: Ports, fleet: string, tasks: readonly TaskRecord[]): Promise<SessionRecord[]> {
  const ids = new Set(tasks.filter(isOwned).map(({ owner }) => owner.session));
  return ids.size > 0 ? ports.record.sessions.getMany(fleet, [...ids]) : [];
}

/** A task whose owner's session does not hold it has no owner that would ever be told. */
async function repairOwned(
  ports: Ports,
  { fleet, id, owner, fence }: OwnedTask,
  session: SessionRecord | null,
): Promise<void> {
  if (session && id in session.held) return;
  const loss = {
    cause: "crash",
    detail: `Session ${owner.session} had let go of it.`,
    backoffBaseMs: 0,
    uniform: 0,
  } as const;
  const result = await changeTask(ports, fleet, id, (task) =>
    isOwned(task) && task.fence === fence ? commit(requeue(task, loss, ports.clock.nowMs())) : UNCHANGED,
  );
  if (isRefusal(result) || !result.changed) return;
  if (isEnded(result.document)) await runEndEffects(ports, result.document);
  else await announceReady(ports, fleet, [result.document]);
}

async function repairGroups(ports: Ports, fleet: string, cursor: string | null): Promise<string | null> {
  const page = await ports.record.groups.list(fleet, cursor, PAGE);
  for (const { group, open, rolling } of page.items)
    if (open || rolling.length > 0)
      await apart(ports, { fleet, group }, () => rollUpGroup(ports, fleet, group));
  return page.cursor;
}
