import type { RedriveAnswer } from "../contract/bulk.ts";
import { isRefusal } from "../contract/errors.ts";
import { PAGE_LIMIT } from "../contract/limits.ts";
import type { TaskIn, TaskRecord } from "../contract/records.ts";
import type { Task } from "../contract/task.ts";
import type { Ports } from "../ports/ports.ts";
import { announceReady } from "./announce-ready.ts";
import { apart } from "./apart.ts";
import { redriveFailed } from "./redrive-task.ts";
import { sideBySide } from "./side-by-side.ts";
import { viewTask } from "./view-task.ts";

export type DeadLetterFilter = { readonly group: string | null; readonly type: string | null };
type DeadLetter = TaskIn<"failed">;

/** Pages of the index read for one answer while none of their tasks fits: a page may be empty though more follow. */
const PAGES_LIMIT = 10;
/** Dead letters looked at by one request to redrive. */
const REDRIVE_PAGE = 50;
/** Dependencies redriven for their sake, beyond the page: a bound on a long chain. */
const REDRIVE_LIMIT = 200;

/**
 * A page of dead letters, in an order that says nothing and stays. The index only finds ids: what is shown is what the
 * record says now.
 */
export async function listDeadLetters(
  ports: Ports,
  fleet: string,
  filter: DeadLetterFilter,
  cursor: string | null,
): Promise<{ tasks: Task[]; cursor: string | null }> {
  let next = cursor;
  for (let pages = 1; ; pages++) {
    const page = await ports.record.tasks.listDead(fleet, next, PAGE_LIMIT);
    const found = await readDeadLetters(ports, fleet, page.items, filter);
    next = page.cursor;
    if (found.length > 0 || next === null || pages === PAGES_LIMIT)
      return { tasks: await Promise.all(found.map((task) => viewTask(ports, task))), cursor: next };
  }
}

/** A pass over all dead letters: those that failed before it began, and where in the index to go on. */
type Pass = { readonly startedMs: number; readonly page: string | null };

/**
 * Returns dead letters to work, as far as one request may go. Dependencies that are dead letters too and fit the filter
 * go first, because a task is not redriven before them; one that waits for others' is left.
 *
 * A pass redrives each task once at most: what fails again in the meantime failed after the pass began. Every redrive is
 * a commit of its own, and what is queued by it is announced at the end: a kill in between leaves that to the repair, and
 * repeating the request goes on with the rest.
 */
export async function redriveDeadLetters(
  ports: Ports,
  fleet: string,
  filter: DeadLetterFilter,
  cursor: string | null,
): Promise<RedriveAnswer> {
  const pass: Pass =
    cursor === null ? { startedMs: ports.clock.nowMs(), page: null } : (JSON.parse(cursor) as Pass);
  const page = await ports.record.tasks.listDead(fleet, pass.page, REDRIVE_PAGE);
  const letters = await readDeadLetters(ports, fleet, page.items, filter);
  const due = letters.filter(({ endedAtMs }) => endedAtMs <= pass.startedMs);
  const redriver = createRedriver(ports, filter, pass.startedMs);
  const results = await sideBySide(due, (letter) => redriver.redrive(letter));
  await announceReady(ports, fleet, redriver.redriven);
  return {
    redriven: redriver.redriven.length,
    left: results.filter((redriven) => !redriven).length,
    cursor: page.cursor === null ? null : JSON.stringify({ ...pass, page: page.cursor } satisfies Pass),
  };
}

/** Redrives dead letters with those that they depend on, each once. */
function createRedriver(ports: Ports, filter: DeadLetterFilter, startedMs: number) {
  const begun = new Map<string, Promise<boolean>>();
  const redriven: TaskRecord[] = [];

  function redrive(letter: DeadLetter): Promise<boolean> {
    const attempt = begun.get(letter.id) ?? redriveOnce(letter);
    begun.set(letter.id, attempt);
    return attempt;
  }

  async function redriveOnce(letter: DeadLetter): Promise<boolean> {
    const { fleet, id } = letter;
    let done = false;
    await apart(ports, { fleet, task: id }, async () => {
      const dependencies = await readDeadLetters(ports, fleet, letter.dependsOn, filter);
      for (const dependency of dependencies)
        if (dependency.endedAtMs <= startedMs && (begun.has(dependency.id) || begun.size < REDRIVE_LIMIT))
          await redrive(dependency);
      const result = await redriveFailed(ports, fleet, id);
      if (isRefusal(result)) return;
      done = true;
      redriven.push(result);
    });
    return done;
  }

  return { redrive, redriven };
}

/** Those of these tasks that are dead letters now and fit, in the order of the ids. */
async function readDeadLetters(
  { record }: Ports,
  fleet: string,
  ids: readonly string[],
  filter: DeadLetterFilter,
): Promise<DeadLetter[]> {
  const order = new Map(ids.map((id, place) => [id, place]));
  const tasks = await record.tasks.getMany(fleet, ids);
  return tasks
    .filter((task): task is DeadLetter => task.state === "failed")
    .filter(({ group }) => filter.group === null || group === filter.group)
    .filter(({ type }) => filter.type === null || type === filter.type)
    .sort((a, b) => (order.get(a.id) ?? 0) - (order.get(b.id) ?? 0));
}
