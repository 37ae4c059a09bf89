import * as z from "zod/mini";
import { Message, Positions } from "../contract/message.ts";

/** What is newest in a session's own log, with the newest messages themselves as long as they are small. */
export const OwnLog = z.object({
  /** Number of the newest message. */
  rev: z.int(),
  /** When the newest is forgotten, and so all of the log. */
  expiresAtMs: z.int(),
  /** Numbered without a gap, up to the newest. */
  recent: z.array(z.object({ number: z.int(), message: Message })),
});
export type OwnLog = z.infer<typeof OwnLog>;

/** Which logs a session reads, and how far it has acknowledged each. `rev` is that of its inbox in the record. */
export const Reading = z.object({ rev: z.int(), positions: Positions });
export type Reading = z.infer<typeof Reading>;

/** Of each shared log, the number of its newest message and when that is forgotten. */
export const SharedLogs = z.record(z.string(), z.tuple([z.int(), z.int()]));
export type SharedLogs = z.infer<typeof SharedLogs>;

/** What a heartbeat knows of a session's messages. Null and what is not named: nothing is known. */
export type InboxHint = {
  readonly reading: Reading | null;
  readonly own: OwnLog | null;
  /** All that the fleet's sessions share. */
  readonly shared: SharedLogs;
};

/** Hints of unread messages, for heartbeats. The messages are in the record, and the repair mends what is lost here. */
export interface InboxHints {
  /** What is newest in a session's own log, unless something newer is known. */
  deliver(fleet: string, session: string, own: OwnLog): Promise<void>;
  /** The number of the newest message of a shared log, unless a higher one is known. Forgets what has expired. */
  announce(
    fleet: string,
    log: string,
    newest: { readonly number: number; readonly expiresAtMs: number },
    nowMs: number,
  ): Promise<void>;
  /** What a session reads and has acknowledged, if `rev` is higher than what is known. */
  place(fleet: string, session: string, reading: Reading): Promise<void>;
  read(fleet: string, sessions: readonly string[]): Promise<InboxHint[]>;
}
