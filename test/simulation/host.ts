import type { HeartbeatAnswer } from "../../shared/contract/heartbeat-answer.ts";
import { EVENT_TOPICS } from "../../shared/contract/message.ts";
import { PROFILES, type ProfileName } from "../../shared/contract/profile.ts";
import type { RegisterAnswer } from "../../shared/contract/session.ts";
import { type Chat, createChat } from "./chat.ts";
import { type Talk, chooseTopics } from "./chat-messages.ts";
import type { Witness } from "./witness.ts";
import type { Network, Outcome } from "./network.ts";
import type { Random } from "./random.ts";
import { type ApiKey, type HostToken, type SessionToken, hostToken, sessionToken } from "./requests.ts";
import type { Scheduler } from "./scheduler.ts";
import type { Cloud } from "./cloud.ts";

export type HostParts = {
  readonly name: string;
  readonly fleet: string;
  readonly profile: ProfileName;
  readonly key: ApiKey;
  readonly chats: readonly {
    readonly id: string;
    readonly capabilities: string[];
    readonly capacity: number;
  }[];
  /** Which of them wants to know what has ended, if any does. */
  readonly listener: string | null;
  readonly talk: Talk;
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly network: Network;
  readonly cloud: Cloud;
  readonly witness: Witness;
  /** Whether it stops its work once its leases must have passed, as a supervisor should. */
  readonly fencesItself: boolean;
  /** Its first session crashes whenever it has been started, before it claims anything. */
  readonly crashes?: boolean;
};

export type Host = ReturnType<typeof createHost>;

const RETRY_MS = 2_000;
const FORGETS = 0.2;
const ORPHANED = 0.4;
/** How long a session that crashes at every start lives, and how often it does so. */
const CRASHES_AFTER_MS = 4_000;
const CRASHES = 80;
/** How often a host is slow to report a crash, and how slow on average. */
const LATE_REPORT = 0.1;
const LATE_REPORT_MS = 15_000;
const ORPHANED_LONGEST_MS = 300_000;

