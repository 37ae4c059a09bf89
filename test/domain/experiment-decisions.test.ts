import { describe, expect, test } from "vitest";
import { ExperimentRecord, type StageTotals } from "../../shared/contract/experiments.ts";
import { PARAMETERS, METRICS, ParameterName, parameterOf } from "../../shared/contract/parameters.ts";
import { advance, enact, guard, hybridP } from "../../shared/domain/experiments/advance.ts";
import { draft, isStoppable, launch, stop } from "../../shared/domain/experiments/lifecycle.ts";
import {
  HOLDOUT_NIGHTS,
  RAMP,
  SHIPPING,
  TRANSITIONS,
  activeOf,
} from "../../shared/domain/experiments/states.ts";
import { isUnsafe, violationsOf } from "../../shared/domain/experiments/safety-bounds.ts";
import { aHypothesis, aPlan, aStage, anArm, anExperiment, night } from "../fixtures/experiments.ts";

/** Totals of an experiment's current stage, of n units an arm with these means. */
const equal = (n: number, c: number, t: number, over = {}): StageTotals[] => [
  aStage(
    2,
    0.5,
    anArm(n, { lostWorkMs: c, crashed: 0.05 }, { variance: 10_000, ...over }),
    anArm(n, { lostWorkMs: t, crashed: 0.05 }, { variance: 10_000, ...over }),
  ),
];
const nothing: StageTotals[] = [];

/** Night after night of the same totals, from the first that is not decided. */
function nights(
  experiment: ExperimentRecord,
  count: number,
  stages: readonly StageTotals[],
): ExperimentRecord {
  let now = experiment;
  const first = (experiment.night ?? 0) - night(0).day + 1;
  for (let i = first; i < first + count; i++) now = advance(now, stages, night(i));
  return now;
}

const shares = (experiment: ExperimentRecord) =>
  experiment.stages.map(({ treatmentShare }) => treatmentShare);
const last = ({ log }: ExperimentRecord) => log.at(-1);

