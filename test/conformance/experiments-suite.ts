import { expect, test } from "vitest";
import type { ExperimentRecord, Look } from "../../shared/contract/experiments.ts";
import { newFleet } from "./record-fixtures.ts";
import { committed } from "./record-suite.ts";
import type { RecordWorld } from "./record-worlds.ts";

const AT_MS = Date.UTC(2030, 0, 1);
const DAY = AT_MS / 86_400_000;

export const anExperiment = (fleet: string, over: Partial<ExperimentRecord> = {}): ExperimentRecord => ({
  v: 1,
  rev: 0,
  fleet,
  id: "exp_1",
  parameter: "retryBackoffFactor",
  unit: "task",
  control: 1,
  treatment: 2,
  hypothesis: {
    detector: "retries",
    metric: "attempts",
    baseline: 1.7,
    effect: -0.2,
    interval: [-0.35, -0.05],
    statement: "Tasks that crashed are tried again too soon: größe.",
    evidence: { tasks: 1_200, type: "build" },
  },
  plan: null,
  state: "draft",
  stages: [],
  night: null,
  bestLogE: 0,
  fixedP: null,
  looks: [],
  log: [],
  createdAtMs: AT_MS,
  startedAtMs: null,
  endedAtMs: null,
  ...over,
});

const aLook = (night: number): Look => ({
  night,
  stage: 0,
  control: 10_001,
  treatment: 9_999,
  controlMean: 1.7 + night / 7,
  treatmentMean: 1.5 + night / 9,
  estimate: -0.2 / 3,
  standardError: 0.01 / 7,
  interval: [-0.1 / 3, 0.2 / 3],
  logE: night / 11,
  sampleRatioLogE: -night / 13,
  guardrails: { failed: night / 17, waitMs: -night / 19 },
});

/** What every store of experiments promises. */
export function testExperiments(world: () => RecordWorld): void {
  test("an experiment is replaced whole, and one of two writers wins", async () => {
    const { experiments } = world().record;
    const fleet = newFleet();
    expect(await experiments.get(fleet, "exp_1")).toBeNull();
    const first = await committed(experiments.commit, null, anExperiment(fleet));
    expect(first).toEqual(anExperiment(fleet, { rev: 1 }));
    expect(await experiments.commit(null, anExperiment(fleet))).toBeNull();
    const second = await committed<ExperimentRecord>(experiments.commit, first, {
      ...first,
      state: "running",
    });
    expect(await experiments.commit(first, { ...first, state: "halted" })).toBeNull();
    expect(await experiments.get(fleet, "exp_1")).toEqual(second);
  });

  test("90 nights, and numbers next to nothing, read back as they were written", async () => {
    const { experiments } = world().record;
    const fleet = newFleet();
    const nights = Array.from({ length: 90 }, (_, index) => DAY + index);
    const given = anExperiment(fleet, {
      plan: {
        alpha: 0.05 / 3,
        index: 1,
        discoveries: 0,
        power: 0.8,
        mde: 0.1,
        horizonUnits: 20_000,
        horizonNights: 90,
        tuningUnits: 5_000,
        maturesAfterMs: 172_800_000,
        winsorAt: null,
        covariate: {
          byKey: Object.fromEntries(nights.map((night) => [`build|repository-${night}`, 1 / night])),
          other: 1.7,
        },
        guardrails: [{ metric: "failed", margin: 0, baseline: null }],
      },
      state: "shipped",
      stages: [{ treatmentShare: 0.1, sinceNight: DAY, sinceMs: AT_MS }],
      night: DAY + 89,
      bestLogE: 1e300,
      fixedP: 1e-300,
      looks: nights.map(aLook),
      log: nights.map((night) => ({
        atMs: AT_MS + night,
        night,
        by: "engine",
        from: "running",
        to: "running",
        treatmentShare: 0.1,
        reason: "x".repeat(300),
        numbers: { logE: 1 / 3, type: "build" },
      })),
    });
    await committed(experiments.commit, null, given);
    expect(await experiments.get(fleet, "exp_1")).toEqual({ ...given, rev: 1 });
  });

  test("all of a fleet are listed, the oldest first, and none of another", async () => {
    const { experiments } = world().record;
    const [fleet, other] = [newFleet(), newFleet()];
    await committed(experiments.commit, null, anExperiment(other));
    const ages = { b: AT_MS + 2, c: AT_MS + 1, a: AT_MS + 3, d: AT_MS + 2 };
    for (const [id, createdAtMs] of Object.entries(ages))
      await committed(experiments.commit, null, anExperiment(fleet, { id, createdAtMs }));
    expect((await experiments.list(fleet)).map(({ id }) => id)).toEqual(["c", "b", "d", "a"]);
    expect(await experiments.list(other)).toEqual([anExperiment(other, { rev: 1 })]);
    expect(await experiments.list(newFleet())).toEqual([]);
    expect(await experiments.get(other, "a")).toBeNull();
  });
}
