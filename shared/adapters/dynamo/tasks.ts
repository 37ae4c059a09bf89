import { TaskRecord } from "../../contract/records.ts";
import type { Commit, TaskStore } from "../../ports/record.ts";
import { createDocuments } from "./document.ts";
import { expiryAfterEnd } from "./expiry.ts";
import { KEY, OPEN_PARTITION, OPEN_SHARDS, shardOf } from "./keys.ts";
import type { PayloadExpiry } from "./payload-expiry.ts";
import { readPage } from "./shards.ts";
import type { Item, Table } from "./table.ts";

/** When a task that is done in every respect may go, in epoch seconds; null for every other task. */
function expiryOf(task: TaskRecord): number | null {
  return "effectsPending" in task && !task.effectsPending ? expiryAfterEnd(task.endedAtMs) : null;
}

/** `waitingOn` is a string set, which several completers may shrink at once; DynamoDB has no empty sets. */
function attributesOf(task: TaskRecord): Item {
  const expiresAt = expiryOf(task);
  const shard = shardOf(task.id, OPEN_SHARDS);
  if (expiresAt !== null)
    return task.state === "failed"
      ? { expiresAt, openPk: OPEN_PARTITION.dead(task.fleet, shard), openSk: task.id }
      : { expiresAt };
  const open = { openPk: OPEN_PARTITION.tasks(task.fleet, shard), openSk: task.id };
  if (task.state !== "blocked") return open;
  return { ...open, waitingOn: task.waitingOn.length === 0 ? undefined : new Set(task.waitingOn) };
}

function decode(item: Item): Item {
  if (item["state"] !== "blocked") return item;
  return { ...item, waitingOn: [...((item["waitingOn"] ?? []) as Iterable<string>)].sort() };
}

const itemPayloads = (task: TaskRecord): string[] =>
  [
    task.data,
    ...(task.state === "completed" ? [task.result, ...(task.evidence ? [task.evidence] : [])] : []),
  ].flatMap((ref) => (ref.at === "item" ? [ref.key] : []));

export function createTasks(table: Table, payloadExpiry: PayloadExpiry): TaskStore {
  const tasks = createDocuments(table, {
    schema: TaskRecord,
    keyOf: ({ fleet, id }) => KEY.task(fleet, id),
    attributes: attributesOf,
    decode,
  });

  /** A task's payloads expire with it: told so after its last commit, and taken back before a redrive's. */
  const commit: Commit<TaskRecord> = async (previous, next) => {
    const { fleet, id } = next;
    if (previous !== null && expiryOf(previous) !== null && expiryOf(next) === null) {
      await payloadExpiry.clear(fleet, id, itemPayloads(previous), previous.rev + 1);
    }
    const written = await tasks.commit(previous, next);
    const expiresAt = written === null ? null : expiryOf(written);
    if (written !== null && expiresAt !== null) {
      await payloadExpiry.set(fleet, id, itemPayloads(written), written.rev, expiresAt);
    }
    return written;
  };

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
    commit,
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
