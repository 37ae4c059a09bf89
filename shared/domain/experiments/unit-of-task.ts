import type { MetricName } from "../../contract/parameters.ts";
import type { UnitRecord } from "../../contract/experiments.ts";
import { TASK_EVENTS_LIMIT } from "../../contract/limits.ts";
import type { EndedTask, KeptEvent, SessionRecord, TaskIn, Used } from "../../contract/records.ts";
import { lastBeatBefore } from "../task-events.ts";
import { knownValues, repositoryOf } from "./known-values.ts";
import { usedBy } from "./used.ts";

/** Who worked on it last, as far as detectors look at it. */
export type Holder = Pick<SessionRecord, "host" | "agent" | "cwd">;

/** What happened to a task since it was submitted or last redriven. */
type Life = {
  readonly sinceMs: number;
  /** When it could first start; null if it never could. */
  readonly readyAtMs: number | null;
  readonly events: readonly KeptEvent[];
  /** Places of the starts among them. */
  readonly starts: readonly number[];
};

/**
 * A task that ended, as a unit: each redrive is another. What is not kept of it is left out; so is what ended otherwise than by the
 * work on it, because a cancellation, and a failure of what it depends on, say nothing of how it was worked on.
 *
 * @param holder the session that worked on it last, if known
 */
export function unitOfTask(task: EndedTask, holder: Holder | null = null): UnitRecord {
  const life = lifeOf(task);
  return {
    v: 1,
    fleet: task.fleet,
    kind: "task",
    id: task.id,
    generation: task.redrives,
    host: holder?.host ?? null,
    agent: holder?.agent ?? null,
    type: task.type,
    repository: repositoryOf(holder?.cwd ?? null),
    startedAtMs: life?.sinceMs ?? task.createdAtMs,
    outcome: { endedAtMs: task.endedAtMs, values: { ...endValues(task, life), ...lifeValues(task, life) } },
    facts: factsOf(task, life),
  };
}

/** The session that last started it since it was submitted or redriven; null if none did, as far as is known. */
export function lastHolderOf(task: EndedTask): string | null {
  const events = lifeOf(task)?.events ?? task.events ?? [];
  return events.findLast(isStart)?.o ?? null;
}

const isStart = ({ s }: KeptEvent): boolean => s === "running";
const isHeld = ({ s }: KeptEvent): boolean => s === "running" || s === "assigned";

/** Null if its beginning is not kept: of very many changes, only the latest are. */
function lifeOf({ redrives, createdAtMs, dependsOn, attempt, events = [] }: EndedTask): Life | null {
  // An end is only kept where a redrive came after it.
  const ended = events.findLastIndex(({ s }) => s === "failed");
  if (redrives > 0 ? ended < 0 : events.length >= TASK_EVENTS_LIMIT) return null;
  const own = events.slice(ended + 1);
  const starts = own.flatMap((event, at) => (isStart(event) ? [at] : []));
  // Written before events were kept.
  if (starts.length < attempt) return null;
  const readyAtOnce = redrives === 0 && dependsOn.length === 0;
  return {
    sinceMs: redrives > 0 ? (own[0]?.t ?? createdAtMs) : createdAtMs,
    readyAtMs: readyAtOnce ? createdAtMs : (own.find(({ s }) => s === "queued")?.t ?? null),
    events: own,
    starts,
  };
}

/** Metrics that its head tells by itself. */
function endValues(task: EndedTask, life: Life | null): Partial<Record<MetricName, number>> {
  const byItself = task.state !== "cancelled" && (task.state === "completed" || wasHeld(life));
  if (!byItself) return {};
  const completed = task.state === "completed";
  const { tokens, costUsd } = completed ? usedOf(task) : {};
  return knownValues({
    completed: completed ? 1 : 0,
    failed: completed ? 0 : 1,
    attempts: task.attempt,
    durationMs: completed && task.startedAtMs !== null ? task.endedAtMs - task.startedAtMs : null,
    tokens,
    costUsd,
  });
}

/** Only a dependency can fail what nobody ever held. */
const wasHeld = (life: Life | null): boolean => life === null || life.events.some(isHeld);

function usedOf({ used, result }: TaskIn<"completed">): Used {
  return result.at === "inline" ? usedBy(JSON.parse(result.json)) : (used ?? {});
}

/** Metrics that its events tell. */
function lifeValues(task: EndedTask, life: Life | null): Partial<Record<MetricName, number>> {
  if (!life) return {};
  const { events, starts, readyAtMs } = life;
  const first = events.find(isStart);
  const recoveries = starts.flatMap((at) => {
    const beatMs = lastBeatBefore(events, at);
    const startedMs = events[at]?.t;
    return beatMs === null || startedMs === undefined ? [] : [Math.max(0, startedMs - beatMs)];
  });
  return knownValues({
    waitMs: first && readyAtMs !== null ? Math.max(0, first.t - readyAtMs) : null,
    recoveryMs: recoveries.length === 0 ? null : sum(recoveries) / recoveries.length,
    wastedMs: task.state === "cancelled" || !wasHeld(life) ? null : wastedMs(task, life),
  });
}

/** Of each start but the one that completed it; also of those that were given back, since their time is gone as well. */
function wastedMs(task: EndedTask, { events, starts }: Life): number {
  const inVain = task.state === "completed" ? starts.slice(0, -1) : starts;
  return sum(
    inVain.map((at) =>
      Math.max(0, (events[at + 1]?.t ?? task.endedAtMs) - (events[at]?.t ?? task.endedAtMs)),
    ),
  );
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

function factsOf(task: EndedTask, life: Life | null): UnitRecord["facts"] {
  const last = lastHolderOf(task);
  const known = life && {
    crashes: life.events.filter(isCrash).length + (endedByCrash(task) ? 1 : 0),
    sessions: new Set(life.events.filter(isStart).map(({ o }) => o)).size,
    waits: life.events.filter(({ s }) => s === "queued").length + (waitedAtOnce(task) ? 1 : 0),
  };
  return { end: task.state, ...(last !== null && { lastSession: last }), ...known };
}

/** Its submission is no event. */
const waitedAtOnce = ({ redrives, dependsOn }: EndedTask): boolean =>
  redrives === 0 && dependsOn.length === 0;

const CRASH = "task.crash";

/** A session crashed on it. What its holder said of the end is its own word, which may be any. */
const isCrash = ({ c, e }: KeptEvent): boolean => c === CRASH && e !== undefined && e !== "exit";

/** The same of the last one, which is no event. */
function endedByCrash(task: EndedTask): boolean {
  return task.state === "failed" && task.error.code === CRASH && task.settledBy?.fence !== task.fence - 1;
}
