import type { SessionBeat } from "../../shared/contract/heartbeat.ts";
import type { Command } from "../../shared/contract/heartbeat-answer.ts";
import type { ClaimAnswer, HeldTask } from "../../shared/contract/session.ts";
import type { Task } from "../../shared/contract/task.ts";
import { createKeeper } from "./chat-checkpoints.ts";
import { type Talk, createMailbox } from "./chat-messages.ts";
import type { Cloud } from "./cloud.ts";
import type { Network, Outcome } from "./network.ts";
import type { Random } from "./random.ts";
import { type SessionToken, sessionToken } from "./requests.ts";
import type { Scheduler } from "./scheduler.ts";
import type { Witness } from "./witness.ts";

export type ChatParts = {
  readonly id: string;
  readonly fleet: string;
  readonly capacity: number;
  readonly topics: readonly string[];
  readonly talk: Talk;
  readonly token: SessionToken;
  readonly timeoutMs: number;
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly network: Network;
  readonly cloud: Cloud;
  readonly witness: Witness;
  /** Time as its host has it: slower, faster, or not passing at all. */
  wait(ms: number): Promise<void>;
  working(): boolean;
  /** When the registration that started it was sent. */
  readonly registeredMs: number;
  /** Whether the supervisor that started it is still there. */
  isSupervised(): boolean;
  ended(reason: "restart" | "stopped"): void;
};

type Work = {
  readonly id: string;
  readonly fence: number;
  percent: number;
  dropped: boolean;
  /** It is done, and its end is being told. */
  done: boolean;
  /** It went on after its lease had passed, which no answer that comes later makes good. */
  unleased: boolean;
};

/** Of a timeout, after which a supervisor whose beats are not answered has stopped its sessions. */
const SELF_FENCING_SHARE = 0.8;

const TRIES = 12;
const RETRY_MS = 3_000;
const ASKS_AGAIN_MS = 10_000;

export type Chat = ReturnType<typeof createChat>;