describe("an experiment's nights", () => {
  test("the share grows while no harm is seen, and no further than to equal arms", () => {
    expect(shares(anExperiment())).toEqual([0.1]);
    expect(shares(nights(anExperiment(), 1, nothing))).toEqual([0.1, 0.25]);
    expect(shares(nights(anExperiment(), 30, nothing))).toEqual(RAMP.map(({ share }) => share));
  });

  test("a night that was decided changes nothing, whatever is known since", () => {
    const once = nights(anExperiment(), 3, nothing);
    expect(advance(once, equal(5_000, 900, 100), night(3))).toBe(once);
    expect(advance(once, equal(5_000, 900, 100), night(2))).toBe(once);
  });

  test("nothing is decided in the first week, nor without fifty units of each arm", () => {
    expect(nights(anExperiment(), 6, equal(400, 900, 100)).state).toBe("running");
    expect(nights(anExperiment(), 7, equal(400, 900, 100)).state).toBe("shipping");
    expect(nights(anExperiment(), 12, equal(49, 900, 100)).state).toBe("running");
  });

  test("of a proportion each arm needs ten of both outcomes", () => {
    const proportion = anExperiment({ hypothesis: aHypothesis({ metric: "completed" }) }, { guardrails: [] });
    const arms = (c: number, t: number) => [
      aStage(2, 0.5, anArm(200, { completed: c }), anArm(200, { completed: t })),
    ];
    expect(nights(proportion, 12, arms(0.6, 0.97)).state).toBe("running");
    expect(nights(proportion, 7, arms(0.6, 0.9)).state).toBe("shipping");
  });

  test("what is better is shipped from equal arms alone", () => {
    const running = nights(anExperiment(), 6, nothing);
    const early = { ...running, stages: running.stages.slice(0, 2) };
    expect(advance(early, equal(400, 900, 100), night(8)).state).toBe("running");
    const shipped = advance(running, equal(400, 900, 100), night(8));
    expect(shipped.state).toBe("shipping");
    expect(last(shipped)).toMatchObject({
      from: "running",
      to: "shipping",
      by: "engine",
      treatmentShare: 0.75,
      reason: "the treatment improves lostWorkMs",
    });
    expect(last(shipped)?.numbers["p"]).toBeLessThan(0.05);
  });

  test("what is worse is rolled back at any share", () => {
    const worse = nights(anExperiment(), 7, equal(400, 100, 900));
    expect(worse).toMatchObject({ state: "rolled_back", endedAtMs: night(7).atMs });
    expect(activeOf(worse)).toBeNull();
  });

  test("shipping goes on by shares, keeps a holdout, and gives it up after four weeks", () => {
    const shipping = nights(anExperiment(), 7, equal(400, 900, 100));
    const shipped = nights(shipping, 4, equal(400, 900, 100));
    expect(shares(shipped).slice(3)).toEqual(SHIPPING.map(({ share }) => share));
    expect(shipped).toMatchObject({ state: "shipped", endedAtMs: null });
    expect(activeOf(shipped)).toMatchObject({ treatmentShare: 0.95, stage: 4 });
    const over = nights(shipped, HOLDOUT_NIGHTS, equal(400, 900, 100));
    expect(over).toMatchObject({ state: "shipped", endedAtMs: expect.any(Number) as number });
    expect(last(over)).toMatchObject({ from: "shipped", to: "shipped", treatmentShare: 1 });
    expect(activeOf(over)).toBeNull();
    expect(nights(over, 3, nothing)).toBe(over);
  });

  test("the horizon ends it: by one fixed test, or without a conclusion", () => {
    const few = anExperiment({}, { horizonUnits: 800 });
    const end = (t: number) => nights(few, 8, equal(401, 120, t));
    expect(end(118)).toMatchObject({ state: "inconclusive" });
    expect(last(end(118))?.reason).toBe("no difference was shown by the horizon");
    // z = 2.5: past the fixed test's level of 0.025 and no sequence's.
    const shown = end(120 - 2.5 * Math.sqrt((2 * 10_000) / 401));
    expect(shown.state).toBe("shipping");
    expect(shown.fixedP).toBeCloseTo(0.0124, 3);
    expect(hybridP(shown)).toBeCloseTo(0.0248, 3);
    const timed = nights(anExperiment({}, { horizonNights: 9 }), 9, equal(60, 100, 100));
    expect(timed).toMatchObject({ state: "inconclusive" });
    const starved = nights(anExperiment({}, { horizonNights: 9 }), 9, nothing);
    expect(last(starved)?.reason).toContain("too few units");
  });

  test("a guarded mean that looks worse keeps it from being shipped", () => {
    const plan = {
      horizonUnits: 700,
      guardrails: [{ metric: "checkpointsPerHour" as const, margin: 1, baseline: 6 }],
    };
    const arms = (per: number) => [
      aStage(
        2,
        0.5,
        anArm(400, { lostWorkMs: 900, checkpointsPerHour: 6 }, { variance: 10_000 }),
        anArm(400, { lostWorkMs: 100, checkpointsPerHour: per }, { variance: 10_000 }),
      ),
    ];
    expect(nights(anExperiment({}, plan), 7, arms(6.5)).state).toBe("shipping");
    const held = nights(anExperiment({}, plan), 7, arms(8));
    expect(held.state).toBe("inconclusive");
    expect(last(held)?.reason).toContain("checkpointsPerHour looks worse");
  });

  test("hosts that are too few are never decided about", () => {
    const experiment = anExperiment({ unit: "host" }, { horizonUnits: 100, guardrails: [] });
    const hosts = Object.fromEntries(Array.from({ length: 9 }, (_, i) => [`host-${i}`, { n: 50, y: i }]));
    const ended = nights(experiment, 8, [
      aStage(2, 0.5, anArm(450, { lostWorkMs: 5 }, { hosts }), anArm(450, { lostWorkMs: 1 }, { hosts })),
    ]);
    expect(ended.state).toBe("inconclusive");
    expect(last(ended)?.reason).toContain("fewer than 10 hosts");
  });

  test("without any spread nothing is concluded", () => {
    const flat = [aStage(2, 0.5, anArm(400, { lostWorkMs: 900 }), anArm(400, { lostWorkMs: 100 }))];
    expect(nights(anExperiment(), 10, flat).state).toBe("running");
  });
});

