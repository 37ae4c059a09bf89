import { describe, expect, test } from "vitest";
import { createMemoryInboxHints } from "../../shared/adapters/memory/inbox-hints.ts";
import { createInboxHints } from "../../shared/adapters/upstash/inbox-hints.ts";
import { ownLogKey, readingKey, sharedLogsKey } from "../../shared/adapters/upstash/keys.ts";
import { createRegistry } from "../../shared/adapters/upstash/registry.ts";
import { describeInboxHints, ownLog } from "./inbox-hints-suite.ts";
import { describeOnRedis, replayingScripts, withMemory, withRedis } from "./redis-stores.ts";

const LATER = { number: 2, expiresAtMs: 1_753_000_000_000 };

describe("Inbox hints in memory", () => {
  describeInboxHints(withMemory(createMemoryInboxHints));
});

describeOnRedis("Inbox hints", (engine) => {
  const store = withRedis(engine, createInboxHints);
  describeInboxHints(store);

  test("a document that cannot be decoded counts as missing, and the next one replaces it", async () => {
    await store.redis.set(ownLogKey("f", "a"), '{"rev":9,');
    await store.redis.set(readingKey("f", "a"), '{"rev":"9"}');
    await store.redis.set(sharedLogsKey("f"), '{"*":[1],"topic:x":7}');
    expect(await store.port.read("f", ["a"])).toEqual([{ reading: null, own: null, shared: {} }]);
    await store.port.deliver("f", "a", ownLog(1));
    await store.port.place("f", "a", { rev: 1, positions: {} });
    await store.port.announce("f", "*", LATER, 0);
    expect(await store.port.read("f", ["a"])).toEqual([
      { reading: { rev: 1, positions: {} }, own: ownLog(1), shared: { "*": [2, LATER.expiresAtMs] } },
    ]);
  });

  test("each is 1 script, reading any number of sessions 1 command, and all of it is collected", async () => {
    const registry = createRegistry(store.client);
    await registry.inboxes.deliver("f", "a", ownLog(1));
    await registry.inboxes.place("f", "a", { rev: 1, positions: {} });
    await registry.inboxes.announce("f", "*", LATER, 0);
    const before = store.commands.length;
    await registry.inboxes.deliver("f", "a", ownLog(2));
    await registry.inboxes.read("f", ["a", "b", "c"]);
    expect(store.commands.slice(before)).toEqual(["EVALSHA", "MGET"]);
    for (const key of [ownLogKey("f", "a"), readingKey("f", "a"), sharedLogsKey("f")])
      expect(await store.redis.ttl(key)).toBeGreaterThan(86_000);
  });
});

describeOnRedis("Inbox hints with every script run twice", (engine) => {
  describeInboxHints(withRedis(engine, createInboxHints, replayingScripts));
});
