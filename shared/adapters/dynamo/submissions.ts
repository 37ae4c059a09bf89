import { SubmissionRecord } from "../../contract/records.ts";
import type { Clock } from "../../ports/ports.ts";
import type { SubmissionStore } from "../../ports/record.ts";
import { REMOVAL_LAG_MS, toExpirySeconds } from "./expiry.ts";
import { KEY, PARTITION, SORT_PREFIX } from "./keys.ts";
import type { RetentionOf } from "./retention.ts";
import type { Item, Table } from "./table.ts";

/** Number sets, to which members may be added by many at once; DynamoDB has no empty sets. */
const SETS = ["completed", "failed", "cancelled", "void"] as const;

function encode(submission: SubmissionRecord): Item {
  const item: Item = { ...submission };
  for (const name of SETS) item[name] = submission[name].length === 0 ? undefined : new Set(submission[name]);
  return item;
}

function decode(item: Item): SubmissionRecord {
  const sets = SETS.map((name) => {
    const indexes = [...((item[name] ?? []) as Iterable<number>)];
    return [name, indexes.sort((a, b) => a - b)];
  });
  return SubmissionRecord.parse({ ...item, ...Object.fromEntries(sets) });
}

/**
 * Submissions as two items in turn, because there are no transactions: OPEN, and from its close on CLOSED.
 * Whoever sees both sees a close that is not finished; CLOSED counts. It expires after the tasks that it lists, which had
 * all ended before it was closed.
 */
export function createSubmissions(
  table: Table,
  retentionOf: RetentionOf,
  clock: Pick<Clock, "nowMs">,
): SubmissionStore {
  const absent = { expression: "attribute_not_exists(pk)" };
  const read = async (
    fleet: string,
    group: string,
    which: "open" | "closed",
    after: string | null,
    limit: number,
  ) => {
    const range = { pk: PARTITION.group(fleet, group), prefix: SORT_PREFIX[which], after, limit };
    return (await table.query(range)).map(decode);
  };

  return {
    async add(submission) {
      const { fleet, group, id } = SubmissionRecord.parse(submission);
      const open = KEY.submission(fleet, group, "open", id);
      const closed = KEY.submission(fleet, group, "closed", id);
      if ((await table.get(closed)) !== null) return;
      await table.put({ ...encode(submission), ...open }, absent);
      // Another may have added and closed it since we looked: it must not be open again.
      if ((await table.get(closed)) !== null) await table.remove(open);
    },
    async mark(fleet, group, id, index, end) {
      await table.update(KEY.submission(fleet, group, "open", id), "ADD #end :indexes", {
        expression: "attribute_exists(pk)",
        names: { "#end": end },
        values: { ":indexes": new Set([index]) },
      });
    },
    async list(fleet, group, which, cursor, limit) {
      // Open first: one that is closed in between is then found closed. One entry more tells whether that is all.
      const open = which === "closed" ? [] : await read(fleet, group, "open", cursor, limit + 1);
      const closed = which === "open" ? [] : await read(fleet, group, "closed", cursor, limit + 1);
      const found = [
        ...new Map([...open, ...closed].map((submission) => [submission.id, submission])).values(),
      ];
      const items = found.sort((a, b) => (a.id < b.id ? -1 : 1)).slice(0, limit);
      return { items, cursor: found.length > limit ? (items.at(-1)?.id ?? null) : null };
    },
    async close(fleet, group, id) {
      const open = KEY.submission(fleet, group, "open", id);
      const item = await table.get(open);
      if (item === null) return;
      const { longestMs } = await retentionOf(fleet);
      const expiresAt = toExpirySeconds(clock.nowMs() + longestMs + REMOVAL_LAG_MS);
      await table.put({ ...item, ...KEY.submission(fleet, group, "closed", id), expiresAt }, absent);
      await table.remove(open);
    },
  };
}
