import type { ResumeBrief } from "../contract/checkpoint.ts";
import { BRIEF_TOKENS_DEFAULT } from "../contract/limits.ts";
import type { SessionRecord, TaskRecord } from "../contract/records.ts";
import { type Unfinished, resumeBrief } from "../domain/resume-brief.ts";
import { lastTenure } from "../domain/task-events.ts";
import type { Ports } from "../ports/ports.ts";

/** What is known of a task that somebody worked on before its holder of now; null, and nothing read, if nobody did. */
export async function briefOfTask(ports: Ports, task: TaskRecord): Promise<ResumeBrief | null> {
  const tenure = lastTenure(task);
  if (!tenure) return null;
  const { fleet, id } = task;
  const [latest, journal] = await Promise.all([
    ports.record.checkpoints.ofTask.get(fleet, id),
    ports.record.journals.get(fleet, tenure.session),
  ]);
  return brief(ports, fleet, {
    ...{ taskId: id, session: tenure.session, endedBy: tenure.endedBy },
    ...{ endedAtMs: tenure.endedAtMs, lastBeatAtMs: tenure.lastBeatAtMs },
    checkpoint: latest && { ...latest, sessionId: latest.session },
    calls: (journal?.calls ?? []).filter(({ taskId }) => taskId === id),
  });
}

/** What a session left unfinished when it last ended, as far as it had no task: a task's next holder is told of that. */
export async function briefOfSession(
  ports: Ports,
  { fleet, id, endedBy = "unknown", endedAtMs, lastBeatAtMs }: SessionRecord,
): Promise<ResumeBrief | null> {
  if (endedBy === "done") return null;
  const [latest, journal] = await Promise.all([
    ports.record.checkpoints.latest(fleet, id),
    ports.record.journals.get(fleet, id),
  ]);
  return brief(ports, fleet, {
    ...{ taskId: null, session: id, endedBy, endedAtMs, lastBeatAtMs },
    checkpoint: latest && !latest.task ? { ...latest, sessionId: id, sequence: latest.rev } : null,
    calls: (journal?.calls ?? []).filter(({ taskId }) => taskId === null),
  });
}

type Kept = NonNullable<Awaited<ReturnType<Ports["record"]["checkpoints"]["latest"]>>>;
type Named = Pick<Kept, "body" | "trigger" | "atMs"> & {
  readonly sessionId: string;
  readonly sequence: number;
};

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
