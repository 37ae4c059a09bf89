import type { ResumeBrief } from "../contract/checkpoint.ts";
import { BRIEF_TOKENS_DEFAULT } from "../contract/limits.ts";
import type { CheckpointRecord, JournalCall, SessionRecord, TaskRecord } from "../contract/records.ts";
import { type Unfinished, resumeBrief } from "../domain/resume-brief.ts";
import { endOf, isAlive } from "../domain/session-transitions.ts";
import { type EarlierTenure, earlierTenures } from "../domain/task-events.ts";
import type { Ports } from "../ports/ports.ts";

/** What is known of a task that somebody worked on before its holder of now; null, and nothing read, if nobody did. */
export async function briefOfTask(ports: Ports, task: TaskRecord): Promise<ResumeBrief | null> {
  const tenures = earlierTenures(task);
  const [tenure] = tenures;
  if (!tenure && task.attempt <= 1) return null;
  const { fleet, id } = task;
  const latest = await ports.record.checkpoints.ofTask.get(fleet, id);
  // Of very many changes a task forgets the first ones: then whoever made the last checkpoint was the last that is known.
  const session = tenure?.session ?? latest?.session;
  if (session === undefined) return null;
  const sessions = untold(tenures, latest?.atMs ?? 0, session);
  const calls = await callsOf(ports, task, sessions, tenure?.endedAtMs);
  return brief(ports, fleet, {
    ...{ taskId: id, session, endedBy: tenure?.endedBy ?? "unknown" },
    ...{ endedAtMs: tenure?.endedAtMs ?? null, lastBeatAtMs: tenure?.lastBeatAtMs ?? null },
    checkpoint: latest && {
      ...{ ...latest, sessionId: latest.session },
      ofLastStart: latest.session === tenure?.session && latest.atMs >= tenure.startedAtMs,
    },
    calls,
  });
}

/** Sessions whose journals are read for a task: one that crashes time and again without a checkpoint is bounded too. */
const JOURNALS_READ = 3;

/**
 * Sessions whose tool calls the last checkpoint may not know of: all that held the task since it was made, for one that crashed at once
 * says nothing of what was unknown before it.
 */
function untold(tenures: readonly EarlierTenure[], checkpointAtMs: number, last: string): string[] {
  const since = tenures.filter(({ endedAtMs }) => endedAtMs >= checkpointAtMs);
  return [...new Set([last, ...since.map(({ session }) => session)])].slice(0, JOURNALS_READ);
}

async function callsOf(
  { record }: Ports,
  { fleet, id }: TaskRecord,
  sessions: readonly string[],
  untilMs = Infinity,
): Promise<JournalCall[]> {
  const journals = await Promise.all(sessions.map((session) => record.journals.get(fleet, session)));
  // The same session may have been handed it again, and have begun.
  return journals.flatMap((journal) =>
    (journal?.calls ?? []).filter(({ taskId, startedAtMs }) => taskId === id && startedAtMs <= untilMs),
  );
}

/**
 * What a session left unfinished, as far as it had no task: a task's next holder is told of that. Of a session that lives it is what its
 * start before this one left, or once it has made a checkpoint, what that says.
 */
export async function briefOfSession(
  { record, ...ports }: Ports,
  session: SessionRecord,
): Promise<ResumeBrief | null> {
  const { fleet, id, epoch, doneEpoch = 0 } = session;
  const [newest, journal] = await Promise.all([
    record.checkpoints.latest(fleet, id),
    record.journals.get(fleet, id),
  ]);
  const unfinished = (of: { readonly epoch: number } | null) => of !== null && of.epoch > doneEpoch;
  const latest = unfinished(newest) && !newest?.task ? newest : null;
  const living = isAlive(session);
  // Its own word of now: it is not over.
  const own = living && latest?.epoch === epoch;
  const end = living ? session.before : endOf(session);
  if (!own && !end) return null;
  const told = own ? journal?.epoch === epoch : unfinished(journal) && (!living || journal?.epoch !== epoch);
  return brief({ record, ...ports }, fleet, {
    ...{ taskId: null, session: id, endedBy: own ? null : (end?.endedBy ?? "unknown") },
    ...{ endedAtMs: end?.endedAtMs ?? null, lastBeatAtMs: end?.lastBeatAtMs ?? null },
    checkpoint: latest && checkpointOf(latest, end?.epoch),
    calls: told ? (journal?.calls ?? []).filter(({ taskId }) => taskId === null) : [],
  });
}

const checkpointOf = (latest: CheckpointRecord, ended: number | undefined) => ({
  ...{ ...latest, sessionId: latest.session, sequence: latest.rev },
  ofLastStart: latest.epoch === ended,
});

type Named = Omit<NonNullable<Unfinished["checkpoint"]>, "state"> & Pick<CheckpointRecord, "body">;

async function brief(
  { record, clock }: Ports,
  fleet: string,
  known: Omit<Unfinished, "checkpoint"> & { readonly checkpoint: Named | null },
): Promise<ResumeBrief | null> {
  const named = known.checkpoint;
  const json = named && (await record.checkpoints.body(fleet, named.sessionId, named.body));
  const checkpoint = named && json !== null ? { ...named, state: JSON.parse(json) as unknown } : null;
  return resumeBrief({ ...known, checkpoint }, clock.nowMs(), BRIEF_TOKENS_DEFAULT);
}
