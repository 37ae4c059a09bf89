import type { EndedTask, TaskRecord } from "../contract/records.ts";
import { UNCHANGED, commit } from "../domain/decision.ts";
import { effectsDone, isEnded } from "../domain/task-transitions.ts";
import { NO_GROUP } from "../domain/new-task.ts";
import type { Ports } from "../ports/ports.ts";
import { announceTaskEnd } from "./announce-event.ts";
import { announceReady, withdrawReady } from "./announce-ready.ts";
import { changeTask } from "./change.ts";
import { fleetOf } from "./fleet-of.ts";
import { noteTaskUnit } from "./note-unit.ts";
import { fileRecount } from "./open-group.ts";
import { settleDependency } from "./settle-dependency.ts";

const EDGES_PAGE = 100;

/**
 * Carries out what the end of a task means to others: its submission counts it, its dependents become ready, fail
 * or are skipped, and theirs in turn; then what is kept beside it may go, those who listen are told, and what became of it is filed
 * for experiments. Every step is idempotent, so whoever finds an ended task whose effects may be missing runs them again.
 */
export async function runEndEffects(ports: Ports, task: EndedTask): Promise<void> {
  const { fleet } = task;
  const ready: TaskRecord[] = [];
  const ended: EndedTask[] = [task];
  for (let next = ended.shift(); next; next = ended.shift()) {
    const current = next;
    if (current.redrives > 0) await fileRecount(ports, current);
    await ports.record.submissions.mark(
      fleet,
      current.group ?? NO_GROUP,
      current.submission.id,
      current.submission.index,
      current.state,
    );
    await withdrawReady(ports, current);
    for await (const dependents of dependentsOf(ports, current)) {
      for (const dependent of dependents) {
        const settled = await settleDependency(ports, fleet, dependent, current);
        if (settled?.state === "queued") ready.push(settled);
        else if (settled && isEnded(settled)) ended.push(settled);
      }
      if (dependents.length > 0) await ports.record.edges.close(fleet, current.id, dependents);
    }
    await ports.record.payloads.close(fleet, current.id, current.data);
    const settings = await fleetOf(ports, fleet);
    await announceTaskEnd(ports, current, settings);
    await noteTaskUnit(ports, current, settings);
    if (current.effectsPending)
      await changeTask(ports, fleet, current.id, (now) =>
        isEnded(now) && now.effectsPending && now.fence === current.fence
          ? commit(effectsDone(now))
          : UNCHANGED,
      );
  }
  await announceReady(ports, fleet, ready);
}

async function* dependentsOf({ record }: Ports, task: TaskRecord): AsyncGenerator<readonly string[]> {
  let cursor: string | null = null;
  do {
    const page: { items: readonly string[]; cursor: string | null } = await record.edges.list(
      task.fleet,
      task.id,
      cursor,
      EDGES_PAGE,
    );
    yield page.items;
    cursor = page.cursor;
  } while (cursor !== null);
}
