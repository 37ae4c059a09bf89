import { expect, test } from "vitest";
import type { ActiveExperiment, Variant } from "../../shared/contract/experiments.ts";
import type { Allocator } from "../../shared/ports/allocation.ts";
import { experimentOf, unitOf } from "./allocator-units.ts";

const UNITS = 20_000;

/** Units in the treatment, of those with the ids 0 to `units`. */
async function treated(
  allocator: Allocator,
  experiment: ActiveExperiment,
  units = UNITS,
): Promise<boolean[]> {
  const found: boolean[] = [];
  for (let i = 0; i < units; i++) {
    const variant: Variant | null = await allocator.allocate([experiment], experiment, unitOf(i));
    expect(variant).not.toBeNull();
    found.push(variant === "treatment");
  }
  return found;
}

const sum = (values: readonly boolean[]) => values.filter(Boolean).length;

/** What every allocator guarantees that decides by itself. */
export function describeAllocator(create: () => Allocator): void {
  test.for([0.1, 0.25, 0.5, 0.95])("a share of %d is met within 1 percentage point", async (share) => {
    const found = await treated(create(), experimentOf("exp_1", share));
    expect(Math.abs(sum(found) / UNITS - share)).toBeLessThan(0.01);
  });

  test("a share of 0 treats nobody and a share of 1 everybody", async () => {
    const allocator = create();
    expect(sum(await treated(allocator, experimentOf("exp_1", 0), 500))).toBe(0);
    expect(sum(await treated(allocator, experimentOf("exp_1", 1), 500))).toBe(500);
  });

  test("a share is finer than a thousandth", async () => {
    const found = sum(await treated(create(), experimentOf("exp_1", 0.0004)));
    expect(found).toBeGreaterThan(0);
    expect(found).toBeLessThan(20);
  });

  test("another allocator answers the same", async () => {
    const experiment = experimentOf("exp_1", 0.5);
    expect(await treated(create(), experiment, 500)).toEqual(await treated(create(), experiment, 500));
  });

  test("a unit that is treated at some share is treated at every larger one", async () => {
    const allocator = create();
    let before: readonly boolean[] = [];
    for (const share of [0.0004, 0.1, 0.1003, 0.25, 0.5, 0.95]) {
      const found = await treated(allocator, experimentOf("exp_1", share), 4_000);
      before.forEach((was, index) => {
        if (was) expect(found[index]).toBe(true);
      });
      before = found;
    }
  });

  test("experiments and fleets are independent of each other", async () => {
    const allocator = create();
    const one = await treated(allocator, experimentOf("exp_1", 0.5));
    const other = await treated(allocator, experimentOf("exp_2", 0.5));
    const alike = one.filter((value, index) => value === other[index]).length;
    // Of halves, the correlation is twice the excess of agreement; 0.03 is more than four standard errors.
    expect(Math.abs((2 * alike) / UNITS - 1)).toBeLessThan(0.03);

    const experiment = experimentOf("exp_1", 0.5);
    let same = 0;
    for (let i = 0; i < 2_000; i++) {
      const elsewhere = await allocator.allocate([experiment], experiment, unitOf(i, "beta"));
      if ((elsewhere === "treatment") === one[i]) same++;
    }
    expect(same).toBeGreaterThan(850);
    expect(same).toBeLessThan(1_150);
  });

  test("what others are in does not matter", async () => {
    const allocator = create();
    const experiment = experimentOf("exp_1", 0.5);
    const alone = await treated(allocator, experiment, 200);
    for (let i = 0; i < 200; i++) {
      const among = [experimentOf("exp_0", 0.3), experiment, experimentOf("exp_2", 0.9)];
      const variant = await allocator.allocate(among, experiment, unitOf(i));
      expect(variant === "treatment").toBe(alone[i]);
    }
  });

  test("who is in no arm is not in control: an unknown experiment, no experiment, no id", async () => {
    const allocator = create();
    const [known, unknown] = [experimentOf("exp_1", 0.5), experimentOf("exp_2", 0.5)];
    expect(await allocator.allocate([known], unknown, unitOf(1))).toBeNull();
    expect(await allocator.allocate([], known, unitOf(1))).toBeNull();
    expect(await allocator.allocate([known], known, { ...unitOf(1), id: "" })).toBeNull();
  });

  test("exposing and flushing do not reject", async () => {
    const allocator = create();
    allocator.expose(experimentOf("exp_1", 0.5), unitOf(1), "treatment");
    await allocator.flush();
    await allocator.flush();
  });
}
