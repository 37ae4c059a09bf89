import type { ResumeBrief } from "../contract/checkpoint.ts";
import { isRefusal } from "../contract/errors.ts";
import { PARAMETERS } from "../contract/parameters.ts";
import type {
  CheckpointRecord,
  FleetRecord,
  JournalCall,
  SessionRecord,
  TaskRecord,
} from "../contract/records.ts";
import { valuesOf } from "../domain/experiments/parameters.ts";
import { type Unfinished, resumeBrief } from "../domain/resume-brief.ts";
import { endOf, isAlive } from "../domain/session-transitions.ts";
import { type EarlierTenure, earlierTenures } from "../domain/task-events.ts";
import { exposeTask } from "../domain/task-transitions.ts";
import type { Ports } from "../ports/ports.ts";
import { type Meeting, tellMet, valueForTask } from "./allocate-task.ts";
import { changeTask } from "./change.ts";
import { fleetOf } from "./fleet-of.ts";

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
  const make = await briefMaker(ports, fleet, {
    ...{ taskId: id, session, endedBy: tenure?.endedBy ?? "unknown" },
    ...{ endedAtMs: tenure?.endedAtMs ?? null, lastBeatAtMs: tenure?.lastBeatAtMs ?? null },
    checkpoint: latest && {
      ...{ ...latest, sessionId: latest.session },
      ofLastStart: latest.session === tenure?.session && latest.atMs >= tenure.startedAtMs,
    },
    calls,
  });
  return tunedBrief(ports, task, make);
}

const USUAL_TOKENS = PARAMETERS.briefTokens.default;

/** A brief of at most so many tokens; null if there is nothing to tell. */
type BriefMaker = (tokens: number) => ResumeBrief | null;

/**
 * A task's brief within the budget that the task is given. An experiment on the budget is met where it makes a difference: what fits
 * into both is the same text in both arms, and tells nothing about them. Which it is does not depend on the arm.
 */
async function tunedBrief(ports: Ports, task: TaskRecord, make: BriefMaker): Promise<ResumeBrief | null> {
  const usual = make(USUAL_TOKENS);
  if (!usual) return null;
  const settings = await fleetOf(ports, task.fleet);
  const { value, meets } = await valueForTask(ports, settings, task, "briefTokens");
  if (meets) {
    const { control, treatment } = meets.experiment;
    const [one, other] = [control, treatment].map((tokens) => make(Number(tokens))?.text);
    if (one !== other) await meet(ports, task, meets);
  }
  return value === USUAL_TOKENS ? usual : make(value);
}

/** Noted before the brief is handed out: what is not noted has not been met. */
async function meet(ports: Ports, { fleet, id, redrives }: TaskRecord, meets: Meeting): Promise<void> {
  const { experiment, exposure } = meets;
  const noted = await changeTask(ports, fleet, id, (task) =>
    exposeTask(task, redrives, experiment.id, exposure),
  );
  if (!isRefusal(noted) && noted.changed) await tellMet(ports, noted.document, meets);
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
 * start before this one left, or once it has made a checkpoint, what that says. No task is a unit here: the budget is the fleet's.
 *
 * @param settings the fleet, if it was just read
 */
export async function briefOfSession(
  ports: Ports,
  session: SessionRecord,
  settings?: FleetRecord,
): Promise<ResumeBrief | null> {
  const { record } = ports;
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
  const make = await briefMaker(ports, fleet, {
    ...{ taskId: null, session: id, endedBy: own ? null : (end?.endedBy ?? "unknown") },
    ...{ endedAtMs: end?.endedAtMs ?? null, lastBeatAtMs: end?.lastBeatAtMs ?? null },
    checkpoint: latest && checkpointOf(latest, end?.epoch),
    calls: told ? (journal?.calls ?? []).filter(({ taskId }) => taskId === null) : [],
  });
  const usual = make(USUAL_TOKENS);
  if (!usual) return null;
  const { briefTokens } = valuesOf(settings ?? (await fleetOf(ports, fleet)));
  return briefTokens === USUAL_TOKENS ? usual : make(briefTokens);
}

const checkpointOf = (latest: CheckpointRecord, ended: number | undefined) => ({
  ...{ ...latest, sessionId: latest.session, sequence: latest.rev },
  ofLastStart: latest.epoch === ended,
});

type Named = Omit<NonNullable<Unfinished["checkpoint"]>, "state"> & Pick<CheckpointRecord, "body">;

async function briefMaker(
  { record, clock }: Ports,
  fleet: string,
  known: Omit<Unfinished, "checkpoint"> & { readonly checkpoint: Named | null },
): Promise<BriefMaker> {
  const named = known.checkpoint;
  const json = named && (await record.checkpoints.body(fleet, named.sessionId, named.body));
  const checkpoint = named && json !== null ? { ...named, state: JSON.parse(json) as unknown } : null;
  const nowMs = clock.nowMs();
  return (tokens) => resumeBrief({ ...known, checkpoint }, nowMs, tokens);
}