/** A host as the control plane meets it: registers its chats, beats for them, and does what the answers say. */
export function createHost(parts: HostParts) {
  const { name, fleet, scheduler, random, network, cloud, witness } = parts;
  const profile = PROFILES[parts.profile];
  /** Clocks of clients are wrong, and run at a speed of their own. */
  const rate = 1 + (random.uniform() - 0.5) * 0.1;
  const chats = new Map<string, Chat>();
  let boots = 0;
  let boot = "";
  let alive = false;
  let frozenUntilMs = 0;
  let seq = 0;
  let intervalMs = profile.idleIntervalMs;
  let token: HostToken | null = null;
  let oldToken: HostToken | null = null;
  let crashes = 0;
  /** The boot whose agents go on without their supervisor, which no lease allows. */
  let orphans = "";
  let orphansUntilMs = 0;

  const wait = async (ms: number) => {
    await scheduler.sleep(ms * rate);
    await thawed();
  };
  const isUp = (of: string) => alive && boot === of;
  const thawed = async () => {
    while (frozenUntilMs > scheduler.nowMs()) await scheduler.sleep(frozenUntilMs - scheduler.nowMs());
  };

  async function start(): Promise<void> {
    boot = `boot${++boots}`;
    alive = true;
    seq = 0;
    token = null;
    // A supervisor that lost its disk has no old token to show.
    if (random.chance(FORGETS)) oldToken = null;
    const mine = boot;
    for (const wanted of parts.chats) void keepRegistered(wanted, mine);
    while (isUp(mine)) {
      await wait(intervalMs * (0.9 + 0.2 * random.uniform()));
      if (isUp(mine)) await beat(mine);
    }
  }

  /** Registers a chat, and again whenever it was told to stop, until its boot is over. */
  async function keepRegistered(wanted: HostParts["chats"][number], mine: string): Promise<void> {
    const topics = [...chooseTopics(random), ...(wanted.id === parts.listener ? EVENT_TOPICS : [])];
    const seed = random.chance(0.35) ? `${name}/${mine}/${wanted.id}/${random.between(0, 1e9)}` : null;
    while (isUp(mine)) {
      const sentMs = scheduler.nowMs();
      const outcome: Outcome<RegisterAnswer> = await network.send(
        "register",
        {
          by: parts.key,
          headers: {
            ...(seed === null ? {} : { "idempotency-key": seed }),
            ...(oldToken === null ? {} : { "shim-host-token": oldToken.secret }),
          },
          body: { ...wanted, topics, host: name, boot: mine, agent: "sim" },
        },
        // Without an Idempotency-Key its copy is a restart, and what was started before is its host's to stop.
        { mayComeTwice: seed !== null },
      );
      await thawed();
      if (boot !== mine) return;
      if (outcome.kind === "answered") {
        adopt(outcome.value, wanted, topics, sentMs);
        return;
      }
      await wait(RETRY_MS * (0.5 + random.uniform()));
    }
  }

  function adopt(
    answer: RegisterAnswer,
    wanted: HostParts["chats"][number],
    topics: readonly string[],
    sentMs: number,
  ): void {
    const session = sessionToken(cloud.base, answer.token);
    token = hostToken(cloud.base, answer.hostToken);
    oldToken = token;
    const mine = boot;
    const before = chats.get(wanted.id);
    before?.stop();
    const chat = createChat({
      ...parts,
      id: wanted.id,
      capacity: wanted.capacity,
      topics,
      token: session,
      wait,
      working: () => isUp(mine) || (orphans === mine && scheduler.nowMs() < orphansUntilMs),
      timeoutMs: profile.timeoutMs,
      registeredMs: sentMs,
      isSupervised: () => isUp(mine),
      ended: (reason) => {
        if (chats.get(wanted.id) !== chat) return;
        chats.delete(wanted.id);
        if (reason === "restart" && isUp(mine))
          void wait(random.after(3_000)).then(() => keepRegistered(wanted, mine));
      },
    });
    chats.set(wanted.id, chat);
    void chat.correspond();
    if (parts.crashes === true && crashes < CRASHES && wanted === parts.chats[0]) {
      crashes += 1;
      void wait(random.uniform() * CRASHES_AFTER_MS).then(() => crash(chat));
    } else void chat.claim();
  }

  async function beat(mine: string): Promise<void> {
    const now = scheduler.nowMs();
    if (parts.fencesItself) for (const chat of chats.values()) chat.fenceItself();
    if (!token || chats.size === 0) return;
    const by = token;
    const beating = [...chats.values()];
    const sessions = beating.map((chat) => chat.report());
    const outcome: Outcome<HeartbeatAnswer> = await network.send(
      "beat",
      { by, body: { host: name, boot: mine, seq: ++seq, sessions } },
      {
        arrives: (nowMs) => {
          witness.beatArrived(fleet, sessions, nowMs);
        },
      },
    );
    await thawed();
    if (boot !== mine) return;
    if (outcome.kind === "answered") {
      ({ intervalMs } = outcome.value);
      witness.beatAcknowledged(fleet, sessions, outcome.value);
      for (const [i, { commands }] of outcome.value.sessions.entries()) {
        const config = commands.find((command) => command.type === "config");
        if (config) token = hostToken(cloud.base, config.hostToken);
        const chat = beating[i];
        if (!chat || chats.get(chat.id) !== chat) continue;
        chat.acknowledged(now);
        chat.obey(commands);
      }
    } else if (outcome.kind === "refused") {
      for (const chat of beating) chat.obey([{ type: "stop", reason: outcome.refusal.refused }]);
    }
  }

  function kill(): void {
    alive = false;
    orphans = random.chance(ORPHANED) ? boot : "";
    orphansUntilMs = scheduler.nowMs() + random.magnitude(1_000, ORPHANED_LONGEST_MS);
    boot = "";
    for (const chat of chats.values())
      if (orphans === "") chat.stop();
      else void chat.goOnAlone();
    chats.clear();
  }

  /** One chat's process dies; its host sees that and says so. */
  async function crash(chat: Chat): Promise<void> {
    if (!alive || !token || chats.get(chat.id) !== chat) return;
    const wanted = parts.chats.find(({ id }) => id === chat.id);
    const by: HostToken | SessionToken = random.chance(0.5) ? token : chat.token();
    const mine = boot;
    chat.stop();
    chats.delete(chat.id);
    const restart = async () => {
      await wait(random.after(5_000));
      if (wanted && isUp(mine)) void keepRegistered(wanted, mine);
    };
    // Some find out so late that the chat lives again.
    const isLate = random.chance(LATE_REPORT);
    if (isLate) void restart();
    await wait(random.after(isLate ? LATE_REPORT_MS : 50));
    await network.send("end", { by, id: chat.id, body: { reason: "crashed", exitCode: 1 } });
    if (!isLate) void restart();
  }

  return {
    name,
    start,
    kill,
    isAlive: () => alive,
    liveChats: () => (alive ? chats.size : 0),
    freeze: (untilMs: number) => {
      frozenUntilMs = Math.max(frozenUntilMs, untilMs);
    },
    killChat: () => (chats.size === 0 ? Promise.resolve() : crash(random.pick([...chats.values()]))),
  };
}
