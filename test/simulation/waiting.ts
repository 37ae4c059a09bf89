import type { SessionRecord, TaskRecord } from "../../shared/contract/records.ts";
import type { Rules } from "../../shared/contract/rules.ts";
import type { Complain } from "./laws.ts";

/** While nothing goes wrong, what could go on goes on within this. */
const PROMPT_MS = 15_000;
/** The same for what others of its key or type keep back, who are looked at now and then only. */
const RESTRICTED_PROMPT_MS = 25_000;

const hasRoom = ({ state, held, capacity }: SessionRecord) =>
  state === "live" && Object.keys(held).length < capacity;

/** Whether a pause or the tasks in hand keep a task back. Those in hand are all that sessions hold, also what they must stop. */
export function createHeldBackCheck(
  tasks: ReadonlyMap<string, TaskRecord>,
  sessions: ReadonlyMap<string, SessionRecord>,
  rulesOf: (fleet: string) => Rules,
): (task: TaskRecord) => boolean {
  /** Counted when it is first asked for: most of the time nothing waits. */
  let counted: ReadonlyMap<string, number> | null = null;
  const placesOf = ({ fleet, type, key }: TaskRecord) => ({
    type: `${fleet}/type:${type}`,
    key: key === null ? null : `${fleet}/key:${key}`,
  });
  const count = () => {
    const inHand = new Map<string, number>();
    for (const { fleet, held } of sessions.values())
      for (const id of Object.keys(held)) {
        const task = tasks.get(`${fleet}/${id}`);
        for (const place of task ? Object.values(placesOf(task)) : [])
          if (place !== null) inHand.set(place, (inHand.get(place) ?? 0) + 1);
      }
    return inHand;
  };
  return (task) => {
    const inHand = (counted ??= count());
    const { paused, limits } = rulesOf(task.fleet);
    const places = placesOf(task);
    const named =
      paused.types.includes(task.type) ||
      paused.groups.includes(task.group ?? "") ||
      paused.keys.includes(task.key ?? "");
    const limit = limits.types[task.type] ?? Infinity;
    return (
      paused.fleet ||
      named ||
      (inHand.get(places.type) ?? 0) >= limit ||
      (places.key !== null && inHand.has(places.key))
    );
  };
}

/** Bounded waiting: no task waits for nothing, neither for dependencies that have ended nor for a place that is free. */
export function createWaitingCheck(complain: Complain) {
  /** Since when a task could go on, and does not; by its revision, for it may have gone on and come back since. */
  const since = new Map<string, { readonly rev: number; readonly fromMs: number }>();
  /** Since when each session has had room without a break: what is given up to others again and again is no room. */
  const roomSince = new Map<string, number>();

  /** Since when something has been there for a task to go on with, or null if it cannot. */
  function couldGoOnSince(
    task: TaskRecord,
    tasks: ReadonlyMap<string, TaskRecord>,
    free: readonly SessionRecord[],
    heldBack: (task: TaskRecord) => boolean,
    nowMs: number,
  ): number | null {
    if (task.state === "blocked") {
      const ended = task.waitingOn.every((id) => {
        const other = tasks.get(`${task.fleet}/${id}`);
        return other !== undefined && "endedAtMs" in other;
      });
      return ended ? 0 : null;
    }
    if (task.state !== "queued" || task.notBeforeMs > nowMs) return null;
    if (heldBack(task)) return null;
    // Who has not stopped it yet cannot have it again.
    const places = free.filter(
      ({ fleet, capabilities, held }) =>
        fleet === task.fleet &&
        !(task.id in held) &&
        task.requires.every((word) => capabilities.includes(word)),
    );
    if (places.length === 0) return null;
    return Math.min(...places.map(({ fleet, id }) => roomSince.get(`${fleet}/${id}`) ?? nowMs));
  }

  function sawSession(session: SessionRecord, nowMs: number): void {
    const key = `${session.fleet}/${session.id}`;
    if (!hasRoom(session)) roomSince.delete(key);
    else if (!roomSince.has(key)) roomSince.set(key, nowMs);
  }

  function check(
    tasks: ReadonlyMap<string, TaskRecord>,
    sessions: ReadonlyMap<string, SessionRecord>,
    rules: (fleet: string) => Rules,
    changedMs: (key: string) => number,
    calmSinceMs: number,
    nowMs: number,
  ): void {
    const free = [...sessions.values()].filter(hasRoom);
    const heldBack = createHeldBackCheck(tasks, sessions, rules);
    const limited = ({ fleet, type }: TaskRecord) => type in rules(fleet).limits.types;
    for (const [key, task] of tasks) {
      if (task.state !== "blocked" && task.state !== "queued" && !since.has(key)) continue;
      const placeMs = couldGoOnSince(task, tasks, free, heldBack, nowMs);
      if (placeMs === null) {
        since.delete(key);
        continue;
      }
      const before = since.get(key);
      const fromMs = before?.rev === task.rev ? before.fromMs : nowMs;
      since.set(key, { rev: task.rev, fromMs });
      // What was announced in bad weather is found by the repair.
      const calm = Math.min(fromMs, changedMs(key)) > calmSinceMs;
      const waitsMs = nowMs - Math.max(fromMs, placeMs);
      const limitMs = task.key === null && !limited(task) ? PROMPT_MS : RESTRICTED_PROMPT_MS;
      if (calm && waitsMs > limitMs)
        complain(1, `task ${task.id} (${task.state}) could go on for ${waitsMs} ms, and does not`);
    }
  }

  return { sawSession, check };
}
