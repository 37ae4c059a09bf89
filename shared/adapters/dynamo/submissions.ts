import { SubmissionRecord } from "../../contract/records.ts";
import type { SubmissionStore } from "../../ports/record.ts";
import { KEY, PARTITION, SORT_PREFIX } from "./keys.ts";
import { readPage } from "./shards.ts";
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
 * Whoever sees both sees a close that is not finished; CLOSED counts.
 */
export function createSubmissions(table: Table): SubmissionStore {
  const absent = { expression: "attribute_not_exists(pk)" };

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
    list: (fleet, group, which, cursor, limit) =>
      readPage(
        1,
        ({ id }) => id,
        async (_, after, count) => {
          const range = {
            pk: PARTITION.group(fleet, group),
            prefix: SORT_PREFIX[which],
            after,
            limit: count,
          };
          return (await table.query(range)).map(decode);
        },
        cursor,
        limit,
      ),
    async close(fleet, group, id) {
      const open = KEY.submission(fleet, group, "open", id);
      const item = await table.get(open);
      if (item === null) return;
      await table.put({ ...item, ...KEY.submission(fleet, group, "closed", id) }, absent);
      await table.remove(open);
    },
  };
}
