import { type Refusal, isRefusal, refuse } from "../contract/errors.ts";
import { MESSAGE_BYTES_LIMIT } from "../contract/limits.ts";
import { sessionLog, sessionOf } from "../contract/message.ts";
import type { SendAnswer, SendRequest } from "../contract/message-routes.ts";
import { hashOf } from "../domain/canonical-json.ts";
import { refuseEpoch } from "../domain/session-transitions.ts";
import type { SessionClaims } from "../domain/tokens.ts";
import type { Ports } from "../ports/ports.ts";
import { appendMessage } from "./append-message.ts";

export type Sender = {
  readonly fleet: string;
  /** The session that sends, or null for a key. */
  readonly claims: SessionClaims | null;
  /** The Idempotency-Key, or null. */
  readonly seed: string | null;
};

/**
 * Sends a message to one session, to a topic or to all. Once answered it is in the record. Repeated with its
 * Idempotency-Key, it is the same message. A session that is not alive gets it when it is started again in time.
 */
export async function sendMessage(
  ports: Ports,
  { fleet, claims, seed }: Sender,
  { to, body }: SendRequest,
): Promise<SendAnswer | Refusal> {
  const target = sessionOf(to);
  const named = [target, claims?.session ?? null].filter((id) => id !== null);
  const found = named.length > 0 ? await ports.record.sessions.getMany(fleet, named) : [];
  if (target !== null && !found.some(({ id }) => id === target))
    return refuse("session.not_found", `There is no session ${target} in this fleet.`);
  const json = JSON.stringify(body ?? null);
  const bytes = Buffer.byteLength(json);
  if (bytes > MESSAGE_BYTES_LIMIT)
    return refuse("message.too_large", `The body is ${bytes} bytes; the limit is ${MESSAGE_BYTES_LIMIT}.`);
  if (claims) {
    const sender = found.find(({ id }) => id === claims.session);
    if (!sender) return refuse("session.superseded", `Session ${claims.session} is gone.`);
    const refused = refuseEpoch(sender, claims.epoch);
    if (refused) return refused.refusal;
  }
  const message = await appendMessage(ports, {
    fleet,
    log: to,
    id: `msg_${seed === null ? ports.chance.id() : hashOf(fleet, seed)}`,
    from: claims ? sessionLog(claims.session) : "operator",
    json,
    repeatable: seed !== null,
  });
  return isRefusal(message) ? message : { id: message.id, sentAt: new Date(message.sentAtMs).toISOString() };
}
