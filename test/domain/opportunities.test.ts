import { beforeAll, describe, expect, it } from "vitest";
import type { UnitRecord } from "../../shared/contract/experiments.ts";
import type { ParameterName } from "../../shared/contract/parameters.ts";
import type { History } from "../../shared/domain/experiments/plan.ts";
import { planExperiment } from "../../shared/domain/experiments/plan.ts";
import { assess } from "../../shared/domain/experiments/opportunities/assess.ts";
import {
  detectEarlyContextCrashes,
  detectLateContextCrashes,
} from "../../shared/domain/experiments/opportunities/context-crashes.ts";
import { whyNotShown } from "../../shared/domain/experiments/select.ts";
import { detectOpportunities, worthOf } from "../../shared/domain/experiments/opportunities/detect.ts";
import { detectEarlyRetries } from "../../shared/domain/experiments/opportunities/early-retries.ts";
import {
  type Detector,
  type Finding,
  duration,
  nextStep,
  percent,
} from "../../shared/domain/experiments/opportunities/finding.ts";
import { detectFrequentCheckpoints } from "../../shared/domain/experiments/opportunities/frequent-checkpoints.ts";
import { detectLostWork, savedOf } from "../../shared/domain/experiments/opportunities/lost-work.ts";
import { reportOf } from "../../shared/domain/experiments/opportunities/report.ts";
import {
  detectLongWaits,
  detectOverload,
} from "../../shared/domain/experiments/opportunities/session-load.ts";
import { detectSlowRecovery } from "../../shared/domain/experiments/opportunities/slow-recovery.ts";
import { detectSlowResumes } from "../../shared/domain/experiments/opportunities/slow-resumes.ts";
import {
  detectForgetfulBalancer,
  detectUnevenHosts,
} from "../../shared/domain/experiments/opportunities/uneven-hosts.ts";
import {
  CELL_MS,
  HEALTHY,
  MINUTE_MS,
  type Truth,
  VALUES,
  fleetWeeks,
  unit,
  weeksOf,
} from "../fixtures/fleet-weeks.ts";

type Metrics = UnitRecord["outcome"]["values"];
const seeds = (n: number) => Array.from({ length: n }, (_, i) => i + 1);
const BETTER_HALF = Math.sqrt(2 / Math.PI);

/** P(a session crashes in these cells of its context), by the fixture's chain: a crash, or an end, or the next cell. */
function crashesIn(crash: (context: number) => number, from: number, to: number): number {
  let [alive, sum] = [1, 0];
  for (let cell = 0; cell < 20; cell++) {
    const here = alive * crash(cell / 20);
    if (cell / 20 >= from - 1e-9 && cell / 20 < to - 1e-9) sum += here;
    alive = (alive - here) * (1 - 0.08);
  }
  return sum;
}

const TEN_MINUTES = 10 * MINUTE_MS;
const late = (context: number) => (context < 0.45 - 1e-9 ? 0.003 : 0.03);
const veryLate = (context: number) => (context < 0.75 - 1e-9 ? 0.003 : 0.09);

type Case = {
  readonly detector: Detector;
  readonly truth: Partial<Truth>;
  readonly values?: Partial<typeof VALUES>;
  readonly parameter: ParameterName;
  readonly from: number | string;
  readonly to: number | string;
  readonly metric: string;
  readonly effect: number;
};

