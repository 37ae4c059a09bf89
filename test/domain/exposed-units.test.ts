import { describe, expect, it } from "vitest";
import { ExposedUnit } from "../../shared/contract/experiments.ts";
import { dayOf } from "../../shared/domain/experiments/day.ts";
import { exposedUnitsOf, newExposures } from "../../shared/domain/experiments/exposures.ts";
import { redrive } from "../../shared/domain/task-transitions.ts";
import { aFailedTask } from "../conformance/record-fixtures.ts";
import { aUnit } from "../conformance/units-suite.ts";

const TREATED = { variant: "treatment", stage: 1, atMs: 5 } as const;
const CONTROL = { variant: "control", stage: 0, atMs: 5 } as const;

describe("exposures", () => {
  it("are new if they were not there before", () => {
    expect(newExposures({ exp_1: TREATED }, { exp_1: TREATED, exp_2: CONTROL })).toEqual({ exp_2: CONTROL });
    expect(newExposures(undefined, undefined)).toEqual({});
  });

  it("are of one generation: a redrive meets its variants anew", () => {
    const failed = { ...aFailedTask("f"), exposures: { exp_1: TREATED } };
    for (const waitingOn of [[], ["dep_1"]]) {
      const again = redrive(failed, failed.submission, waitingOn, 9);
      expect(again).toMatchObject({ kind: "commit", next: { redrives: 1 } });
      expect(again).not.toHaveProperty("next.exposures");
    }
  });
});

describe("a unit in experiments", () => {
  it("is filed once in each, with its exposure and, if it ended, its outcome", () => {
    const exposures = { exp_1: TREATED, exp_2: CONTROL };
    const unit = aUnit("f", { generation: 3 });
    const exposed = exposedUnitsOf(unit, exposures);
    expect(exposed.map((one) => ExposedUnit.parse(one))).toEqual(exposed);
    expect(exposed).toMatchObject([
      { experiment: "exp_1", variant: "treatment", stage: 1, atMs: 5, generation: 3, outcome: unit.outcome },
      { experiment: "exp_2", variant: "control", stage: 0, atMs: 5, generation: 3, outcome: unit.outcome },
    ]);
    const { outcome: _, ...living } = unit;
    expect(exposedUnitsOf(living, exposures)[0]).toMatchObject({ outcome: null, repository: "größe" });
    expect(exposedUnitsOf(unit, undefined)).toEqual([]);
  });
});

describe("a day", () => {
  it.each([
    [Date.UTC(1970, 0, 1), 0],
    [Date.UTC(1970, 0, 2) - 1, 0],
    [Date.UTC(2030, 0, 1), 21_915],
  ])("of %i is %i", (atMs, day) => {
    expect(dayOf(atMs)).toBe(day);
  });
});
