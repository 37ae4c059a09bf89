import { isRefusal } from "../contract/errors.ts";
import type { SessionRecord, TaskRecord } from "../contract/records.ts";
import { exposedUnitsOf, newExposures } from "../domain/experiments/exposures.ts";
import { repositoryOf } from "../domain/experiments/known-values.ts";
import { expose } from "../domain/experiments/session-tuning.ts";
import { isOwned } from "../domain/task-transitions.ts";
import type { Ports } from "../ports/ports.ts";
import { changeSession } from "./change.ts";

/**
 * Notes that a start of a session has met its variants of these experiments, the first time that it does; of one that it is not in,
 * nothing. Marked first and filed then: what a killed function did not file is filed with its outcome.
 */
export async function exposeSession(
  ports: Ports,
  { fleet, id, epoch }: SessionRecord,
  experimentIds: readonly string[],
): Promise<void> {
  let before: SessionRecord | undefined;
  const result = await changeSession(ports, fleet, id, (session) => {
    before = session;
    return expose(session, epoch, experimentIds, ports.clock.nowMs());
  });
  if (isRefusal(result)) throw new Error(`The exposure of session ${id} was not noted: ${result.detail}`);
  if (!result.changed) return;
  const { host, agent, cwd, exposures } = result.document;
  const unit = { fleet, kind: "session", id, generation: epoch, host, agent, type: null } as const;
  const added = newExposures(before?.exposures, exposures);
  for (const exposed of exposedUnitsOf({ ...unit, repository: repositoryOf(cwd) }, added))
    await ports.record.units.expose(exposed);
}

/** Files that a task has met its variant, once the record has it. What a killed function did not file is filed with its outcome. */
export async function fileTaskExposure(
  { record }: Pick<Ports, "record">,
  task: TaskRecord,
  experiment: string,
): Promise<void> {
  const { fleet, id, redrives, type } = task;
  const exposure = task.exposures?.[experiment];
  if (!exposure) return;
  const host = isOwned(task) ? task.owner.host : null;
  const unit = { fleet, kind: "task", id, generation: redrives, host, agent: null, type } as const;
  for (const exposed of exposedUnitsOf({ ...unit, repository: null }, { [experiment]: exposure }))
    await record.units.expose(exposed);
}