/** Fleets that have a problem, and the effect that mending it has in them by their own construction. */
const CASES: readonly Case[] = [
  {
    detector: detectLostWork,
    truth: { ageMs: () => TEN_MINUTES, tasks: 0 },
    parameter: "checkpointIntervalMs",
    from: TEN_MINUTES,
    to: TEN_MINUTES / 2,
    metric: "lostWorkMs",
    // Half of the ages are above the new interval, and lose it.
    effect: (-crashesIn(HEALTHY.crash, 0, 1) * TEN_MINUTES) / 4,
  },
  {
    detector: detectFrequentCheckpoints,
    truth: { crash: () => 0, toolCallsPerHour: 120, checkpointsPerHour: 24, tasks: 0 },
    parameter: "checkpointToolCalls",
    from: 5,
    to: 10,
    metric: "checkpointsPerHour",
    effect: -12,
  },
  {
    detector: detectEarlyContextCrashes,
    truth: { crash: late, ageMs: (context) => (context < 0.6 ? 8 : 1) * MINUTE_MS, tasks: 0 },
    parameter: "contextWarning",
    from: 0.6,
    to: 0.45,
    metric: "lostWorkMs",
    effect: -crashesIn(late, 0.45, 0.6) * 3.5 * MINUTE_MS,
  },
  {
    detector: detectLateContextCrashes,
    truth: {
      crash: veryLate,
      ageMs: (context) => (context < 0.9 ? 8 : 1) * MINUTE_MS,
      sessions: 3_000,
      tasks: 0,
    },
    values: { contextDanger: 0.9 },
    parameter: "contextDanger",
    from: 0.9,
    to: 0.75,
    metric: "lostWorkMs",
    effect: -crashesIn(veryLate, 0.75, 0.9) * 3.5 * MINUTE_MS,
  },
  {
    detector: detectOverload,
    truth: { crash: () => 0.001, loadCrash: (held) => (held === 3 ? 0.15 : 0.02), tasks: 0 },
    parameter: "tasksPerSession",
    from: 3,
    to: 2,
    metric: "crashed",
    effect: -0.25 * 0.13 * (1 - crashesIn(() => 0.001, 0, 1)),
  },
  {
    detector: detectLongWaits,
    truth: { waitMs: TEN_MINUTES, fullShare: 0.6, crash: () => 0.001 },
    parameter: "tasksPerSession",
    from: 3,
    to: 6,
    metric: "waitMs",
    effect: -TEN_MINUTES * 0.6 * 0.5,
  },
  {
    detector: detectSlowRecovery,
    truth: { silent: 0.9, tasks: 3_000, sessions: 0 },
    parameter: "heartbeatProfile",
    from: "standard",
    to: "fast",
    metric: "recoveryMs",
    // A few others waited as long for another reason.
    effect: -26_000 * (0.9 + 0.1 * Math.exp(-5)),
  },
  {
    detector: detectUnevenHosts,
    truth: { unlike: 0.08, sessions: 0 },
    parameter: "balancerPolicy",
    from: "least-loaded",
    to: "performance",
    metric: "completed",
    effect: BETTER_HALF * 0.08,
  },
];

const found = ({ detector, truth, values }: Case, n: number): Finding[] =>
  seeds(n).flatMap((seed) => detector(fleetWeeks(truth, seed), { ...VALUES, ...values }) ?? []);

describe.each(CASES.map((one) => [one.detector.name || one.parameter, one] as const))("%s", (_name, one) => {
  let known: Finding[] = [];
  beforeAll(() => {
    known = found(one, 60);
  });

  it("finds the problem where it is", () => {
    expect(known.length).toBeGreaterThanOrEqual(54);
    for (const { parameter, control, treatment, hypothesis } of known) {
      expect([parameter, control, treatment]).toEqual([one.parameter, one.from, one.to]);
      expect(hypothesis.metric).toBe(one.metric);
      expect(Math.sign(hypothesis.effect)).toBe(Math.sign(one.effect));
      expect(hypothesis.statement).toMatch(/\d.*\.$/);
      expect(hypothesis.statement).not.toMatch(/NaN|Infinity|undefined/);
      expect(Object.values(hypothesis.evidence).every((value) => Number.isFinite(value))).toBe(true);
    }
  });

  it("has an interval that covers the true effect about 95 times of 100, and is not the same in all fleets", () => {
    const covered = known.filter(
      ({ hypothesis: { interval } }) => interval[0] <= one.effect && one.effect <= interval[1],
    );
    // Of 60, fewer than 53 have a chance of 1 in 400 if 95 % are right.
    expect(covered.length / known.length).toBeGreaterThanOrEqual(53 / 60);
    expect(new Set(known.map(({ hypothesis }) => hypothesis.effect)).size).toBeGreaterThan(known.length / 2);
  });
});

