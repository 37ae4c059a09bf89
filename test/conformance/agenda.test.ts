import { describe, expect, test } from "vitest";
import { createMemoryAgenda } from "../../shared/adapters/memory/agenda.ts";
import { createAgenda, createBeatAgenda } from "../../shared/adapters/upstash/agenda.ts";
import { AGENDA_KEY } from "../../shared/adapters/upstash/keys.ts";
import type { Agenda } from "../../shared/ports/agenda.ts";
import { testRandomAgenda } from "./agenda-random.ts";
import { ONE_OF_EACH, describeAgenda } from "./agenda-suite.ts";
import { type RedisStore, describeOnRedis, replayingAll, withMemory, withRedis } from "./redis-stores.ts";

describe("Agenda in memory", () => {
  describeAgenda(withMemory(createMemoryAgenda));
});

describeOnRedis("Agenda, entries by the heartbeat's client,", (engine) => {
  const store = withRedis(engine, (client, beatClient) => ({
    ...createAgenda(client),
    ...createBeatAgenda(beatClient),
  }));
  describeAgenda(store);
  describeOnRedisOnly(store);
  testRandomAgenda(store);
});

describeOnRedis("Agenda with every request run twice", (engine) => {
  const store = withRedis(engine, createAgenda, replayingAll);
  describeAgenda(store);
  testRandomAgenda(store);
});

function describeOnRedisOnly(store: RedisStore<Agenda>): void {
  test("each use is 1 command, however many entries of a page it names", async () => {
    await store.port.put(ONE_OF_EACH, 100);
    await store.port.due(100, 10);
    await store.port.done(ONE_OF_EACH);
    await store.port.setStamp(100);
    await store.port.stamp();
    await store.port.count();
    expect(store.commands).toEqual(["ZADD", "ZRANGE", "ZREM", "ZADD", "ZSCORE", "ZCARD"]);
  });

  test("entries that another version wrote are dropped, so that they never fill the page", async () => {
    await store.redis.zadd(
      AGENDA_KEY,
      1,
      "polish|alpha|x",
      1,
      "verify|alpha|s|h|0",
      1,
      "settle|alpha",
      1,
      "settle|alpha|",
    );
    await store.port.put(ONE_OF_EACH.slice(0, 1), 2);
    expect(await store.port.due(10, 4)).toEqual([]);
    expect(await store.port.due(10, 4)).toEqual(ONE_OF_EACH.slice(0, 1));
    expect(await store.port.count()).toBe(1);
  });
}
