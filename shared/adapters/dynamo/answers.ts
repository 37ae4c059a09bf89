import { AnswerRecord } from "../../contract/records.ts";
import type { Clock } from "../../ports/ports.ts";
import type { AnswerStore } from "../../ports/record.ts";
import { toExpirySeconds } from "./expiry.ts";
import { KEY } from "./keys.ts";
import type { Item, Table } from "./table.ts";

/** Tries of a keep that is refused for an answer which is gone when it is read. */
const KEEP_TRIES_LIMIT = 3;

function encode(answer: AnswerRecord): Item {
  const expiresAt = toExpirySeconds(answer.expiresAtMs);
  // No attribute instead of null, so that a condition can ask for its absence.
  return { ...answer, answer: answer.answer ?? undefined, expiresAt };
}

const decode = (item: Item): AnswerRecord => AnswerRecord.parse({ ...item, answer: item["answer"] ?? null });

export function createAnswers(table: Table, clock: Pick<Clock, "nowMs">): AnswerStore {
  const read = async (fleet: string, key: string, nowMs: number): Promise<AnswerRecord | null> => {
    const item = await table.get(KEY.answer(fleet, key));
    const answer = item === null ? null : decode(item);
    return answer === null || answer.expiresAtMs < nowMs ? null : answer;
  };

  return {
    get: (fleet, key) => read(fleet, key, clock.nowMs()),
    async keep(answer) {
      const kept = AnswerRecord.parse(answer);
      const nowMs = clock.nowMs();
      for (let tries = 0; tries < KEEP_TRIES_LIMIT; tries++) {
        const done = await table.put(
          { ...encode(kept), ...KEY.answer(kept.fleet, kept.key) },
          {
            expression: "attribute_not_exists(#answer) OR expiresAtMs < :now",
            names: { "#answer": "answer" },
            values: { ":now": nowMs },
          },
        );
        if (done) return kept;
        // Refused: another's answer, or our own whose acknowledgement was lost. What is stored is right for both.
        const stored = await read(kept.fleet, kept.key, nowMs);
        if (stored !== null) return stored;
      }
      throw new Error(`the answer ${kept.key} of fleet ${kept.fleet} keeps vanishing; repeat the request`);
    },
    drop: (fleet, key) =>
      table.remove(KEY.answer(fleet, key), {
        expression: "attribute_not_exists(#answer)",
        names: { "#answer": "answer" },
      }),
  };
}