describe("retries that fail soon", () => {
  const truth = { fails: [0.2, 0.7], failsAfter: 0.02, tasks: 2_500, sessions: 0 } as const;

  it("are found, and a longer backoff is proposed for the tasks that are tried again", () => {
    const all = seeds(40).map((seed) => detectEarlyRetries(fleetWeeks(truth, seed), VALUES));
    expect(all.filter(Boolean).length).toBeGreaterThanOrEqual(36);
    for (const finding of all)
      if (finding) {
        expect(finding).toMatchObject({ parameter: "retryBackoffFactor", control: 1, treatment: 4 });
        const { baseline, effect, interval } = finding.hypothesis;
        expect(baseline + effect).toBeGreaterThan(2);
        expect(interval[1]).toBeLessThan(0);
      }
  });

  it("are not found where retries take long, or fail as often as first attempts", () => {
    for (const other of [{ failsAfter: 1 }, { fails: [0.3, 0.3] as const }])
      expect(
        seeds(40).flatMap(
          (seed) => detectEarlyRetries(fleetWeeks({ ...truth, ...other }, seed), VALUES) ?? [],
        ),
      ).toEqual([]);
  });
});

describe("work that is done again", () => {
  it("is found, and covered by its interval", () => {
    const all = seeds(60).flatMap((seed) => {
      const weeks = fleetWeeks({ doneAgain: 1, tasks: 2_000 }, seed);
      const finding = detectSlowResumes(weeks, VALUES);
      return finding ? [finding.hypothesis] : [];
    });
    expect(all.length).toBeGreaterThanOrEqual(56);
    // Crashing tasks are the long ones: E[T | a crash] / 2, with the minute that setting up takes less the work that was lost.
    const [rate, mean] = [1 / (200 * MINUTE_MS), TEN_MINUTES];
    const crash = 1 - Math.exp(-rate * MINUTE_MS) / (1 + rate * mean);
    const total =
      MINUTE_MS +
      mean -
      Math.exp(-rate * MINUTE_MS) * (MINUTE_MS / (1 + rate * mean) + mean / (1 + rate * mean) ** 2);
    const expected = -total / crash / 2 + MINUTE_MS / 2;
    const covered = all.filter(
      ({ interval: [low, high] }) => low - MINUTE_MS <= expected && expected <= high + MINUTE_MS,
    );
    expect(covered.length / all.length).toBeGreaterThanOrEqual(0.9);
  });

  it("is not found because tasks that crash are the long ones", () => {
    const all = seeds(200).flatMap(
      (seed) => detectSlowResumes(fleetWeeks({ tasks: 2_000, sessions: 50 }, seed), VALUES) ?? [],
    );
    expect(all.length).toBeLessThanOrEqual(5);
  });
});

describe("hosts that differ", () => {
  const values = { ...VALUES, balancerPolicy: "performance" };

  it("where performance places tasks already, are a reason to remember more", () => {
    const all = seeds(40).flatMap(
      (seed) => detectForgetfulBalancer(fleetWeeks({ unlike: 0.08, sessions: 0 }, seed), values) ?? [],
    );
    expect(all.length).toBeGreaterThanOrEqual(36);
    for (const { parameter, control, treatment, hypothesis } of all) {
      expect([parameter, control, treatment]).toEqual(["balancerHalfLifeAttempts", 10, 20]);
      expect(hypothesis.effect).toBeGreaterThan(0);
      expect(hypothesis.effect).toBeLessThan(BETTER_HALF * 0.14);
    }
  });

  it("are a matter of one parameter at a time", () => {
    const weeks = fleetWeeks({ unlike: 0.1 }, 1);
    expect(detectForgetfulBalancer(weeks, VALUES)).toBeNull();
    expect(detectUnevenHosts(weeks, values)).toBeNull();
    expect(detectForgetfulBalancer(fleetWeeks({}, 1), values)).toBeNull();
    expect(detectForgetfulBalancer(weeks, { ...values, balancerHalfLifeAttempts: 100 })).toBeNull();
  });

  it("in how long tasks take are found as well", () => {
    const weeks = weeksOf(
      Array.from({ length: 400 }, (_, i) =>
        unit("task", { durationMs: (i % 4 === 0 ? 900 : 100) + (i % 7) }, {}, { host: `h${i % 8}` }),
      ),
    );
    const finding = detectUnevenHosts(weeks, VALUES);
    expect(finding?.hypothesis.metric).toBe("durationMs");
    expect(finding?.hypothesis.effect).toBeLessThan(0);
  });
});

