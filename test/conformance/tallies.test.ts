import { describe, expect, test } from "vitest";
import { createMemoryTallies } from "../../shared/adapters/memory/tallies.ts";
import { createBeatTallies, createTallies } from "../../shared/adapters/upstash/tallies.ts";
import type { Tallies } from "../../shared/ports/ports.ts";
import { type Store, describeOnRedis, withMemory, withRedis } from "./redis-stores.ts";

/** What every store of running sums guarantees. */
function describeTallies(store: Store<Tallies>): void {
  test("sums add up, by fleet and for the deployment", async () => {
    const { port } = store;
    await port.add("alpha", { crashes: 1, waitMs: 250 });
    await port.add("alpha", { crashes: 2 });
    await port.add(null, { crashes: 10 });
    expect(await port.read("alpha")).toEqual({ crashes: 3, waitMs: 250 });
    expect(await port.read(null)).toEqual({ crashes: 10 });
    expect(await port.read("beta")).toEqual({});
  });

  test("what was lost starts at zero", async () => {
    await store.port.add("alpha", { crashes: 1 });
    await store.lose();
    expect(await store.port.read("alpha")).toEqual({});
    await store.port.add("alpha", { crashes: 1 });
    expect(await store.port.read("alpha")).toEqual({ crashes: 1 });
  });
}

describe("Tallies in memory", () => {
  describeTallies(withMemory(createMemoryTallies));

  test("a saved state comes back", async () => {
    const port = createMemoryTallies();
    await port.add("alpha", { a: 1 });
    const restore = port.save();
    await port.add("alpha", { a: 1 });
    restore();
    expect(await port.read("alpha")).toEqual({ a: 1 });
  });
});

describeOnRedis("Tallies", (engine) => {
  const store = withRedis(engine, createTallies);
  describeTallies(store);

  test("an event is one command for each sum, asking for all is one", async () => {
    await store.port.add("alpha", { a: 1, b: 2 });
    await store.port.read("alpha");
    expect(store.commands).toEqual(["HINCRBY", "HINCRBY", "HGETALL"]);
  });
});

describeOnRedis("Tallies by the heartbeat's client", (engine) => {
  describeTallies(
    withRedis(engine, (client, beat) => ({ ...createTallies(client), ...createBeatTallies(beat) })),
  );
});
