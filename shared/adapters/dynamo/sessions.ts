import { SessionRecord } from "../../contract/records.ts";
import type { Clock } from "../../ports/ports.ts";
import type { SessionStore } from "../../ports/record.ts";
import { createDocuments } from "./document.ts";
import { toExpirySeconds } from "./expiry.ts";
import { KEY, OPEN_PARTITION, OPEN_SHARDS, shardOf } from "./keys.ts";
import type { RetentionOf } from "./retention.ts";
import { readPage } from "./shards.ts";
import type { Item, Table } from "./table.ts";

async function attributesOf(session: SessionRecord, nowMs: number, retentionOf: RetentionOf): Promise<Item> {
  const { fleet, id, state } = session;
  const shard = shardOf(id, OPEN_SHARDS);
  if (state !== "crashed" && state !== "ended")
    return { openPk: OPEN_PARTITION.live(fleet, shard), openSk: id };
  const { keptMs } = await retentionOf(fleet);
  const expiresAt = toExpirySeconds((session.endedAtMs ?? nowMs) + keptMs);
  return { openPk: OPEN_PARTITION.past(fleet, shard), openSk: id, expiresAt };
}

export function createSessions(
  table: Table,
  retentionOf: RetentionOf,
  clock: Pick<Clock, "nowMs">,
): SessionStore {
  const sessions = createDocuments(table, {
    schema: SessionRecord,
    keyOf: ({ fleet, id }) => KEY.session(fleet, id),
    attributes: (session) => attributesOf(session, clock.nowMs(), retentionOf),
  });
  return {
    get: (fleet, id) => sessions.get(KEY.session(fleet, id)),
    getMany: (fleet, ids) => sessions.getMany(ids.map((id) => KEY.session(fleet, id))),
    commit: sessions.commit,
    list: (fleet, which, cursor, limit) =>
      readPage(
        OPEN_SHARDS,
        (id) => id,
        (shard, after, count) => table.queryOpen(OPEN_PARTITION[which](fleet, shard), after, count),
        cursor,
        limit,
      ),
  };
}
