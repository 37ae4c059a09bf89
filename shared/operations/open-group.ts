import type { TaskRecord } from "../contract/records.ts";
import { commit, UNCHANGED } from "../domain/decision.ts";
import { newRecount } from "../domain/new-task.ts";
import { NO_TOTALS } from "../domain/totals.ts";
import type { Ports } from "../ports/ports.ts";
import { changeOrCreate } from "./change.ts";

/** Marks a group as having submissions that are not in its totals yet. Call it after filing them. */
export async function openGroup({ record }: Ports, fleet: string, group: string): Promise<void> {
  await changeOrCreate(
    () => record.groups.get(fleet, group),
    record.groups.commit,
    (current) => {
      if (current?.open) return UNCHANGED;
      return commit(
        current
          ? { ...current, open: true }
          : { v: 1, rev: 0, fleet, group, open: true, totals: NO_TOTALS, rolling: [] },
      );
    },
  );
}

/**
 * Files what counts a redriven task anew. Repeating it changes nothing, so whoever finds such a task does it: the
 * redrive may have been cut short, and an end that is counted nowhere would be lost.
 */
export async function fileRecount(ports: Ports, task: TaskRecord): Promise<void> {
  const recount = newRecount(task, task.redrives, ports.clock.nowMs());
  await ports.record.submissions.add(recount);
  await openGroup(ports, task.fleet, recount.group);
}
