import type { SessionRecord } from "../contract/records.ts";
import { retunedTo } from "./experiments/session-tuning.ts";

/** What a session should be doing, as its host learns it from a heartbeat. Derived from the record alone. */
export function desiredOf(session: SessionRecord) {
  const entries = Object.entries(session.held);
  return {
    rev: session.rev,
    epoch: session.epoch,
    host: session.host,
    state: session.state,
    capacity: session.capacity,
    keyId: session.keyId,
    tasks: Object.fromEntries(entries.filter(([task]) => !(task in session.stopping))),
    stopping: Object.fromEntries(entries.filter(([task]) => task in session.stopping)),
    restart: session.restartAsked,
    ...((session.askedAtMs ?? null) !== null && { asked: true }),
    ...retunedTo(session),
  };
}