describe("harm", () => {
  const crashing = (c: number, t: number): StageTotals[] => [
    aStage(
      0,
      0.5,
      anArm(300, { crashed: 0.05 }, { events: { crashed: c } }),
      anArm(300, { crashed: 0.05 }, { events: { crashed: t } }),
    ),
  ];

  test("crashes that only the treatment can explain roll back, at night or between nights", () => {
    for (const ended of [
      advance(anExperiment(), crashing(5, 40), night(1)),
      guard(anExperiment(), crashing(5, 40), night(1)),
    ]) {
      expect(ended).toMatchObject({ state: "rolled_back" });
      expect(ended && last(ended)?.reason).toBe("the treatment harms the guardrail crashed");
    }
    expect(guard(anExperiment(), crashing(15, 22), night(1))).toBeNull();
    // The same counts are no harm if most units are treated.
    expect(guard(anExperiment(), crashing(40, 5), night(1))).toBeNull();
  });

  test("a guarded mean is rolled back once harm past its margin is shown", () => {
    const plan = { guardrails: [{ metric: "checkpointsPerHour" as const, margin: 1, baseline: 6 }] };
    const arms = (per: number) => [
      aStage(
        0,
        0.5,
        anArm(300, { checkpointsPerHour: 6 }, { variance: 4 }),
        anArm(300, { checkpointsPerHour: per }, { variance: 4 }),
      ),
    ];
    expect(guard(anExperiment({}, plan), arms(6.9), night(1))).toBeNull();
    expect(guard(anExperiment({}, plan), arms(8.5), night(1))).toMatchObject({ state: "rolled_back" });
  });

  test("after it was shipped, too: the holdout shows it", () => {
    const shipped = nights(anExperiment(), 11, equal(400, 900, 100));
    expect(shipped.state).toBe("shipped");
    expect(guard(shipped, crashing(5, 60), night(20))).toMatchObject({ state: "rolled_back" });
  });

  test("a wrong split halts, because nothing can be believed", () => {
    const split = [aStage(0, 0.5, anArm(1_000, {}), anArm(700, {}))];
    const halted = guard(anExperiment(), split, night(1));
    expect(halted).toMatchObject({ state: "halted" });
    expect(halted && last(halted)?.numbers["sampleRatioE"]).toBeGreaterThan(100);
    expect(guard(anExperiment(), [aStage(0, 0.5, anArm(1_000, {}), anArm(960, {}))], night(1))).toBeNull();
  });

  test("evidence beyond what a number holds is written down as a number, and the record reads it back", () => {
    const split = [aStage(0, 0.5, anArm(20_000, {}), anArm(2_000, {}))];
    for (const ended of [
      guard(anExperiment(), crashing(0, 8_000), night(1)),
      guard(anExperiment(), split, night(1)),
    ]) {
      const kept: unknown = JSON.parse(JSON.stringify(ended));
      expect(ExperimentRecord.parse(kept)).toEqual(ended);
      expect(Object.values((ended && last(ended)?.numbers) ?? {})).toContain(Number.MAX_VALUE);
    }
  });

  test("hard bounds need no statistics: one critical, or two", () => {
    const arms = (c: number, t: number, n = 50) => [
      aStage(0, 0.5, anArm(n, { crashed: c }), anArm(n, { crashed: t })),
    ];
    const bounds = (stages: StageTotals[]) => violationsOf(stages).map(({ bound }) => bound);
    expect(bounds(arms(0.2, 0.3))).toEqual(["max"]);
    expect(isUnsafe(violationsOf(arms(0.2, 0.3)))).toBe(false);
    expect(bounds(arms(0.08, 0.3))).toEqual(["max", "maxIncrease"]);
    expect(isUnsafe(violationsOf(arms(0.08, 0.3)))).toBe(true);
    expect(bounds(arms(0.5, 0.7))).toContain("critical");
    // As bad as it always was: not the treatment's doing.
    expect(bounds(arms(0.7, 0.7))).toEqual(["max"]);
    expect(bounds(arms(0.08, 0.9, 39))).toEqual([]);
    expect(bounds([aStage(0, 0.5, anArm(50, { completed: 0.9 }), anArm(50, { completed: 0.02 }))])).toEqual([
      "min",
      "critical",
    ]);
    const ended = guard(anExperiment(), arms(0.08, 0.3), night(1));
    expect(ended && last(ended)?.reason).toBe("past hard bounds: max of crashed, maxIncrease of crashed");
  });

  test("what is not running is not guarded", () => {
    const ended = nights(anExperiment(), 7, equal(400, 100, 900));
    expect(guard(ended, crashing(5, 40), night(9))).toBeNull();
    const drafted = draft(
      { fleet: "default", parameter: "briefTokens", control: 1, treatment: 2, hypothesis: aHypothesis() },
      night(0),
    );
    expect(guard(drafted, crashing(5, 40), night(9))).toBeNull();
    expect(advance(drafted, nothing, night(1))).toBe(drafted);
  });
});

describe("states", () => {
  test("what the table does not allow is never done", () => {
    for (const [from, allowed] of Object.entries(TRANSITIONS) as [
      ExperimentRecord["state"],
      readonly string[],
    ][])
      for (const to of Object.keys(TRANSITIONS) as ExperimentRecord["state"][]) {
        const move = () =>
          enact(
            anExperiment({ state: from }),
            { to, share: null, reason: "", numbers: {} },
            night(1),
            "test",
          );
        if (to === from || allowed.includes(to)) expect(move().state).toBe(to);
        else expect(move).toThrow(`${from} -> ${to}`);
      }
  });

  test("a draft is launched with its plan, and stopped by whoever may", () => {
    const proposal = {
      fleet: "default",
      parameter: "checkpointIntervalMs" as const,
      control: 600_000,
      treatment: 300_000,
      hypothesis: aHypothesis(),
    };
    const drafted = draft(proposal, night(0));
    expect(drafted).toMatchObject({
      id: `checkpointIntervalMs-${night(0).day}`,
      state: "draft",
      unit: "session",
    });
    expect(draft(proposal, night(0))).toEqual(drafted);
    const launched = launch(drafted, aPlan(), night(2), "operator");
    expect(launched).toMatchObject({ state: "running", startedAtMs: night(2).atMs, night: night(2).day });
    const stopped = stop(launched, "no time", night(3), "operator");
    expect(last(stopped)).toMatchObject({
      by: "operator",
      to: "halted",
      reason: "no time",
      treatmentShare: 0,
    });
    expect([drafted, launched, stopped].map(isStoppable)).toEqual([true, true, false]);
  });

  test("each parameter is decided and guarded by what its own units show", () => {
    for (const name of ParameterName.options) {
      const { unit, moves, guardrails } = parameterOf(name);
      const kind = unit === "task" ? "task" : "session";
      for (const metric of [...moves, ...guardrails])
        expect(`${name} ${metric} ${METRICS[metric].of}`).toBe(`${name} ${metric} ${kind}`);
    }
    expect(Object.keys(PARAMETERS)).toEqual(ParameterName.options);
  });
});
