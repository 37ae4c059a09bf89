import { setTimeout as wait } from "node:timers/promises";
import { type Task, TaskAnswer } from "../../shared/contract/task.ts";
import type { Operator } from "./context.ts";

export type Ends = { completed: number; failed: number; cancelled: number };

const ROUND_SIZE = 50;
const READS_AT_ONCE = 10;
const ROUND_PAUSE_MS = 1_000;

/**
 * Reads the tasks in rounds until each has ended, and counts how. Rounds are bounded, so that waiting for
 * thousands costs no more a second than waiting for a few.
 */
export async function waitForTasks(
  operator: Operator,
  ids: readonly string[],
  onProgress: (ends: Ends) => void,
): Promise<Ends> {
  const ends: Ends = { completed: 0, failed: 0, cancelled: 0 };
  let pending = [...ids];
  while (pending.length > 0) {
    const round = pending.slice(0, ROUND_SIZE);
    const states = await readStates(operator, round);
    const open = round.filter((_, index) => {
      const state = states[index];
      if (state !== "completed" && state !== "failed" && state !== "cancelled") return true;
      ends[state] += 1;
      return false;
    });
    const ended = round.length - open.length;
    // Those still open go to the back: a long task does not hide the others.
    pending = [...pending.slice(ROUND_SIZE), ...open];
    if (ended > 0) onProgress(ends);
    if (pending.length > 0 && ended === 0) await wait(ROUND_PAUSE_MS);
  }
  return ends;
}

async function readStates(operator: Operator, ids: readonly string[]): Promise<Task["state"][]> {
  const states: Task["state"][] = [];
  for (let start = 0; start < ids.length; start += READS_AT_ONCE) {
    const group = ids.slice(start, start + READS_AT_ONCE);
    states.push(...(await Promise.all(group.map((id) => readState(operator, id)))));
  }
  return states;
}

async function readState({ http, key }: Operator, id: string): Promise<Task["state"]> {
  return (await http({ method: "GET", path: `/v1/tasks/${id}`, answer: TaskAnswer, bearer: key })).task.state;
}
