import { describe, expect, test } from "vitest";
import { createMemoryAllocator, noAllocator } from "../../shared/adapters/memory/allocator.ts";
import { createStatsigAllocator } from "../../shared/adapters/statsig/allocator.ts";
import { experimentName } from "../../shared/adapters/statsig/spec.ts";
import { describeAllocator } from "./allocator-suite.ts";
import { experimentOf, unitOf } from "./allocator-units.ts";
import { createRecordedLog } from "./recorded-log.ts";

describe("Allocator in memory", () => {
  describeAllocator(createMemoryAllocator);

  test("what was exposed is there to be read", () => {
    const allocator = createMemoryAllocator();
    allocator.expose(experimentOf("exp_1", 0.5), unitOf(1), "treatment");
    expect(allocator.exposures).toEqual([{ experiment: "exp_1", unit: unitOf(1), variant: "treatment" }]);
  });
});

describe("Allocator by statsig-node in local mode", () => {
  describeAllocator(() => createStatsigAllocator({ serverKey: null, log: createRecordedLog().log }));

  test("more fleets than are kept ready, all at once, each get what they would get alone", async () => {
    const { log, lines } = createRecordedLog();
    const allocator = createStatsigAllocator({ serverKey: null, log });
    const experiment = experimentOf("exp_1", 0.5);
    const ask = () =>
      Promise.all(
        Array.from({ length: 80 }, (_, i) =>
          allocator.allocate([experiment], experiment, unitOf(7, `fleet_${i}`)),
        ),
      );
    const first = await ask();
    expect(new Set(first)).toEqual(new Set(["control", "treatment"]));
    expect(await ask()).toEqual(first);
    expect(lines).toEqual([]);
    await allocator.close();
  });
});

describe("No allocator", () => {
  test("nobody is in an arm", async () => {
    const experiment = experimentOf("exp_1", 1);
    expect(await noAllocator.allocate([experiment], experiment, unitOf(1))).toBeNull();
  });
});

describe("Names in Statsig", () => {
  test("they are what the Console API takes, and tell fleets and experiments apart", () => {
    const pairs = [
      ["a", "b"],
      ["A", "b"],
      ["a.b", "c"],
      ["a", "b.c"],
      ["x".repeat(64), "y".repeat(64)],
      ["x".repeat(64), `${"y".repeat(63)}z`],
    ] as const;
    const names = pairs.map(([fleet, experiment]) => experimentName(fleet, experiment));
    expect(new Set(names).size).toBe(pairs.length);
    for (const name of names) expect(name).toMatch(/^[a-z0-9_]{3,100}$/);
  });
});
