import { describe, expect, test } from "vitest";
import type { ExperimentRecord, Tuning } from "../../shared/contract/experiments.ts";
import type { ParameterName } from "../../shared/contract/parameters.ts";
import { plotSequence } from "../../agent/commands/sequence-plot.ts";
import { draft } from "../../shared/domain/experiments/lifecycle.ts";
import { type History, nextInSeries, planExperiment } from "../../shared/domain/experiments/plan.ts";
import {
  ACTIVE_LIMIT,
  DRAFTS_LIMIT,
  whyNotDraft,
  whyNotStart,
} from "../../shared/domain/experiments/select.ts";
import { NO_TUNING, forbiddenBy, tuningFrom } from "../../shared/domain/experiments/tuning.ts";
import { valuesOf } from "../../shared/domain/experiments/parameters.ts";
import { detailOf, summaryOf, tuningView } from "../../shared/domain/experiments/views.ts";
import { newFleet } from "../../shared/operations/fleet-of.ts";
import { aHypothesis, anExperiment, night } from "../fixtures/experiments.ts";

const shipped = (over: Partial<ExperimentRecord> = {}, at = 10): ExperimentRecord => {
  const running = anExperiment(over);
  const entry = { night: night(at).day, by: "engine", reason: "", numbers: {}, treatmentShare: 0.95 };
  return {
    ...running,
    state: "shipped",
    log: [
      ...running.log,
      { ...entry, from: "running", to: "shipping", atMs: night(at - 4).atMs },
      { ...entry, from: "shipping", to: "shipped", atMs: night(at).atMs },
    ],
    ...over,
  };
};
const from = (experiments: ExperimentRecord[], before: Tuning = NO_TUNING) =>
  tuningFrom(before, before, experiments);

describe("what a fleet uses", () => {
  test("what was shipped is used, the later one of a parameter; who is in an experiment stands beside it", () => {
    const tuning = from([
      shipped({ id: "a", treatment: 300_000 }, 10),
      shipped({ id: "b", treatment: 150_000 }, 40),
      anExperiment({ id: "c", parameter: "briefTokens" }),
    ]);
    expect(tuning.values).toEqual({ checkpointIntervalMs: 150_000 });
    expect(tuning.active.map(({ id }) => id)).toEqual(["a", "b", "c"]);
    expect(tuning.version).toBe(1);
  });

  test("taking one back restores what was used before it", () => {
    const first = shipped({ id: "a", treatment: 300_000, endedAtMs: night(40).atMs }, 10);
    const both = from([first, shipped({ id: "b", treatment: 150_000 }, 40)]);
    const back = from([first, shipped({ id: "b", treatment: 150_000, state: "rolled_back" }, 40)], both);
    expect(back.values).toEqual({ checkpointIntervalMs: 300_000 });
    expect(back.version).toBe(both.version + 1);
    expect(back.active).toEqual([]);
  });

  test("the version stays while units receive the same, and nothing is written when nothing is new", () => {
    const experiments = [anExperiment()];
    const once = from(experiments);
    expect(from(experiments, once)).toBe(once);
    const looked = tuningFrom(once, { ...once, night: 7 }, experiments);
    expect(looked).toMatchObject({ version: once.version, night: 7 });
    const pinned = tuningFrom(once, { ...once, pinned: { briefTokens: 500 } }, experiments);
    expect(pinned.version).toBe(once.version + 1);
  });

  test("a pin ends what is tried on it, and switching off ends all but what was shipped", () => {
    const pinned: Tuning = { ...NO_TUNING, pinned: { checkpointIntervalMs: 600_000 } };
    const off: Tuning = { ...NO_TUNING, mode: "off" };
    expect(forbiddenBy(pinned, anExperiment())).toBe("checkpointIntervalMs was pinned");
    expect(forbiddenBy(pinned, anExperiment({ parameter: "briefTokens" }))).toBeNull();
    expect(forbiddenBy(off, anExperiment())).toBe("tuning was switched off");
    expect(forbiddenBy(off, shipped())).toBeNull();
    expect(forbiddenBy(pinned, shipped())).toBeNull();
    expect(forbiddenBy(off, anExperiment({ state: "halted" }))).toBeNull();
  });

  test("every parameter is shown with its value, and why", () => {
    const tuning: Tuning = {
      ...NO_TUNING,
      values: { briefTokens: 4_000 },
      pinned: { checkpointToolCalls: 7 },
    };
    const { parameters } = tuningView(tuning, valuesOf({ ...newFleet("f", "fast", 0), tuning }));
    const of = (name: string) => parameters.find((one) => one.name === name);
    expect(of("briefTokens")).toMatchObject({ value: 4_000, source: "shipped", default: 2_000 });
    expect(of("checkpointToolCalls")).toMatchObject({ value: 7, source: "pinned", allowed: "1 to 200" });
    expect(of("heartbeatProfile")).toMatchObject({
      value: "fast",
      source: "default",
      allowed: "standard, fast",
    });
  });
});

