import * as z from "zod/mini";
import { Id, Instant, Word } from "./ids.ts";

const SESSION = "session:";
const TOPIC = "topic:";

/** The log that every session of the fleet reads. */
export const BROADCAST = "*";

function isAddress(to: string): boolean {
  if (to === BROADCAST) return true;
  if (to.startsWith(SESSION)) return Id.safeParse(to.slice(SESSION.length)).success;
  return to.startsWith(TOPIC) && Word.safeParse(to.slice(TOPIC.length)).success;
}

/** Whom a message is for, which is also the name of the log that keeps it: one session, a topic, or all. */
export const Address = z
  .string()
  .check(z.refine(isAddress, "must be session: and an id, topic: and a name, or *"));

export function sessionLog(session: string): string {
  return SESSION + session;
}

export function topicLog(topic: string): string {
  return TOPIC + topic;
}

/** The session that an address names, or null if it names a topic or all. */
export function sessionOf(to: string): string | null {
  return to.startsWith(SESSION) ? to.slice(SESSION.length) : null;
}

/** What the system itself tells those who subscribed to the topic of that name. */
export const EVENT_TOPICS = [
  "task.completed",
  "task.failed",
  "task.cancelled",
  "session.crashed",
  "session.ended",
] as const;
export type EventTopic = (typeof EVENT_TOPICS)[number];

/** How far logs have been read, by number. One that is not named is unread from its beginning. */
export const Positions = z.record(z.string(), z.int());
export type Positions = z.infer<typeof Positions>;

/** A message as its readers get it. `from` is a session's address, `operator` for a key, or `system` for an event. */
export const Message = z.object({
  id: Id,
  from: z.string(),
  to: z.string(),
  body: z.unknown(),
  sentAt: Instant,
});
export type Message = z.infer<typeof Message>;

/** POST /v1/messages */
export const SendRequest = z.strictObject({ to: Address, body: z.unknown() });
export type SendRequest = z.infer<typeof SendRequest>;
export const SendAnswer = z.object({ id: Id, sentAt: Instant });
export type SendAnswer = z.infer<typeof SendAnswer>;

/** GET /v1/sessions/{id}/messages: `cursor` acknowledges exactly these, and is null when there was nothing. */
export const MessagesAnswer = z.object({ messages: z.array(Message), cursor: z.nullable(z.string()) });
export type MessagesAnswer = z.infer<typeof MessagesAnswer>;

/** POST /v1/sessions/{id}/messages/ack */
export const AcknowledgeRequest = z.strictObject({ cursor: z.string() });
/** A cursor of everything that is acknowledged now. */
export const AcknowledgeAnswer = z.object({ cursor: z.string() });
export type AcknowledgeAnswer = z.infer<typeof AcknowledgeAnswer>;