/** One agent session: claims work, does it, and says what became of it, mostly truthfully. */
export function createChat(parts: ChatParts) {
  const { id, random, network, witness } = parts;
  const works = new Map<string, Work>();
  const lies = new Set<string>();
  /** What it has settled: a claim's answer that comes late may name it again. */
  const settled = new Set<string>();
  let { token } = parts;
  /** When what was last answered was sent. */
  let leasedMs = parts.registeredMs;
  let stopped = false;
  let draining = false;
  let claiming = false;

  /** Whether it goes on no more, or what was said of it, true or not, has ended it. */
  const isOver = ({ id: task, fence, dropped, done, unleased }: Work) =>
    dropped || done || unleased || lies.has(`${task}/${fence}`);
  const hasLease = () =>
    parts.isSupervised() && parts.scheduler.nowMs() - leasedMs <= SELF_FENCING_SHARE * parts.timeoutMs;
  const on = () => !stopped && parts.working();
  const mailbox = createMailbox({
    ...parts,
    epoch: token.claims.epoch,
    random: random.stream(`messages ${id} ${token.claims.epoch}`),
    token: () => token,
    on,
  });
  const keeper = createKeeper({
    ...parts,
    epoch: token.claims.epoch,
    random: random.stream(`checkpoints ${id} ${token.claims.epoch}`),
    token: () => token,
  });
  const say = (percent: number, { fence }: Work) => ({
    fence,
    percent,
    // Lets the witness see who said it.
    message: `${id}.${token.claims.epoch}.${fence}`,
  });

  async function claim(): Promise<void> {
    if (claiming || !on()) return;
    claiming = true;
    const room = parts.capacity - works.size;
    if (room > 0) {
      const askedAt = witness.checkpoints.now();
      const outcome: Outcome<ClaimAnswer> = await network.send("claim", {
        by: token,
        id,
        body: { max: random.between(1, room) },
      });
      await parts.wait(0);
      if (outcome.kind === "answered")
        for (const held of outcome.value.tasks) {
          const { task, resume } = held;
          witness.checkpoints.resumed(parts.fleet, task.id, task.attempt, resume, askedAt);
          begin(held);
        }
    }
    claiming = false;
  }

  /** Agents whose supervisor is gone ask for more and more, for as long as they are left. */
  async function goOnAlone(): Promise<void> {
    while (on()) {
      await parts.wait(random.after(ASKS_AGAIN_MS));
      await claim();
    }
  }

  function begin({ task, fence }: HeldTask): void {
    if (!on()) return;
    const before = works.get(task.id);
    if (before?.fence === fence || settled.has(`${task.id}/${fence}`)) return;
    if (before) before.dropped = true;
    const work = { id: task.id, fence, percent: 0, dropped: false, done: false, unleased: false };
    works.set(task.id, work);
    witness.started(parts.fleet, task.id, id, token.claims.epoch, fence);
    if (task.key !== null)
      witness.serialKeys.began(
        parts.fleet,
        task.key,
        `${id} on ${task.id} (fence ${fence})`,
        () => works.get(task.id) === work && !isOver(work) && on() && hasLease(),
      );
    void perform(work, task);
  }

  async function perform(work: Work, task: Task): Promise<void> {
    const { meanMs } = task.data as { meanMs: number };
    const durationMs = random.after(meanMs);
    for (const part of [0.3, 0.7, 1]) {
      await parts.wait((durationMs * (part === 1 ? 0.3 : part)) / 1.3);
      if (work.dropped || !on()) return;
      work.percent = Math.round(part * 90);
      if (random.chance(0.2))
        await network.send("progress", { by: token, id: work.id, body: say(work.percent, work) });
      await keeper.pause(work);
    }
    await parts.wait(0);
    if (work.dropped || !on()) return;
    work.done = true;
    settled.add(`${work.id}/${work.fence}`);
    await settle(work);
    if (works.get(work.id) === work) works.delete(work.id);
    const leaves = draining || (!hasLease() && random.chance(0.1));
    if (leaves && works.size === 0) await end("completed");
    else if (random.chance(0.3)) void claim();
  }

  /** Says what became of a task, again and again until it is heard; what is refused is dropped. */
  async function settle(work: Work): Promise<void> {
    const roll = random.uniform();
    if (random.chance(0.05)) await lie(work);
    const own = { task: work.id, fence: work.fence };
    const repeat = random.chance(0.1);
    for (let i = 0; i < TRIES && on(); i++) {
      const outcome = await attempt(own, roll);
      await parts.wait(0);
      // One that is too late with its token says it again with the next.
      const heard =
        outcome.kind !== "lost" &&
        (outcome.kind === "answered" || outcome.refusal.refused !== "auth.expired");
      if (!heard) {
        await parts.wait(RETRY_MS * (0.5 + random.uniform()));
        continue;
      }
      if (outcome.kind === "answered") {
        witness.settled(parts.fleet, work.id, id, work.fence, roll < 0.8 ? "completed" : "other");
        // The same again, or a word that comes too late to count.
        if (repeat) await attempt(own, random.chance(0.5) ? roll : random.uniform());
        const { next } = outcome.value as { next?: HeldTask | null };
        works.delete(work.id);
        if (next) begin(next);
      }
      return;
    }
    // Nobody heard it: whoever is handed it once more does it once more.
    settled.delete(`${work.id}/${work.fence}`);
  }

  function attempt(
    { task, fence }: { task: string; fence: number },
    roll: number,
  ): Promise<Outcome<{ task: Task }>> {
    const own = { by: token, id: task };
    if (roll < 0.8) return network.send("complete", { ...own, body: { fence, result: `by ${fence}` } });
    if (roll < 0.92) return network.send("fail", { ...own, body: { fence, error: { message: "it broke" } } });
    if (roll < 0.95)
      return network.send("fail", {
        ...own,
        body: { fence, error: { message: "hopeless" }, retryable: false },
      });
    return network.send("release", { ...own, body: { fence, reason: "not now" } });
  }

  /** Claims a fence that it does not have, or a task that is another's. The witness sees whether that counts. */
  async function lie(work: Work): Promise<void> {
    const fence = Math.max(1, work.fence + random.pick([-1, 1, 2]));
    const task = random.chance(0.3) ? witness.anyTask(parts.fleet, random) : work.id;
    if (task === null || (task === work.id && fence === work.fence)) return;
    lies.add(`${task}/${fence}`);
    await attempt({ task, fence }, random.uniform());
  }

  async function end(reason: "completed" | "stopped"): Promise<void> {
    if (stopped) return;
    stop();
    const by = token;
    for (let i = 0; i < TRIES; i++) {
      const outcome = await network.send("end", { by, id, body: { reason } });
      if (outcome.kind !== "lost") break;
      await parts.wait(RETRY_MS);
    }
    parts.ended("restart");
  }

  function stop(): void {
    stopped = true;
    for (const work of works.values()) work.dropped = true;
    works.clear();
  }

  function obey(commands: readonly Command[]): void {
    for (const command of commands) {
      if (command.type === "stop" || command.type === "restart") {
        stop();
        parts.ended("restart");
        return;
      }
      if (command.type === "start") void claim();
      if (command.type === "message") mailbox.told(command);
      if (command.type === "cancel") {
        const work = works.get(command.taskId);
        if (work?.fence !== command.fence) continue;
        work.dropped = true;
        works.delete(command.taskId);
      }
      if (command.type === "drain" && !draining) {
        draining = true;
        if (works.size === 0) void end("stopped");
      }
      if (command.type === "config") token = sessionToken(parts.cloud.base, command.token);
    }
  }

  return {
    id,
    token: () => token,
    claim,
    goOnAlone,
    correspond: mailbox.start,
    obey,
    stop,
    /** A beat sent then, with this session in it, was answered. */
    acknowledged(sentMs: number) {
      if (!hasLease()) for (const work of works.values()) work.unleased = true;
      leasedMs = Math.max(leasedMs, sentMs);
    },
    /** When its leases must have passed, what it works on may be another's. */
    fenceItself() {
      if (hasLease()) return;
      for (const work of works.values()) work.dropped = true;
      works.clear();
    },
    report(): SessionBeat {
      const tasks = [...works.values()].map(({ id: task, fence, percent }) => ({ id: task, fence, percent }));
      return { id, epoch: token.claims.epoch, activity: tasks.length > 0 ? "working" : "idle", tasks };
    },
  };
}