describe("what may be tried", () => {
  const day = night(50).day;
  const why = (parameter: ParameterName, experiments: ExperimentRecord[] = [], tuning = NO_TUNING) =>
    whyNotDraft(parameter, experiments, tuning, day);
  const aDraft = (parameter: ParameterName) =>
    draft({ fleet: "f", parameter, control: 1, treatment: 2, hypothesis: aHypothesis() }, night(49));

  test("never two on one parameter, nor again before it rested, nor a pinned one", () => {
    expect(why("briefTokens")).toBeNull();
    expect(why("briefTokens", [aDraft("briefTokens")])).toContain("waits already");
    expect(why("checkpointIntervalMs", [anExperiment()])).toBe(
      `checkpointIntervalMs-${night(0).day} is under way`,
    );
    const ended = (at: number) =>
      anExperiment({
        state: "inconclusive",
        endedAtMs: 1,
        log: anExperiment().log.map((entry) => ({ ...entry, night: night(at).day })),
      });
    expect(why("checkpointIntervalMs", [ended(30)])).toContain("last 28 nights");
    expect(why("checkpointIntervalMs", [ended(22)])).toBeNull();
    expect(why("briefTokens", [], { ...NO_TUNING, pinned: { briefTokens: 500 } })).toContain("pinned");
    expect(why("balancerPolicy")).toContain("by a part of the fleet alone");
    const names = [
      "checkpointIntervalMs",
      "contextDanger",
      "contextWarning",
      "retryBackoffFactor",
      "tasksPerSession",
    ] as const;
    expect(names).toHaveLength(DRAFTS_LIMIT);
    expect(why("briefTokens", names.map(aDraft))).toContain("drafts wait already");
  });

  test("never two of one layer at once, nor more than five, nor while it is switched off", () => {
    const one = aDraft("checkpointToolCalls");
    expect(whyNotStart(one, [], NO_TUNING)).toBeNull();
    expect(whyNotStart(one, [anExperiment()], NO_TUNING)).toContain("interacts");
    expect(whyNotStart(one, [anExperiment({ parameter: "briefTokens" })], NO_TUNING)).toBeNull();
    expect(whyNotStart(one, [], { ...NO_TUNING, mode: "off" })).toContain("switched off");
    expect(whyNotStart(one, [], { ...NO_TUNING, pinned: { checkpointToolCalls: 3 } })).toContain("pinned");
    expect(whyNotStart(anExperiment(), [], NO_TUNING)).toContain("no draft any more");
    const others = Array.from({ length: ACTIVE_LIMIT }, (_, i) =>
      anExperiment({ id: `${i}`, parameter: "briefTokens" }),
    );
    expect(whyNotStart(one, others, NO_TUNING)).toContain("5 experiments");
  });
});