describe("fleets without a problem", () => {
  it.each<[string, Partial<Truth>]>([
    ["in good health", {}],
    ["of many hosts", { hosts: 45, tasks: 2_500 }],
    ["whose crashes come with a full context, but lose as much anywhere", { crash: late }],
    [
      "whose crashes lose less late, but are as frequent anywhere",
      { ageMs: (c) => (c < 0.6 ? 4 : 1) * MINUTE_MS },
    ],
    ["with long waits while sessions have room", { waitMs: TEN_MINUTES, fullShare: 0.03 }],
    ["that crash often, whatever they hold", { crash: () => 0.02, ageMs: () => MINUTE_MS }],
    ["that fail often, whenever they are tried", { fails: [0.3, 0.3], failsAfter: 0.05 }],
  ])("%s are left alone, but for 1 in 20", (_what, truth) => {
    const wrong = seeds(100).filter(
      (seed) =>
        detectOpportunities(fleetWeeks({ sessions: 800, tasks: 800, ...truth }, seed), 28, VALUES).length > 0,
    );
    expect(wrong.length).toBeLessThanOrEqual(5);
  });

  it("are left alone where too little is known", () => {
    const sessions = (n: number, values: Metrics, facts: Record<string, number> = {}) =>
      Array.from({ length: n }, () => unit("session", values, facts));
    const fine = sessions(200, { crashed: 0, lostWorkMs: 0, checkpointsPerHour: 24 });
    const crash = { crashed: 1, lostWorkMs: TEN_MINUTES - 1 };
    // Nine crashes, crashes that lost nothing, and crashes that say nothing of when.
    expect(detectLostWork(weeksOf([...fine, ...sessions(9, crash)]), VALUES)).toBeNull();
    expect(
      detectLostWork(weeksOf([...fine, ...sessions(50, { crashed: 1, lostWorkMs: 0 })]), VALUES),
    ).toBeNull();
    expect(detectEarlyContextCrashes(weeksOf([...fine, ...sessions(50, crash)]), VALUES)).toBeNull();
    // Crashes late alone, below the threshold alone, and sessions without any.
    const at = (contextUsed: number, n: number) => sessions(n, crash, { contextUsed });
    for (const units of [at(0.3, 20), at(0.9, 20), [...at(0.1, 30), ...at(0.5, 5), ...at(0.65, 20)]])
      expect(detectEarlyContextCrashes(weeksOf([...fine, ...units]), VALUES)).toBeNull();
    // Checkpoints without the facts that tell where they come from, or what they cost.
    const busy = { durationMs: 3_600_000, toolCalls: 120 };
    const often = sessions(2_000, { checkpointsPerHour: 24 }, busy);
    expect(detectFrequentCheckpoints(weeksOf(fine), VALUES)).toBeNull();
    expect(detectFrequentCheckpoints(weeksOf(often), VALUES)).toBeNull();
    // Lost work is known of many sessions and of many crashes, and still is next to nothing.
    const cheap = [
      ...sessions(30_000, { crashed: 0, lostWorkMs: 0, checkpointsPerHour: 24 }, busy),
      ...sessions(20, { crashed: 1, lostWorkMs: 5_000, checkpointsPerHour: 24 }, busy),
    ];
    expect(detectFrequentCheckpoints(weeksOf(cheap), VALUES)).not.toBeNull();
    // No work done, no waits, and no load.
    const waiting = [unit("task", { waitMs: 5, durationMs: 1 }), unit("task", { waitMs: 9, durationMs: 1 })];
    expect(detectLongWaits(weeksOf(waiting), VALUES)).toBeNull();
    expect(detectOverload(weeksOf([]), VALUES)).toBeNull();
    // All sessions are full: nothing says whether others would crash less, nor that they would not.
    const full = sessions(200, { crashed: 0 }, { heldTasks: 3 });
    expect(detectLongWaits(weeksOf([...waiting, ...waiting, ...full]), VALUES)).not.toBeNull();
    // Tasks that were tried again, but hardly any a third time; and such that never took any time.
    const tried = (attempts: number, n: number, wastedMs = 1_000) =>
      Array.from({ length: n }, () =>
        unit("task", { attempts, completed: 1, wastedMs: wastedMs * (attempts - 1), durationMs: 1e6 }),
      );
    expect(
      detectEarlyRetries(weeksOf([...tried(1, 90), ...tried(2, 40), ...tried(3, 9)]), VALUES),
    ).toBeNull();
    expect(
      detectEarlyRetries(weeksOf([...tried(1, 90), ...tried(2, 40, 0), ...tried(3, 40, 0)]), VALUES),
    ).toBeNull();
    expect(
      detectEarlyRetries(weeksOf([...tried(1, 900), ...tried(2, 40), ...tried(3, 60)]), VALUES),
    ).not.toBeNull();
  });

  it("nothing is found of nothing, nor of facts that are missing", () => {
    expect(detectOpportunities(weeksOf([]), 28, VALUES)).toEqual([]);
    const bare = Array.from({ length: 200 }, (_, i) => [
      unit("session", { crashed: i % 3 ? 0 : 1 }),
      unit("task", { completed: i % 2, attempts: 3, waitMs: 1_000 }),
    ]).flat();
    expect(detectOpportunities(weeksOf(bare), 28, VALUES)).toEqual([]);
  });
});

