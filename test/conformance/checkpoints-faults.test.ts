import { S3Client } from "@aws-sdk/client-s3";
import { describe, expect, test } from "vitest";
import { createDynamoRecord } from "../../shared/adapters/dynamo/record.ts";
import { createObjectStore } from "../../shared/adapters/s3/object-store.ts";
import { StoreUnavailable } from "../../shared/ports/unavailable.ts";
import { aCheckpoint, largeState } from "../fixtures/checkpoints.ts";
import { type ProxiedRecord, useProxiedRecord } from "./proxied-record.ts";
import { committed } from "./record-suite.ts";
import { CREDENTIALS } from "./record-worlds.ts";

let { world, proxy, client, record, fleet } = {} as ProxiedRecord;
useProxiedRecord((started) => {
  ({ world, proxy, client, record, fleet } = started);
});

describe("a write of a checkpoint whose answer was lost", () => {
  test("counts as written, with one sequence, whether it was the first or not", async () => {
    proxy.loseAnswer("PutItem");
    const first = await committed(record.checkpoints.commit, null, aCheckpoint(fleet));
    expect(first.rev).toBe(1);
    proxy.loseAnswer("PutItem");
    const second = await committed(record.checkpoints.commit, first, aCheckpoint(fleet, { epoch: 2 }));
    expect(second.rev).toBe(2);
    expect(await world.record.checkpoints.latest(fleet, "ses_1")).toEqual(second);
  });

  test("is a conflict when another came between, and the other stands", async () => {
    const first = await committed(record.checkpoints.commit, null, aCheckpoint(fleet));
    proxy.loseAnswer("PutItem", async () => {
      const ours = await world.record.checkpoints.latest(fleet, "ses_1");
      await world.record.checkpoints.commit(ours, aCheckpoint(fleet, { trigger: "other" }));
    });
    expect(await record.checkpoints.commit(first, aCheckpoint(fleet))).toBeNull();
    expect(await world.record.checkpoints.latest(fleet, "ses_1")).toMatchObject({ rev: 3, trigger: "other" });
  });
});

describe("a store that does not cope", () => {
  test("a table that cuts every connection is unavailable, and nothing is written", async () => {
    proxy.set(async () => null);
    await expect(record.checkpoints.commit(null, aCheckpoint(fleet))).rejects.toThrow(StoreUnavailable);
    await expect(record.checkpoints.putBody(fleet, "ses_1", "1")).rejects.toThrow(StoreUnavailable);
    expect(await world.record.checkpoints.latest(fleet, "ses_1")).toBeNull();
  });

  test("a bucket that is not reached is unavailable, for keeping, reading and releasing a large state", async () => {
    const json = JSON.stringify(largeState());
    const { ref } = await world.record.checkpoints.putBody(fleet, "ses_1", json);
    expect(ref.at).toBe("object");
    // Port 9 is the discard service, which nothing on this machine offers.
    const endpoint = "http://127.0.0.1:9";
    const s3 = new S3Client({ endpoint, maxAttempts: 1, forcePathStyle: true, ...CREDENTIALS });
    const objects = createObjectStore({ client: s3, bucket: world.bucket });
    const { checkpoints } = createDynamoRecord({ client, table: world.table, objects, clock: world.clock });
    const unreached = [
      () => checkpoints.putBody(fleet, "ses_1", json),
      () => checkpoints.body(fleet, "ses_1", ref),
      () => checkpoints.release(aCheckpoint(fleet, { rev: 1, body: ref })),
    ];
    for (const act of unreached) await expect(act()).rejects.toMatchObject({ store: "s3" });
    s3.destroy();
    expect(await world.record.checkpoints.body(fleet, "ses_1", ref)).toBe(json);
  });
});
