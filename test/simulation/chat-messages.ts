import type { Command } from "../../shared/contract/heartbeat-answer.ts";
import type { Message } from "../../shared/contract/message.ts";
import type { SendAnswer } from "../../shared/contract/message-routes.ts";
import type { Letter } from "./message-law.ts";
import type { Network, Outcome } from "./network.ts";
import type { Random } from "./random.ts";
import type { SessionToken } from "./requests.ts";
import type { Scheduler } from "./scheduler.ts";
import type { Witness } from "./witness.ts";

/** How much is said in a simulation, and until when. */
export type Talk = { readonly meanMs: number; readonly untilMs: number };

/** What is said in all of one simulation, in one go each. */
const TALKS = 20;
const TALK_LONGEST = 3;
export const TOPICS = ["news", "builds"];
const TOPIC_SHARE = 0.3;
const TRIES = 12;
const RETRY_MS = 3_000;
/** Some agents put off what they should acknowledge, for so long on average. */
const RELUCTANT = 0.2;
const RELUCTANCE_MS = 600_000;
const PUT_OFF_MS = 60_000;
/** Below what a record keeps beside a message, above that, and above what a beat carries. */
const LENGTHS = [0, 0, 0, 1_000, 2_500];

export const planTalk = (chats: number, horizonMs: number, endMs: number): Talk => ({
  meanMs: (horizonMs * chats) / TALKS,
  untilMs: endMs,
});

export const chooseTopics = (random: Random): string[] => TOPICS.filter(() => random.chance(TOPIC_SHARE));

type Post = (
  to: string,
  body: object,
  headers: Readonly<Record<string, string>>,
) => Promise<Outcome<SendAnswer>>;

export type SenderParts = {
  readonly fleet: string;
  /** Its address, as those who read it see it. */
  readonly from: string;
  readonly random: Random;
  readonly witness: Witness;
  readonly post: Post;
  /** Whether it goes on. */
  readonly on: () => boolean;
  readonly wait: (ms: number) => Promise<void>;
};

/** Whoever sends messages, one after the other: each when the one before was answered, or given up. */
export function createSender({ fleet, from, random, witness, post, on, wait }: SenderParts) {
  function address(): string {
    const known = [...witness.sessions.values()].filter((session) => session.fleet === fleet);
    const [first] = known;
    if (!first) return "session:nobody";
    // What many read is rarer in large fleets, or reading would be most of what they do.
    const topics = Math.min(2, 5 / known.length);
    const roll = random.uniform() * (1 + topics + 1 / known.length);
    if (roll < 1) return `session:${(random.chance(0.5) ? first : random.pick(known)).id}`;
    return roll < 1 + topics ? `topic:${random.pick(TOPICS)}` : "*";
  }

  async function say(to: string): Promise<void> {
    const keyed = random.chance(0.6);
    const letter: Letter = witness.messages.sending(fleet, from, to, keyed);
    const body = { letter: letter.number, text: "x".repeat(random.pick(LENGTHS)) };
    const headers: Record<string, string> = keyed ? { "idempotency-key": `letter-${letter.number}` } : {};
    for (let i = 0; i < (keyed ? TRIES : 1) && on(); i++) {
      const outcome = await post(to, body, headers);
      if (outcome.kind === "answered") {
        witness.messages.sent(letter, outcome.value.id);
        return;
      }
      const again =
        outcome.kind === "lost" || ["conflict.retry", "auth.expired"].includes(outcome.refusal.refused);
      if (!again) return;
      await wait(RETRY_MS * (0.5 + random.uniform()));
    }
  }

  return {
    async talk(): Promise<void> {
      // Now and then to nobody of this fleet, though another may have one of that name.
      const to = random.chance(0.03) ? `session:${random.pick(["nobody", "default-h0-c0"])}` : address();
      for (let i = random.between(1, TALK_LONGEST); i > 0 && on(); i--) {
        await say(to);
        await wait(random.uniform() * 200);
      }
    },
  };
}