describe("findings", () => {
  const weeks = fleetWeeks({ ageMs: () => TEN_MINUTES, waitMs: TEN_MINUTES, fullShare: 0.6, unlike: 0.1 }, 1);
  const findings = detectOpportunities(weeks, 28, VALUES);

  it("come in the order of their worth, one a parameter", () => {
    expect(findings.map(({ parameter }) => parameter)).toEqual(
      expect.arrayContaining(["checkpointIntervalMs", "tasksPerSession"]),
    );
    const worths = findings.map(worthOf);
    expect(worths).toEqual([...worths].sort((a, b) => b - a));
    expect(new Set(findings.map(({ parameter }) => parameter)).size).toBe(findings.length);
    const shown = findings.filter(({ parameter, hypothesis }) => !whyNotShown(parameter, hypothesis.metric));
    expect(shown.map(({ parameter }) => parameter)).toContain("checkpointIntervalMs");
    expect(detectOpportunities(weeks, 28, VALUES)).toEqual(findings);
  });

  it("are not made before a week is known", () => {
    expect(detectOpportunities(weeks, 6, VALUES)).toEqual([]);
  });

  it("are worth more the larger and surer their effect", () => {
    const of = (effect: number, interval: [number, number], baseline = 10) =>
      worthOf({ hypothesis: { effect, interval, baseline } } as unknown as Finding);
    expect(of(-4, [-5, -3])).toBeGreaterThan(of(-4, [-12, 4]));
    expect(of(-4, [-5, -3])).toBeGreaterThan(of(-2, [-3, -1]));
    expect(of(2, [2, 2])).toBe(0.2);
    expect(of(2, [1, 3], 0)).toBe(0);
  });

  it("never leave a parameter's bounds, nor go further than one step", () => {
    const step = (parameter: ParameterName, value: number | string, direction: "up" | "down") =>
      nextStep(parameter, { ...VALUES, [parameter]: value }, direction)?.treatment ?? null;
    expect(step("checkpointIntervalMs", 600_000, "down")).toBe(300_000);
    expect(step("checkpointIntervalMs", 90_000, "down")).toBe(60_000);
    expect(step("checkpointIntervalMs", 60_000, "down")).toBeNull();
    expect(step("checkpointIntervalMs", 40_000, "down")).toBeNull();
    expect(step("checkpointIntervalMs", 40_000, "up")).toBe(80_000);
    expect(step("tasksPerSession", 7, "up")).toBe(10);
    expect(step("tasksPerSession", 60, "down")).toBeNull();
    expect(step("tasksPerSession", 3, "down")).toBe(2);
    expect(step("contextWarning", 0.6, "down")).toBe(0.45);
    expect(step("contextWarning", 0.6, "up")).toBe(0.74);
    expect(step("retryBackoffFactor", 0, "up")).toBeNull();
    expect(step("retryBackoffFactor", "1", "up")).toBeNull();
    expect(step("retryBackoffFactor", 0.01, "up")).toBeNull();
    expect(step("balancerPolicy", "performance", "up")).toBeNull();
  });

  it("are none where the parameter is at its bound", () => {
    const at = (values: Partial<Record<ParameterName, number | string>>) => ({ ...VALUES, ...values });
    expect(
      detectLostWork(fleetWeeks(CASES[0]?.truth ?? {}, 1), at({ checkpointIntervalMs: 60_000 })),
    ).toBeNull();
    expect(detectLongWaits(weeks, at({ tasksPerSession: 10 }))).toBeNull();
    expect(detectOverload(weeks, at({ tasksPerSession: 1 }))).toBeNull();
    expect(detectEarlyRetries(weeks, at({ retryBackoffFactor: 32 }))).toBeNull();
    expect(detectSlowResumes(weeks, at({ briefTokens: 8_000 }))).toBeNull();
    expect(detectFrequentCheckpoints(weeks, at({ checkpointToolCalls: 50 }))).toBeNull();
    expect(detectLateContextCrashes(weeks, VALUES)).toBeNull();
    expect(detectSlowRecovery(weeks, at({ heartbeatProfile: "fast" }))).toBeNull();
  });

  it("that promise less lost work promise none where a shorter interval would have kept none", () => {
    const step = { control: 600, treatment: 300 };
    expect([0, 299, 300, 450, 599, 700, 1_300].map((age) => savedOf(age, step))).toEqual([
      0, 0, 300, 300, 300, 300, 0,
    ]);
  });
});

