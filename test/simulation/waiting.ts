import type { SessionRecord, TaskRecord } from "../../shared/contract/records.ts";
import type { Complain } from "./laws.ts";

/** While nothing goes wrong, what could go on goes on within this. */
const PROMPT_MS = 20_000;

const hasRoom = ({ state, held, capacity }: SessionRecord) =>
  state === "live" && Object.keys(held).length < capacity;

/** Keys of tasks that any session holds, also of those it must stop. */
function keysInHand(
  tasks: ReadonlyMap<string, TaskRecord>,
  sessions: ReadonlyMap<string, SessionRecord>,
): Set<string> {
  const keys = new Set<string>();
  for (const { fleet, held } of sessions.values())
    for (const id of Object.keys(held)) {
      const key = tasks.get(`${fleet}/${id}`)?.key ?? null;
      if (key !== null) keys.add(`${fleet}/${key}`);
    }
  return keys;
}

/** Bounded waiting: no task waits for nothing, neither for dependencies that have ended nor for a place that is free. */
export function createWaitingCheck(complain: Complain) {
  /** Since when a task could go on, and does not; by its revision, for it may have gone on and come back since. */
  const since = new Map<string, { readonly rev: number; readonly fromMs: number }>();

  function couldGoOn(
    task: TaskRecord,
    tasks: ReadonlyMap<string, TaskRecord>,
    free: readonly SessionRecord[],
    busyKeys: ReadonlySet<string>,
    nowMs: number,
  ): boolean {
    if (task.state === "blocked")
      return task.waitingOn.every((id) => {
        const other = tasks.get(`${task.fleet}/${id}`);
        return other !== undefined && "endedAtMs" in other;
      });
    if (task.state !== "queued" || task.notBeforeMs > nowMs) return false;
    if (task.key !== null && busyKeys.has(`${task.fleet}/${task.key}`)) return false;
    return free.some(
      ({ fleet, capabilities }) =>
        fleet === task.fleet && task.requires.every((word) => capabilities.includes(word)),
    );
  }

  return function check(
    tasks: ReadonlyMap<string, TaskRecord>,
    sessions: ReadonlyMap<string, SessionRecord>,
    calmSinceMs: number,
    nowMs: number,
  ): void {
    const free = [...sessions.values()].filter(hasRoom);
    const busyKeys = keysInHand(tasks, sessions);
    for (const [key, task] of tasks) {
      if (!couldGoOn(task, tasks, free, busyKeys, nowMs)) {
        since.delete(key);
        continue;
      }
      const before = since.get(key);
      const fromMs = before?.rev === task.rev ? before.fromMs : nowMs;
      since.set(key, { rev: task.rev, fromMs });
      if (fromMs > calmSinceMs && nowMs - fromMs > PROMPT_MS)
        complain(1, `task ${task.id} (${task.state}) could go on for ${nowMs - fromMs} ms, and does not`);
    }
  };
}
