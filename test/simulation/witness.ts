import type { SessionBeat } from "../../shared/contract/heartbeat.ts";
import type { HeartbeatAnswer } from "../../shared/contract/heartbeat-answer.ts";
import { PROFILES, type ProfileName } from "../../shared/contract/profile.ts";
import type { FleetRecord, MessageRecord, SessionRecord, TaskRecord } from "../../shared/contract/records.ts";
import { isOwned } from "../../shared/domain/task-transitions.ts";
import type { PortCall } from "../fixtures/crash-points.ts";
import type { Fault, Weather } from "./faults.ts";
import { createCheckpointLaw } from "./checkpoint-law.ts";
import { type Complain, checkSession, checkTask } from "./laws.ts";
import { createFailovers } from "./failovers.ts";
import { createMessageLaw } from "./message-law.ts";
import { createPauses } from "./pauses.ts";
import { createPromptness } from "./promptness.ts";
import { createQueueView } from "./queue-view.ts";
import type { Random } from "./random.ts";
import { createSerialKeys } from "./serial-keys.ts";
import { createHeldBackCheck, createWaitingCheck } from "./waiting.ts";

export type Violation = { readonly atMs: number; readonly guarantee: number; readonly what: string };

export type WitnessParts = {
  readonly weather: Weather;
  readonly profile: ProfileName;
  readonly nowMs: () => number;
};

/** A session that has gone silent is found only if the sweep can look; these faults keep it from looking. */
const BLINDING: readonly Fault["kind"][] = [
  "redis.wiped",
  "redis.restored",
  "redis.down",
  "redis.mute",
  "record.throttled",
  "record.mute",
  "record.lagging",
  "functions.dying",
  "sweep.skipped",
  "sweep.doubled",
];
const ANY_FAULT: readonly Fault["kind"][] = [
  ...BLINDING,
  "queue.losing",
  "queue.doubling",
  "queue.delaying",
  "queue.poisoned",
  "network.losing",
  "network.down",
  "host.killed",
  "host.frozen",
  "session.killed",
];
/** Ticks come late when so many intervals have passed since the last. */
const LATE_TICKS = 3;
/** Two calls of stores at their slowest. */
const CROSSING_MS = 2_500;
/** Guarantee 10: ready again within a timeout and this, or, after an outage, within the other of its end. */
const DETECTION_MS = 5_000;
const DETECTION_AFTER_OUTAGE_MS = 120_000;
/** A thousand ends of sessions are told of one after the other. */
const TELLING_MS = 120_000;

/** When something last happened to each epoch of each session. */
function createLatest() {
  const fleets = new Map<string, Map<string, number[]>>();
  return {
    of: (fleet: string, id: string, epoch: number): number | undefined => fleets.get(fleet)?.get(id)?.[epoch],
    note(fleet: string, id: string, epoch: number, atMs: number): void {
      const sessions = fleets.get(fleet) ?? new Map<string, number[]>();
      fleets.set(fleet, sessions);
      const epochs = sessions.get(id) ?? [];
      sessions.set(id, epochs);
      epochs[epoch] = atMs;
    },
  };
}

/** Names of things of fleets. The same text again is found faster than an equal one: beats ask for them millions of times. */
function createKeys(): (fleet: string, id: string) => string {
  const fleets = new Map<string, Map<string, string>>();
  return (fleet, id) => {
    const keys = fleets.get(fleet) ?? new Map<string, string>();
    if (keys.size === 0) fleets.set(fleet, keys);
    const key = keys.get(id) ?? `${fleet}/${id}`;
    if (!keys.has(id)) keys.set(id, key);
    return key;
  };
}

export type Witness = ReturnType<typeof createWitness>;