describe("what a finding would take", () => {
  const finding = (effect: number, parameter: ParameterName = "checkpointIntervalMs") => ({
    parameter,
    hypothesis: {
      detector: "test",
      metric: parameter === "checkpointIntervalMs" ? ("lostWorkMs" as const) : ("crashed" as const),
      baseline: 10_000,
      effect,
      interval: [effect, effect] as [number, number],
      statement: "",
      evidence: {},
    },
  });
  const history: History = {
    unitsPerNight: 60,
    mean: 10_000,
    variance: 30_000 ** 2,
    designEffect: 1,
    winsorAt: null,
    covariate: null,
    guardrails: {},
  };
  const series = { launched: 0, discoveries: 0 };

  it("is a plan where the traffic shows it in time", () => {
    const assessed = assess(finding(-9_000), history, series);
    expect(assessed).toMatchObject({ kind: "worth", plan: { mde: 9_000 } });
  });

  it("is refused with the numbers of the plan where it does not", () => {
    const planned = planExperiment("checkpointIntervalMs", finding(-2_000).hypothesis, history, series);
    if (planned.kind !== "undetectable") throw new Error(planned.kind);
    const assessed = assess(finding(-2_000), history, series);
    expect(assessed).toEqual({
      kind: "refused",
      why:
        `An effect of 2 s on lostWorkMs needs ${planned.unitsNeeded.toLocaleString("en-US")} sessions, which take ` +
        `${Math.ceil(planned.unitsNeeded / 60)} nights at 60 a night; in 60 nights only ${duration(planned.detectable)} could be shown.`,
    });
    // What it names as detectable is what a plan would accept, and a little less is not.
    expect(assess(finding(-planned.detectable * 1.001), history, series).kind).toBe("worth");
    expect(assess(finding(-planned.detectable * 0.999), history, series).kind).toBe("refused");
  });

  it("is refused without units, without an effect, and with too few hosts", () => {
    const why = (...args: Parameters<typeof assess>) => {
      const assessed = assess(...args);
      return assessed.kind === "refused" ? assessed.why : null;
    };
    expect(why(finding(-1), { ...history, unitsPerNight: 0 }, series)).toMatch(
      /^Of no session of the last weeks/,
    );
    expect(why(finding(0), history, series)).toBe("No effect on lostWorkMs is expected.");
    const load = finding(-0.01, "tasksPerSession");
    const ofHosts = { ...history, variance: 0.05, designEffect: 4 };
    expect(why(load, ofHosts, series)).toMatch(/at least 20 are needed; 0 had sessions/);
    expect(why(load, { ...ofHosts, hosts: 12 }, series)).toMatch(/; 12 had sessions/);
    expect(why(load, { ...ofHosts, hosts: 40 }, series)).toMatch(
      /^An effect of 1 percentage points on crashed/,
    );
    expect(why(finding(-0.2, "tasksPerSession"), { ...ofHosts, hosts: 40 }, series)).toBeNull();
    const checkpoints = finding(-0.1);
    const hypothesis = { ...checkpoints.hypothesis, metric: "checkpointsPerHour" as const };
    expect(why({ ...checkpoints, hypothesis }, { ...history, variance: 400 }, series)).toMatch(
      /^An effect of 0.1 on/,
    );
  });
});

