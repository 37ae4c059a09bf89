import { expect, it } from "vitest";
import { byAge } from "../../shared/domain/experiments/by-age.ts";
import { guardrailLogE, looksWorse } from "../../shared/domain/experiments/guardrails.ts";
import { aPlan, aStage, anArm, anExperiment } from "../fixtures/experiments.ts";

it("experiments are in the order of their age, those of one instant in that of their ids", () => {
  const [a, b, c] = [
    anExperiment({ id: "b", createdAtMs: 5 }),
    anExperiment({ id: "a", createdAtMs: 5 }),
    anExperiment({ id: "c", createdAtMs: 1 }),
  ];
  expect([a, b, c].sort(byAge).map(({ id }) => id)).toEqual(["c", "a", "b"]);
});

it("a guarded mean of which too little is known is neither evidence nor a veto", () => {
  const guardrail = { metric: "durationMs", margin: 1, baseline: 5 } as const;
  const few = [aStage(0, 0.5, anArm(4, { durationMs: 5 }), anArm(4, { durationMs: 50 }))];
  expect(guardrailLogE(few, guardrail, aPlan())).toBe(0);
  expect(looksWorse(few, guardrail)).toBe(false);
  const flat = [aStage(0, 0.5, anArm(40, { durationMs: 5 }), anArm(40, { durationMs: 50 }))];
  expect(guardrailLogE(flat, guardrail, aPlan()), "without any spread").toBe(0);
  expect(looksWorse(flat, { metric: "crashed", margin: 0, baseline: null })).toBe(false);
});

it("where more is better, harm is less of it", () => {
  const guardrail = { metric: "completed", margin: 0.05, baseline: 0.8 } as const;
  const arms = (t: number) => [aStage(0, 0.5, anArm(400, { completed: 0.8 }), anArm(400, { completed: t }))];
  expect(looksWorse(arms(0.7), guardrail)).toBe(true);
  expect(looksWorse(arms(0.9), guardrail)).toBe(false);
  expect(guardrailLogE(arms(0.5), guardrail, aPlan())).toBeGreaterThan(3);
});