/** Watches every effect on the record and everything clients are told, and says which guarantee was broken. */
export function createWitness({ weather, profile, nowMs }: WitnessParts) {
  const { timeoutMs, ageingStepMs, tickMs } = PROFILES[profile];
  const tasks = new Map<string, TaskRecord>();
  const changed = new Map<string, number>();
  const sessions = new Map<string, SessionRecord>();
  const accepted = new Set<string>();
  const arrived = createLatest();
  const acknowledged = createLatest();
  const reached = new Map<string, number>();
  const published = new Map<string, number>();
  const violations: Violation[] = [];
  const queue = createQueueView();
  /** When a function was last killed by itself, when the last tick ended, and when ticks last came too late. */
  let suddenMs = -Infinity;
  let tickedMs = nowMs();
  let gapMs = -Infinity;

  const complain: Complain = (guarantee, what) => {
    violations.push({ atMs: nowMs(), guarantee, what });
  };
  const waiting = createWaitingCheck(complain);
  const serialKeys = createSerialKeys(complain);
  const pauses = createPauses(complain, nowMs);
  const promptness = createPromptness(complain);
  const failovers = createFailovers();
  const messages = createMessageLaw(complain, sessions, nowMs);
  const heldBack = () => createHeldBackCheck(tasks, sessions, pauses.rulesOf);
  const count = (what: string) => {
    reached.set(what, (reached.get(what) ?? 0) + 1);
  };
  const checkpoints = createCheckpointLaw(complain, count);
  const keyOf = createKeys();
  const late = (atMs: number) => atMs - tickedMs > LATE_TICKS * tickMs;
  const blindMs = (atMs: number) =>
    late(atMs) ? atMs : Math.max(suddenMs, gapMs, weather.lastMs(BLINDING, atMs));

  const calmSinceMs = (atMs: number) =>
    Math.max(late(atMs) ? atMs : gapMs, suddenMs, weather.lastMs(ANY_FAULT, atMs));

  function sawTick(): void {
    const now = nowMs();
    if (late(now)) gapMs = now;
    tickedMs = now;
  }

  function sawTask(next: TaskRecord): void {
    const key = keyOf(next.fleet, next.id);
    const before = tasks.get(key) ?? null;
    if (before?.rev === next.rev) return; // A strike that changed nothing says how the task is.
    tasks.set(key, next);
    changed.set(key, nowMs());
    count(`task ${before?.state ?? "none"} -> ${next.state}`);
    const owner = "owner" in next ? (sessions.get(keyOf(next.fleet, next.owner.session)) ?? null) : null;
    checkTask(before, next, owner, complain);
    serialKeys.sawTask(next);
    messages.sawTask(before, next);
    if (next.state === "running" && before?.state !== "running") pauses.started(next);
    if (next.state !== "queued") queue.left(key);
    if (before?.state === "queued" && "owner" in next && owner)
      queue.checkTurn(before, owner, tasks, heldBack, ageingStepMs, nowMs());
  }

  function sawSession(next: SessionRecord): void {
    const key = keyOf(next.fleet, next.id);
    const before = sessions.get(key) ?? null;
    sessions.set(key, next);
    waiting.sawSession(next, nowMs());
    messages.sawSession(before, next);
    count(`session ${before?.state ?? "none"} -> ${next.state}`);
    checkSession(before, next, (id) => tasks.get(keyOf(next.fleet, id)) ?? null, complain);
    const silent =
      next.state === "recovering" && before?.state !== "recovering" && next.cause?.startsWith("No heartbeat");
    if (before && silent) checkReaping(before);
  }

  /** Guarantee 11, and that whoever went silent is not found too late. */
  function checkReaping({ fleet, id, epoch, startedAtMs }: SessionRecord): void {
    const now = nowMs();
    const ackedMs = acknowledged.of(fleet, id, epoch) ?? startedAtMs;
    const unseen = failovers.mayHaveShortened(
      ackedMs,
      weather.lastMs(["sweep.doubled", "sweep.skipped"], now),
    );
    // A beat that arrives between the sweep's last look and its write is answered all the same.
    const crossed = now - ackedMs <= CROSSING_MS;
    if (now < ackedMs + timeoutMs && !unseen && !crossed)
      complain(11, `${id} (epoch ${epoch}) was given up ${now - ackedMs} ms after an acknowledged beat`);
    const backMs = now - failovers.cameBackMs();
    if (startedAtMs < now - backMs && backMs < timeoutMs - CROSSING_MS && !unseen)
      complain(
        11,
        `${id} (epoch ${epoch}) was given up ${backMs} ms after an outage, which pardons everybody`,
      );
  }

  /** Whether a task still belongs to an epoch of a session that was given up. */
  function isHeldBy(id: string, { fleet, id: session, epoch }: SessionRecord): boolean {
    const task = tasks.get(keyOf(fleet, id));
    return task !== undefined && isOwned(task) && task.owner.session === session && task.owner.epoch < epoch;
  }

  function checkSilence(session: SessionRecord, now: number, blind: number): void {
    const { fleet, id, epoch, startedAtMs, state } = session;
    if (state === "crashed" || state === "ended") return;
    const recovering = state === "recovering";
    const lastMs = arrived.of(fleet, id, recovering ? epoch - 1 : epoch) ?? startedAtMs;
    // Its work is what the guarantee is about; that it has ended is told after everybody's work is back.
    const returned = recovering && !Object.keys(session.held).some((task) => isHeldBy(task, session));
    const dueMs = Math.max(
      lastMs + timeoutMs + DETECTION_MS + tickMs,
      // Whose beat came between a loss and the tick that notices it is pardoned by that tick, too.
      blind > lastMs - tickMs ? blind + DETECTION_AFTER_OUTAGE_MS : 0,
    );
    if (now > (returned ? dueMs + TELLING_MS : dueMs))
      complain(10, `${id} (epoch ${epoch}, ${state}) is still ${now - lastMs} ms after its last beat`);
  }

  return {
    tasks,
    sessions,
    accepted,
    violations,
    reached,
    queue,
    serialKeys,
    failovers,
    messages,
    checkpoints,
    calmSinceMs,
    complain,
    count,
    observe({ path, args }: PortCall, result: unknown): void {
      if (result !== null && (path === "record.tasks.commit" || path === "record.tasks.strike"))
        sawTask(result as TaskRecord);
      else if (result !== null && path === "record.sessions.commit") sawSession(result as SessionRecord);
      else if (result !== null && path === "record.fleets.commit") pauses.sawFleet(result as FleetRecord);
      else if (result !== null && path === "record.messages.commit")
        messages.sawMessage(result as MessageRecord);
      else if (path === "agenda.raiseStamp" && result === true) sawTick();
      else if (path === "record.sweep.commit") failovers.tickBegan(nowMs());
      else if (path.startsWith("record.checkpoints.")) checkpoints.saw(path, args, result);
      else if (path.startsWith("workQueue.")) queue.saw(path, args, result, nowMs());
    },
    beatArrived(fleet: string, beats: readonly SessionBeat[], atMs: number): void {
      for (const { id, epoch } of beats) arrived.note(fleet, id, epoch, atMs);
    },
    beatAcknowledged(fleet: string, beats: readonly SessionBeat[], answer: HeartbeatAnswer): void {
      for (const [i, { id, epoch }] of beats.entries()) {
        const stopped = answer.sessions[i]?.commands.some(({ type }) => type === "stop");
        if (!stopped) acknowledged.note(fleet, id, epoch, answer.nowMs);
        const session = sessions.get(keyOf(fleet, id)) ?? null;
        promptness.answered(session, { id, epoch }, stopped === true, calmSinceMs, nowMs());
        if (answer.sessions[i]?.id !== id)
          complain(20, `a beat for ${id} was answered about another session`);
      }
    },
    started(fleet: string, task: string, session: string, epoch: number, fence: number): void {
      const found = tasks.get(keyOf(fleet, task));
      if (!found) complain(20, `${session} was given ${task}, which its fleet does not have`);
      else if (found.fence < fence)
        complain(3, `${session} was given ${task} with a fence that it never had`);
      else if (found.fence === fence && "owner" in found) {
        const { owner } = found;
        if (owner.session !== session || owner.epoch !== epoch)
          complain(2, `${session} (epoch ${epoch}) was given ${task}, which epoch ${owner.epoch} holds`);
      }
    },
    /** A holder was told that its word counts. */
    settled(fleet: string, task: string, session: string, fence: number, as: "completed" | "other"): void {
      const key = keyOf(fleet, task);
      const found = tasks.get(key);
      const by = found?.settledBy;
      if (as !== "completed") return;
      if (found?.state !== "completed" || by?.session !== session || by.fence !== fence)
        complain(1, `${session} was told that ${task} is completed, which it is not, or not by it`);
      const other = published.get(key);
      if (other !== undefined && other !== fence) complain(2, `${task} was published by two fences`);
      published.set(key, fence);
    },
    hasRecovering: () => [...sessions.values()].some(({ state }) => state === "recovering"),
    hasOpenTasks: () =>
      [...tasks.values()].some((task) => !("effectsPending" in task) || task.effectsPending),
    anyTask(fleet: string, random: Random): string | null {
      const mine = [...tasks.values()].filter((task) => task.fleet === fleet);
      return mine.length === 0 ? null : random.pick(mine).id;
    },
    functionDied(): void {
      suddenMs = nowMs();
    },
    redisLost(): void {
      queue.forget();
    },
    /** What must be true at any time. */
    audit(): void {
      const now = nowMs();
      const blind = blindMs(now);
      for (const session of sessions.values()) checkSilence(session, now, blind);
      const calmMs = calmSinceMs(now);
      queue.checkPassedOver(tasks, now, complain);
      waiting.check(tasks, sessions, pauses.rulesOf, (key) => changed.get(key) ?? 0, calmMs, now);
      promptness.audit(tasks, sessions, calmMs, now);
    },
  };
}