describe("the report", () => {
  it("says something of every metric that is known, and is bounded", () => {
    const weeks = fleetWeeks({ unlike: 0.1 }, 1);
    const report = reportOf(weeks);
    const about = report.map((one) => one.about);
    for (const metric of [...Object.keys(weeks.task.metrics), ...Object.keys(weeks.session.metrics)])
      expect(about).toContain(metric);
    expect(about).toEqual(expect.arrayContaining(["crashes by contextUsed", "crashes by durationMs"]));
    expect(about.some((one) => one.startsWith("stalled by activity"))).toBe(true);
    expect(report.length).toBeLessThan(60);
    expect(report.map(({ statement }) => statement).join()).not.toMatch(/NaN|Infinity|undefined/);
  });

  it("names the types that fail or take longer, and not more than 1 of 20 fleets without any", () => {
    const taskOf = (i: number, type: string, fails: boolean, durationMs: number) =>
      unit("task", { failed: fails ? 1 : 0, durationMs: durationMs + (i % 5) }, {}, { type, host: null });
    const units = Array.from({ length: 900 }, (_, i) => {
      const type = `type-${i % 9}`;
      return taskOf(i, type, type === "type-3" ? i % 2 === 0 : i % 20 === 0, type === "type-5" ? 900 : 300);
    });
    const about = reportOf(weeksOf(units)).map((one) => one.about);
    expect(about.filter((one) => one.includes("tasks of"))).toEqual([
      "failed: tasks of type-3|shop",
      "durationMs: tasks of type-5|shop",
    ]);
    const named = seeds(100).filter((seed) =>
      reportOf(fleetWeeks({ sessions: 300, tasks: 1_500, hosts: 20 }, seed)).some((one) =>
        one.about.includes("tasks on host"),
      ),
    );
    expect(named.length).toBeLessThanOrEqual(10);
  });

  it("says that no session went on past where all crashes were", () => {
    const weeks = weeksOf([unit("session", { crashed: 1 }, { contextUsed: 0.2, durationMs: CELL_MS })]);
    expect(reportOf(weeks).map(({ statement }) => statement)).toContain(
      "No session went past 25 % of the context window.",
    );
    expect(reportOf(weeksOf([]))).toEqual([]);
  });
});

describe("numbers for people", () => {
  it("have a few digits and a unit", () => {
    expect([0.1234, 0.01234, 0.000123, 0].map(percent)).toEqual(["12 %", "1.2 %", "0.01 %", "0 %"]);
    expect([12, 1_500, 90_000, 5_400_000, -2_000].map(duration)).toEqual([
      "12 ms",
      "1.5 s",
      "1.5 min",
      "1.5 h",
      "-2 s",
    ]);
  });
});
