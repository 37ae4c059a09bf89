import { gunzipSync, gzipSync } from "node:zlib";
import { type Refusal, isRefusal, refuse } from "../../shared/contract/errors.ts";
import { IDEMPOTENCY_KEPT_MS, IDEMPOTENCY_KEY_CHARACTERS_LIMIT } from "../../shared/contract/limits.ts";
import type { AnswerRecord } from "../../shared/contract/records.ts";
import { hashOf } from "../../shared/domain/canonical-json.ts";
import { seal, unseal } from "../../shared/domain/sealing.ts";
import type { Ports } from "../../shared/ports/ports.ts";

/** What fits an item of the record. A larger answer is not kept: its repeat runs again and names the same things. */
const ANSWER_CHARACTERS_LIMIT = 300_000;
const VISIBLE_ASCII = /^[\x21-\x7e]+$/;

/** The Idempotency-Key header as a seed that belongs to one route, or null if there is none. */
export function readSeed(header: string | undefined, route: string): string | null | Refusal {
  if (header === undefined) return null;
  if (header.length > IDEMPOTENCY_KEY_CHARACTERS_LIMIT || !VISIBLE_ASCII.test(header))
    return refuse(
      "idempotency.invalid",
      `The Idempotency-Key must be 1 to ${IDEMPOTENCY_KEY_CHARACTERS_LIMIT} visible ASCII characters.`,
    );
  return hashOf(route, header);
}

type Keyed = { readonly fleet: string; readonly key: string; readonly request: readonly unknown[] };
type Answered = { status: number; value: object };

/**
 * Carries a request out once per key. A repeat gets the first answer; one whose first try was cut short runs
 * again, which completes it, because what it creates is named by the key. The answer is kept sealed: it may hold
 * a secret. A refusal changed nothing and leaves the key free for the request as it was meant.
 */
export async function withIdempotency(
  ports: Ports,
  { fleet, key, request }: Keyed,
  status: number,
  run: () => Promise<object>,
): Promise<Answered | Refusal> {
  const { answers } = ports.record;
  const requestHash = hashOf(...request);
  const known = await answers.get(fleet, key);
  const begun = known ?? (await answers.keep(record(ports, { fleet, key, request }, null)));
  if (begun.requestHash !== requestHash)
    return refuse("idempotency.mismatch", "The same Idempotency-Key came with another body before.");
  const before = opened(ports, begun);
  if (before) return before;
  const value = await run();
  if (isRefusal(value)) {
    await answers.drop(fleet, key);
    return value;
  }
  const sealed = seal(
    ports.settings.signingKeys,
    gzipSync(JSON.stringify(value)).toString("base64"),
    contextOf(fleet, key),
  );
  if (sealed.length > ANSWER_CHARACTERS_LIMIT) return { status, value };
  const kept = await answers.keep(record(ports, { fleet, key, request }, { status, sealed }));
  return opened(ports, kept) ?? { status, value };
}

function record(
  { clock }: Ports,
  { fleet, key, request }: Keyed,
  answer: AnswerRecord["answer"],
): AnswerRecord {
  return {
    v: 1,
    fleet,
    key,
    requestHash: hashOf(...request),
    answer,
    expiresAtMs: clock.nowMs() + IDEMPOTENCY_KEPT_MS,
  };
}

function contextOf(fleet: string, key: string): string {
  return `answer ${fleet} ${key}`;
}

function opened({ settings }: Ports, { fleet, key, answer }: AnswerRecord): Answered | null {
  if (!answer) return null;
  const text = unseal(settings.signingKeys, answer.sealed, contextOf(fleet, key));
  return text === null
    ? null
    : {
        status: answer.status,
        value: JSON.parse(gunzipSync(Buffer.from(text, "base64")).toString()) as object,
      };
}
