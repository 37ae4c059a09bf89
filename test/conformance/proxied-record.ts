import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { afterAll, beforeAll, beforeEach } from "vitest";
import { createDynamoRecord } from "../../shared/adapters/dynamo/record.ts";
import type { RecordStore } from "../../shared/ports/record.ts";
import { newFleet } from "./record-fixtures.ts";
import { type Proxy, startProxy } from "./record-proxy.ts";
import { CREDENTIALS, type DynamoWorld, startDynamoWorld } from "./record-worlds.ts";

/** A record of which requests and answers can be lost on the way. */
export type ProxiedRecord = {
  readonly world: DynamoWorld;
  readonly proxy: Proxy;
  /** Goes through the proxy. */
  readonly client: DynamoDBClient;
  /** The record as seen through the proxy; `world.record` sees the same table without it. */
  readonly record: RecordStore;
  /** Of one test alone. */
  readonly fleet: string;
};

/** Starts one for the tests of a file, and tells each of it, with a proxy that loses nothing. */
export function useProxiedRecord(tell: (started: ProxiedRecord) => void): void {
  let started: Omit<ProxiedRecord, "fleet">;
  beforeAll(async () => {
    const world = await startDynamoWorld();
    const proxy = await startProxy(world.endpoint);
    const client = new DynamoDBClient({ endpoint: proxy.endpoint, maxAttempts: 3, ...CREDENTIALS });
    const { table, objects, clock } = world;
    started = { world, proxy, client, record: createDynamoRecord({ client, table, objects, clock }) };
  });
  afterAll(async () => {
    started.client.destroy();
    await started.proxy.stop();
    await started.world.stop();
  });
  beforeEach(() => {
    started.proxy.set((exchange, forward) => forward(exchange.body));
    tell({ ...started, fleet: newFleet() });
  });
}
