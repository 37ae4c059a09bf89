import { expect, test } from "vitest";
import { admitted } from "../../shared/adapters/statsig/admission.ts";
import { createMemoryAllocator } from "../../shared/adapters/memory/allocator.ts";
import { experimentOf, unitOf } from "./allocator-units.ts";

const UNITS = 20_000;
const SHARES = [0.1, 0.25, 0.5, 0.75, 0.95];

/** Two equal groups that somebody else fixed, as Statsig does. */
const fixed = createMemoryAllocator();
const half = experimentOf("fixed", 0.5);

test("of equal groups, so many are left out that the share of the treatment is met, and nobody leaves the treatment", async () => {
  const counts = new Map(SHARES.map((share) => [share, { control: 0, treatment: 0 }]));
  for (let i = 0; i < UNITS; i++) {
    const group = await fixed.allocate([half], half, unitOf(i));
    if (group === null) throw new Error("everybody is in a group");
    let treated = false;
    for (const share of SHARES) {
      const variant = admitted(group, experimentOf("exp_1", share), unitOf(i));
      if (treated) expect(variant).toBe("treatment");
      treated ||= variant === "treatment";
      expect([group, null]).toContain(variant);
      const count = counts.get(share);
      if (variant && count) count[variant] += 1;
    }
  }
  for (const [share, { control, treatment }] of counts) {
    expect(Math.abs(treatment / (control + treatment) - share), `at ${share}`).toBeLessThan(0.015);
    // The smaller group is never left out.
    const whole = share <= 0.5 ? control : treatment;
    expect(Math.abs(whole / UNITS - 0.5)).toBeLessThan(0.015);
  }
});

test("at equal shares nobody is left out", () => {
  for (const variant of ["control", "treatment"] as const)
    for (let i = 0; i < 100; i++) expect(admitted(variant, half, unitOf(i))).toBe(variant);
});
