import * as z from "zod/mini";
import { Id, Instant } from "./ids.ts";

/** Before the id of a session, and the name of a topic, in an address. */
export const SESSION = "session:";
export const TOPIC = "topic:";

/** The log that every session of the fleet reads. */
export const BROADCAST = "*";

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
