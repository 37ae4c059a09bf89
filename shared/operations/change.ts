import { type Refusal, refuse } from "../contract/errors.ts";
import type { SessionRecord, TaskRecord } from "../contract/records.ts";
import type { Decision } from "../domain/decision.ts";
import type { Ports } from "../ports/ports.ts";
import type { Commit } from "../ports/record.ts";
import { commitTask } from "./commit-task.ts";
import { publishSession } from "./publish-session.ts";

/** Commits that lose the race this often in a row are refused; each loss means that somebody else got on. */
const TRIES = 20;

/** The document as it is now, and whether this call changed it. */
export type Changed<T, D = T> = { readonly document: D; readonly changed: boolean };

/**
 * Loads a document, asks for a decision, commits it; and again if somebody else committed meanwhile. The
 * decision sees the newest document each time, so no update is lost.
 *
 * @param known the document as it was a moment ago: if nobody has changed it since, its commit needs no reading
 */
async function change<T>(
  load: () => Promise<T>,
  write: Commit<NonNullable<T>>,
  decide: (current: T) => Decision<NonNullable<T>>,
  known?: NonNullable<T>,
): Promise<Changed<NonNullable<T>, T> | Refusal> {
  if (known !== undefined) {
    const decision = decide(known);
    const written = decision.kind === "commit" ? await write(known, decision.next) : null;
    if (written) return { document: written, changed: true };
  }
  for (let i = 0; i < TRIES; i++) {
    const current = await load();
    const decision = decide(current);
    if (decision.kind === "refused") return decision.refusal;
    if (decision.kind === "unchanged") return { document: current, changed: false };
    const written = await write(current ?? null, decision.next);
    if (written) return { document: written, changed: true };
  }
  return refuse(
    "conflict.retry",
    `Gave up after ${TRIES} tries, because others kept changing the same document.`,
  );
}

/**
 * Changes one task. An unknown task is refused.
 *
 * @param known the task as it was a moment ago, which may save the reading
 */
export async function changeTask(
  ports: Ports,
  fleet: string,
  id: string,
  decide: (task: TaskRecord) => Decision<TaskRecord>,
  known?: TaskRecord,
): Promise<Changed<TaskRecord> | Refusal> {
  const missing = {
    kind: "refused",
    refusal: refuse("task.not_found", `There is no task ${id} in this fleet.`),
  } as const;
  const result = await change(
    () => ports.record.tasks.get(fleet, id),
    (previous, next) => commitTask(ports, previous, next),
    (task) => (task ? decide(task) : missing),
    known,
  );
  return result as Changed<TaskRecord> | Refusal;
}

/**
 * Changes one session and publishes what it should be doing now. An unknown session is refused.
 *
 * @param known the session as it was a moment ago, which may save the reading
 */
export async function changeSession(
  ports: Ports,
  fleet: string,
  id: string,
  decide: (session: SessionRecord) => Decision<SessionRecord>,
  known?: SessionRecord,
): Promise<Changed<SessionRecord> | Refusal> {
  const missing = {
    kind: "refused",
    refusal: refuse("session.not_found", `There is no session ${id} in this fleet.`),
  } as const;
  const result = (await change(
    () => ports.record.sessions.get(fleet, id),
    ports.record.sessions.commit,
    (session) => (session ? decide(session) : missing),
    known,
  )) as Changed<SessionRecord> | Refusal;
  if ("changed" in result && result.changed) await publishSession(ports, result.document);
  return result;
}

/** Changes a document that may not exist yet. */
export async function changeOrCreate<T extends object>(
  load: () => Promise<T | null>,
  write: Commit<T>,
  decide: (current: T | null) => Decision<T>,
): Promise<Changed<T, T | null> | Refusal> {
  return change<T | null>(load, write, decide);
}
