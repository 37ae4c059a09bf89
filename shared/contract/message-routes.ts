import * as z from "zod/mini";
import { Id, Instant, Word } from "./ids.ts";
import { BROADCAST, Message, SESSION, TOPIC } from "./message.ts";

function isAddress(to: string): boolean {
  if (to === BROADCAST) return true;
  if (to.startsWith(SESSION)) return Id.safeParse(to.slice(SESSION.length)).success;
  return to.startsWith(TOPIC) && Word.safeParse(to.slice(TOPIC.length)).success;
}

/** Whom a message is for, which is also the name of the log that keeps it: one session, a topic, or all. */
export const Address = z
  .string()
  .check(z.refine(isAddress, "must be session: and an id, topic: and a name, or *"));

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
