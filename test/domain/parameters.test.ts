import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { AgentParameters } from "../../shared/contract/agent-parameters.ts";
import type { Tuning } from "../../shared/contract/experiments.ts";
import {
  AGENT_PARAMETERS,
  PARAMETERS,
  PARAMETER_DEFAULTS,
  ParameterName,
  parameterOf,
} from "../../shared/contract/parameters.ts";
import {
  allocatable,
  differences,
  isAllowed,
  metValue,
  untunedOf,
  valuesFor,
  valuesOf,
} from "../../shared/domain/experiments/parameters.ts";
import { agentParametersOf, versionOf } from "../../shared/domain/experiments/session-tuning.ts";
import { anExperiment } from "../fixtures/tuning.ts";

const tuning = (given: Partial<Tuning>): Tuning => ({
  ...{ mode: "auto", version: 1, values: {}, pinned: {}, active: [] },
  ...given,
});
const name = fc.constantFrom(...ParameterName.options);
const anything = fc.oneof(fc.double(), fc.integer(), fc.string(), fc.constantFrom("fast", "performance"));
const values = fc.dictionary(name, anything);

describe("a fleet's values", () => {
  it("are the defaults without any tuning, and every default is allowed", () => {
    expect(valuesFor(undefined)).toEqual(PARAMETER_DEFAULTS);
    for (const each of ParameterName.options)
      expect(isAllowed(each, PARAMETER_DEFAULTS[each]), each).toBe(true);
  });

  it("are pinned before shipped before default", () => {
    const shipped = { retryBackoffFactor: 2, briefTokens: 1_000 };
    expect(valuesFor(tuning({ values: shipped, pinned: { briefTokens: 500 } }))).toMatchObject({
      ...{ retryBackoffFactor: 2, briefTokens: 500, tasksPerSession: 3 },
    });
  });

  it("are never outside of the critical bounds, whatever was stored, and nothing is thrown", () => {
    fc.assert(
      fc.property(values, values, (shipped, pinned) => {
        const used = valuesFor(tuning({ values: shipped, pinned }));
        for (const each of ParameterName.options) expect(isAllowed(each, used[each])).toBe(true);
      }),
    );
  });

  it("of profile and policy are what operators set, unless they were tuned", () => {
    const fleet = { profile: "fast", policy: "performance" } as const;
    expect(valuesOf(fleet)).toMatchObject({ heartbeatProfile: "fast", balancerPolicy: "performance" });
    const tuned = { ...fleet, tuning: tuning({ pinned: { heartbeatProfile: "standard" } }) };
    expect(valuesOf(tuned)).toMatchObject({ heartbeatProfile: "standard", balancerPolicy: "performance" });
    expect(differences(valuesOf(tuned), untunedOf(fleet))).toEqual({ heartbeatProfile: "standard" });
  });

  it.each([
    ["checkpointToolCalls", 1, 200, 0, 201],
    ["contextWarning", 0.1, 0.95, 0.09, Number.NaN],
    ["retryBackoffFactor", 0, 600, -1, Infinity],
  ] as const)("%s may be at its critical bounds and not beyond", (of, low, high, below, above) => {
    expect([low, high, below, above].map((value) => isAllowed(of, value))).toEqual([
      true,
      true,
      false,
      false,
    ]);
  });

  it("are of their type", () => {
    expect(isAllowed("checkpointToolCalls", 2.5)).toBe(false);
    expect(isAllowed("checkpointToolCalls", "5")).toBe(false);
    expect(isAllowed("contextWarning", 0.55)).toBe(true);
    expect(isAllowed("heartbeatProfile", "slow")).toBe(false);
    expect(isAllowed("heartbeatProfile", "fast")).toBe(true);
  });
});

describe("what may be randomised", () => {
  const interval = { parameter: "checkpointIntervalMs", unit: "session" } as const;
  const sound = anExperiment({ ...interval, control: 600_000, treatment: 300_000 });

  it("is by the kind of its unit", () => {
    expect(allocatable(tuning({ active: [sound] }), "session")).toEqual([sound]);
    expect(allocatable(tuning({ active: [sound] }), "task")).toEqual([]);
    expect(allocatable(undefined, "session")).toEqual([]);
  });

  it("is nothing that a person pinned, also with a value that may not be used", () => {
    for (const pinned of [600_000, -1])
      expect(
        allocatable(tuning({ active: [sound], pinned: { checkpointIntervalMs: pinned } }), "session"),
      ).toEqual([]);
  });

  it("is nothing with a variant that may not be used", () => {
    for (const change of [{ control: 0 }, { treatment: 1e9 }])
      expect(allocatable(tuning({ active: [{ ...sound, ...change }] }), "session")).toEqual([]);
  });

  it("is nothing that the registry says never is, and it says why", () => {
    const never = ParameterName.options.filter((each) => parameterOf(each).randomised === false);
    expect(never).toEqual(["heartbeatProfile", "balancerPolicy", "balancerHalfLifeAttempts"]);
    for (const each of never) expect(parameterOf(each).because, each).toMatch(/\w+/);
    const policy = { parameter: "balancerPolicy", unit: "task" } as const;
    const active = [anExperiment({ ...policy, control: "least-loaded", treatment: "performance" })];
    expect(allocatable(tuning({ active }), "task")).toEqual([]);
  });
});

describe("a task that has met a variant", () => {
  const factor = { parameter: "retryBackoffFactor", unit: "task" } as const;
  const experiment = anExperiment({ ...factor, control: 1, treatment: 8 });
  const met = { [experiment.id]: { variant: "treatment", stage: 1, atMs: 5 } } as const;
  const fleet = (given: Partial<Tuning>) => ({ profile: "standard", tuning: tuning(given) }) as const;

  it("keeps it for as long as the experiment lasts, unless somebody pins a value", () => {
    expect(metValue(fleet({ active: [experiment] }), met, "retryBackoffFactor")).toBe(8);
    expect(metValue(fleet({ values: { retryBackoffFactor: 2 } }), met, "retryBackoffFactor")).toBe(2);
    const pinned = { active: [experiment], pinned: { retryBackoffFactor: 3 } };
    expect(metValue(fleet(pinned), met, "retryBackoffFactor")).toBe(3);
  });

  it("and one that has not gets what the fleet uses", () => {
    for (const exposures of [undefined, {}])
      expect(metValue(fleet({ active: [experiment] }), exposures, "retryBackoffFactor")).toBe(1);
  });
});

describe("what an agent goes by", () => {
  it("is the defaults, unless its session was given others", () => {
    expect(agentParametersOf({})).toEqual(
      Object.fromEntries(AGENT_PARAMETERS.map((each) => [each, PARAMETERS[each].default])),
    );
    expect(agentParametersOf({ parameters: { contextWarning: 0.5, tasksPerSession: 1 } })).toEqual({
      ...agentParametersOf({}),
      contextWarning: 0.5,
    });
  });

  it("has one name for the same values and another for others", () => {
    const defaults = agentParametersOf({});
    expect(versionOf({ ...defaults })).toBe(versionOf(AgentParameters.parse(defaults)));
    for (const each of AGENT_PARAMETERS)
      expect(versionOf({ ...defaults, [each]: defaults[each] + 1 })).not.toBe(versionOf(defaults));
  });
});