describe("plans", () => {
  const history = (over: Partial<History> = {}): History => ({
    unitsPerNight: 60,
    mean: 60_000,
    variance: 150_000 ** 2,
    designEffect: 1,
    winsorAt: 600_000,
    covariate: null,
    guardrails: { crashed: 0.1 },
    ...over,
  });
  const plan = (over: Partial<History> = {}, series = { launched: 0, discoveries: 0 }, effect = -30_000) =>
    planExperiment("checkpointIntervalMs", aHypothesis({ effect }), history(over), series);

  test("the horizon follows from the effect, and the level from the experiments before", () => {
    const first = plan();
    const eleventh = plan({}, { launched: 10, discoveries: 0 });
    const lucky = plan({}, { launched: 10, discoveries: 3 });
    if (first.kind !== "planned" || eleventh.kind !== "planned" || lucky.kind !== "planned")
      throw new Error("refused");
    // 0.10 / zeta(1.6), and then by j^-1.6.
    expect(first.plan.alpha).toBeCloseTo(0.04375, 4);
    expect(eleventh.plan.alpha).toBeCloseTo(0.04375 * 11 ** -1.6, 5);
    expect(lucky.plan.alpha).toBeCloseTo(4 * eleventh.plan.alpha, 9);
    expect(eleventh.plan.horizonUnits).toBeGreaterThan(first.plan.horizonUnits);
    expect(first.plan.tuningUnits).toBe(Math.round(first.plan.horizonUnits / 4));
    expect(first.plan).toMatchObject({
      mde: 30_000,
      winsorAt: 600_000,
      guardrails: [{ metric: "crashed", margin: 0, baseline: 0.1 }],
    });
  });

  test("what the traffic cannot show in time is refused, with what it could", () => {
    const refused = plan({ unitsPerNight: 10 });
    if (refused.kind !== "undetectable") throw new Error("planned");
    expect(refused.nights).toBe(Math.ceil(refused.unitsNeeded / 10));
    expect(refused.detectable).toBeGreaterThan(30_000);
    const could = plan({ unitsPerNight: 10 }, undefined, -refused.detectable * 1.01);
    expect(could.kind).toBe("planned");
    expect(plan({ designEffect: 9 }).kind).toBe("undetectable");
    expect(plan({ unitsPerNight: 0 })).toMatchObject({
      kind: "undetectable",
      nights: Infinity,
      detectable: Infinity,
    });
    expect(plan({}, undefined, 0).kind).toBe("undetectable");
    // Its square is zero: divided into a variance of zero it is no number.
    expect(plan({ variance: 0 }, undefined, 1e-200).kind).toBe("undetectable");
  });

  test("a discovery counts for the levels after it, also if it was taken back", () => {
    expect(nextInSeries([])).toEqual({ launched: 0, discoveries: 0 });
    const drafted = draft(
      { fleet: "f", parameter: "briefTokens", control: 1, treatment: 2, hypothesis: aHypothesis() },
      night(0),
    );
    expect(nextInSeries([drafted, anExperiment(), shipped({ state: "rolled_back" })])).toEqual({
      launched: 2,
      discoveries: 1,
    });
  });
});

describe("what people read", () => {
  test("a draft has neither result nor reason, one with a look has both", () => {
    const drafted = draft(
      { fleet: "f", parameter: "briefTokens", control: 1, treatment: 2, hypothesis: aHypothesis() },
      night(0),
    );
    expect(summaryOf(drafted)).toMatchObject({ state: "draft", result: null, reason: null, nights: 0 });
    const look = {
      night: night(3).day,
      stage: 1,
      control: 40,
      treatment: 20,
      controlMean: 5,
      treatmentMean: 4,
      estimate: -1,
      standardError: 0.5,
      interval: [-3, 1] as [number, number],
      logE: 0,
      sampleRatioLogE: 0,
      guardrails: {},
    };
    const seen = anExperiment({ looks: [look], night: night(3).day });
    expect(summaryOf(seen)).toMatchObject({ nights: 3, result: { estimate: -1, lower: -3, upper: 1, p: 1 } });
    expect(summaryOf(seen).result?.probabilityToBeat).toBeCloseTo(0.977, 3);
    const blind = { ...look, estimate: null, standardError: null, interval: null };
    expect(detailOf(anExperiment({ looks: [blind] })).result).toMatchObject({
      estimate: null,
      lower: null,
      probabilityToBeat: null,
    });
  });

  test("the plot has a column a night, the line of no difference, and its last night", () => {
    const look = (n: number, estimate: number, half: number) => ({
      night: n,
      estimate,
      interval: [estimate - half, estimate + half] as const,
    });
    const looks = [
      { night: 1, estimate: null, interval: null },
      ...Array.from({ length: 30 }, (_, i) => look(i + 2, -2, 40 / (i + 1))),
    ];
    const text = plotSequence(looks, 60, String);
    expect(text.split("\n")).toHaveLength(16);
    expect(text.match(/●/g)).toHaveLength(30);
    expect(text).toMatch(/^ +0 ┤.*┈/m);
    expect(text.split("\n").at(-1)?.trim()).toMatch(/^night 2 +31$/);
    const narrow = plotSequence(looks, 20, (value) => String(Math.round(value)));
    expect(Math.max(...narrow.split("\n").map((line) => line.length))).toBeLessThanOrEqual(20);
    expect(narrow.split("\n").at(-1)).toContain("31");
    expect(plotSequence(looks.slice(0, 1), 60, String)).toContain("Nothing to draw");
  });
});