export type MailboxParts = Omit<SenderParts, "from" | "post"> & {
  readonly id: string;
  readonly epoch: number;
  readonly topics: readonly string[];
  readonly token: () => SessionToken;
  readonly scheduler: Scheduler;
  readonly network: Network;
  readonly talk: Talk;
};

/** What a session does with messages: sends some, reads what it is told of, and acknowledges it, mostly at once. */
export function createMailbox(parts: MailboxParts) {
  const { id, fleet, random, witness, network, scheduler, on, wait, token, talk } = parts;
  const reader = { fleet, session: id, epoch: parts.epoch, topics: parts.topics };
  const sender = createSender({
    ...parts,
    from: `session:${id}`,
    post: (to, body, headers) => network.send("send", { by: token(), headers, body: { to, body } }),
  });
  const willingFromMs = random.chance(RELUCTANT)
    ? scheduler.nowMs() + random.after(RELUCTANCE_MS)
    : scheduler.nowMs();
  let busy = false;

  /** Once nothing new is said, everybody does at once what is asked, and only that. */
  const isOver = () => scheduler.nowMs() >= talk.untilMs;
  const isWilling = () => isOver() || scheduler.nowMs() >= willingFromMs;

  async function start(): Promise<void> {
    for (;;) {
      await wait(random.after(talk.meanMs));
      if (!on() || isOver()) return;
      if (random.chance(0.8)) await sender.talk();
      else if (!busy) await occupied(() => read(null));
    }
  }

  async function occupied(act: () => Promise<void>): Promise<void> {
    busy = true;
    await act();
    busy = false;
  }

  function saw(messages: readonly Message[], askedAt: number | null): void {
    witness.messages.saw(reader, messages, askedAt, witness.calmSinceMs(scheduler.nowMs()));
  }

  /** @param after what the pages before it acknowledge */
  async function read(
    after: { readonly cursor: string; readonly ids: readonly string[] } | null,
  ): Promise<void> {
    const askedAt = witness.messages.now();
    // A cursor that was cut is nobody's.
    const cut = random.chance(0.01) ? "cut" : null;
    const cursor = cut ?? after?.cursor ?? null;
    const query: Record<string, string> = cursor === null ? {} : { cursor };
    const outcome = await network.send("read", { by: token(), id, query, body: undefined });
    await wait(0);
    if (outcome.kind !== "answered" || !on()) return;
    const { messages, cursor: next } = outcome.value;
    saw(messages, askedAt);
    if (next === null) {
      if (after) await acknowledge(after.cursor, after.ids);
      return;
    }
    const seen = { cursor: next, ids: [...(after?.ids ?? []), ...messages.map((message) => message.id)] };
    if (random.chance(0.2)) await read(seen);
    else await acknowledge(seen.cursor, seen.ids);
  }

  async function acknowledge(cursor: string, ids: readonly string[]): Promise<void> {
    if (!isWilling() || (!isOver() && random.chance(0.1))) return;
    if (!isOver() && random.chance(0.2)) await wait(random.after(PUT_OFF_MS));
    for (let i = 0; i < TRIES && on(); i++) {
      const receipt = witness.messages.acknowledging(reader, ids);
      const outcome = await network.send("acknowledge", { by: token(), id, body: { cursor } });
      if (outcome.kind === "answered") witness.messages.acknowledged(receipt);
      if (outcome.kind !== "lost") return;
      await wait(RETRY_MS * (0.5 + random.uniform()));
    }
  }

  return {
    start,
    /** A beat's answer told it of messages, and brought some. Whoever is busy is told again. */
    told({ messages, cursor, more }: Extract<Command, { type: "message" }>): void {
      if (busy || (!isWilling() && random.chance(0.97))) return;
      void occupied(async () => {
        saw(messages, null);
        if (cursor !== null)
          await acknowledge(
            cursor,
            messages.map((message) => message.id),
          );
        if (more && on()) await read(null);
      });
    },
  };
}
