import { TaskRecord } from "../../contract/records.ts";
import type { TaskStore } from "../../ports/record.ts";
import { createDocuments } from "./document.ts";
import { toExpirySeconds } from "./expiry.ts";
import { KEY, OPEN_PARTITION, OPEN_SHARDS, shardOf } from "./keys.ts";
import type { RetentionOf } from "./retention.ts";
import { readPage } from "./shards.ts";
import type { Item, Table } from "./table.ts";

/** A task that is done in every respect expires, and is in the index only as a dead letter. */
async function attributesOf(task: TaskRecord, retentionOf: RetentionOf): Promise<Item> {
  const shard = shardOf(task.id, OPEN_SHARDS);
  if ("effectsPending" in task && !task.effectsPending) {
    const expiresAt = toExpirySeconds(task.endedAtMs + (await retentionOf(task.fleet)).keptMs);
    if (task.state !== "failed") return { expiresAt };
    return { expiresAt, openPk: OPEN_PARTITION.dead(task.fleet, shard), openSk: task.id };
  }
  const open = { openPk: OPEN_PARTITION.tasks(task.fleet, shard), openSk: task.id };
  if (task.state !== "blocked") return open;
  // A string set, which several completers may shrink at once; DynamoDB has no empty sets.
  return { ...open, waitingOn: task.waitingOn.length === 0 ? undefined : new Set(task.waitingOn) };
}

function decode(item: Item): Item {
  if (item["state"] !== "blocked") return item;
  return { ...item, waitingOn: [...((item["waitingOn"] ?? []) as Iterable<string>)].sort() };
}

export function createTasks(table: Table, retentionOf: RetentionOf): TaskStore {
  const tasks = createDocuments(table, {
    schema: TaskRecord,
    keyOf: ({ fleet, id }) => KEY.task(fleet, id),
    attributes: (task) => attributesOf(task, retentionOf),
    decode,
  });
  const list = (
    partition: (fleet: string, shard: number) => string,
    fleet: string,
    cursor: string | null,
    limit: number,
  ) =>
    readPage(
      OPEN_SHARDS,
      (id: string) => id,
      (shard, after, count) => table.queryOpen(partition(fleet, shard), after, count),
      cursor,
      limit,
    );

  return {
    get: (fleet, id) => tasks.get(KEY.task(fleet, id)),
    getMany: (fleet, ids) => tasks.getMany(ids.map((id) => KEY.task(fleet, id))),
    commit: tasks.commit,
    async strike(fleet, id, dependency) {
      const key = KEY.task(fleet, id);
      const struck = await table.update(key, "SET rev = rev + :one DELETE waitingOn :dependencies", {
        expression: "#state = :blocked AND contains(waitingOn, :dependency)",
        names: { "#state": "state" },
        values: {
          ":one": 1,
          ":blocked": "blocked",
          ":dependency": dependency,
          ":dependencies": new Set([dependency]),
        },
      });
      // Refused also when an earlier try of ours was applied: what stands there is the answer either way.
      return struck === null ? tasks.get(key) : tasks.decode(struck);
    },
    listOpen: (fleet, cursor, limit) => list(OPEN_PARTITION.tasks, fleet, cursor, limit),
    listDead: (fleet, cursor, limit) => list(OPEN_PARTITION.dead, fleet, cursor, limit),
  };
}
