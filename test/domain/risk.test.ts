import { expect, it } from "vitest";
import { RISK_THRESHOLDS, riskZone } from "../../shared/contract/risk.ts";

const MINUTES = 60_000;

it.each([
  ["no signals", undefined, null],
  ["only signals that are none of ours", { mood: 1, contextUsed: "0.9" }, null],
  ["all below", { contextUsed: 0.59, messages: 34, durationMs: 59 * MINUTES }, "safe"],
  ["one at its warning", { messages: 35 }, "warning"],
  ["one at its danger", { toolFailureRate: 0.2 }, "warning"],
  ["two at their danger", { messages: 50, toolCallsSinceCheckpoint: 15 }, "danger"],
  ["a context window nearly full", { contextUsed: 0.75 }, "danger"],
  ["a number that is none", { contextUsed: Number.NaN }, null],
] as const)("%s: %s is %s", (_, signals, zone) => {
  expect(riskZone(signals)).toBe(zone);
});

it("warns of every signal before its danger", () => {
  for (const [name, { warning, danger }] of Object.entries(RISK_THRESHOLDS)) {
    expect(danger).toBeGreaterThan(warning);
    expect(riskZone({ [name]: warning })).toBe("warning");
  }
});

it("goes by other thresholds where it is given others", () => {
  const strict = { ...RISK_THRESHOLDS, contextUsed: { warning: 0.1, danger: 0.2 } };
  expect(riskZone({ contextUsed: 0.15 }, strict)).toBe("warning");
  expect(riskZone({ contextUsed: 0.2 }, strict)).toBe("danger");
});
