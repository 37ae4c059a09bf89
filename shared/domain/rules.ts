import { RULES_LIMIT } from "../contract/limits.ts";
import type { TaskRecord } from "../contract/records.ts";
import type { LimitRequest, PauseRequest, Rules } from "../contract/rules.ts";
import { type Decision, UNCHANGED, commit, refused } from "./decision.ts";

export const NO_RULES: Rules = {
  paused: { fleet: false, groups: [], types: [], keys: [] },
  limits: { types: {}, keys: {} },
};

/** Tasks of one `key` that may be held at once where no limit says otherwise: they run one after another. */
const KEY_LIMIT_DEFAULT = 1;

/**
 * What keeps one ready task from being handed out and not another: `group:NAME`, `type:NAME` or `key:NAME`. It is
 * closed by a pause, the last two also by their semaphore when all its permits are given.
 */
export type Barrier = string;

/** A semaphore whose permit a task needs, and how many it has. */
export type Needed = { readonly id: Barrier; readonly limit: number };

const PAUSABLE = [
  ["group", "groups"],
  ["type", "types"],
  ["key", "keys"],
] as const;

type Restricted = Pick<TaskRecord, "group" | "type" | "key">;

/** The pause that keeps a task from starting while its fleet as a whole is not paused, or null. */
export function pauseOf({ paused }: Rules, { group, type, key }: Restricted): Barrier | null {
  if (group !== null && paused.groups.includes(group)) return `group:${group}`;
  if (paused.types.includes(type)) return `type:${type}`;
  if (key !== null && paused.keys.includes(key)) return `key:${key}`;
  return null;
}

/** The semaphores whose permits a task needs. */
export function neededBy({ limits }: Rules, { type, key }: Restricted): Needed[] {
  const ofType = own(limits.types, type);
  return [
    ...(key === null ? [] : [{ id: `key:${key}`, limit: own(limits.keys, key) ?? KEY_LIMIT_DEFAULT }]),
    ...(ofType === undefined ? [] : [{ id: `type:${type}`, limit: ofType }]),
  ];
}

/** Whether an operator has closed a barrier. */
export function isPausedAt({ paused }: Rules, barrier: Barrier): boolean {
  return PAUSABLE.some(([word, list]) => paused[list].some((name) => barrier === `${word}:${name}`));
}

/** How many permits the semaphore at a barrier has, or null if there is none: then only a pause closes it. */
export function permitsAt({ limits }: Rules, barrier: Barrier): number | null {
  const [kind, ...rest] = barrier.split(":");
  const name = rest.join(":");
  if (kind === "key") return own(limits.keys, name) ?? KEY_LIMIT_DEFAULT;
  return kind === "type" ? (own(limits.types, name) ?? null) : null;
}

/** A type or key may have the name of something that every object inherits. */
function own(limits: Readonly<Record<string, number>>, name: string): number | undefined {
  return Object.hasOwn(limits, name) ? limits[name] : undefined;
}

/** Pauses or resumes what the target names; all of the fleet if it names nothing. */
export function setPaused(rules: Rules, target: PauseRequest, paused: boolean): Decision<Rules> {
  const named = PAUSABLE.find(([word]) => target[word] !== undefined);
  if (!named)
    return rules.paused.fleet === paused
      ? UNCHANGED
      : commit({ ...rules, paused: { ...rules.paused, fleet: paused } });
  const [word, list] = named;
  const name = target[word] ?? "";
  const before = rules.paused[list];
  if (before.includes(name) === paused) return UNCHANGED;
  const after = paused ? [...before, name].sort() : before.filter((other) => other !== name);
  return bounded({ ...rules, paused: { ...rules.paused, [list]: after } });
}

/** Sets how many tasks of a type or key may be held at once. */
export function setLimit(rules: Rules, { type, key, limit }: LimitRequest): Decision<Rules> {
  const kind = type === undefined ? "keys" : "types";
  const name = type ?? key ?? "";
  const before = rules.limits[kind];
  if ((before[name] ?? null) === limit) return UNCHANGED;
  const { [name]: _before, ...others } = before;
  const after = limit === null ? others : { ...others, [name]: limit };
  return bounded({ ...rules, limits: { ...rules.limits, [kind]: after } });
}

function bounded(next: Rules): Decision<Rules> {
  const { paused, limits } = next;
  const lists = [
    paused.groups,
    paused.types,
    paused.keys,
    Object.keys(limits.types),
    Object.keys(limits.keys),
  ];
  const count = lists.reduce((sum, { length }) => sum + length, 0);
  if (count <= RULES_LIMIT) return commit(next);
  return refused("rules.full", `A fleet has at most ${RULES_LIMIT} pauses and limits together.`);
}

/** What a request to pause or to limit is about; null is the whole fleet. */
export function barrierOf({ group, type, key }: PauseRequest): Barrier | null {
  if (group !== undefined) return `group:${group}`;
  if (type !== undefined) return `type:${type}`;
  return key === undefined ? null : `key:${key}`;
}
