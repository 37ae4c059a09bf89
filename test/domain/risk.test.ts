import { expect, it } from "vitest";
import { RISK_THRESHOLDS, reportedZone, riskZone, thresholdsFor } from "../../shared/contract/risk.ts";

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

it("goes by the thresholds of a session that was given its own", () => {
  const parameters = { checkpointIntervalMs: 1, checkpointToolCalls: 1 };
  const own = thresholdsFor({ ...parameters, contextWarning: 0.4, contextDanger: 0.5 });
  expect([0.39, 0.4, 0.5].map((contextUsed) => riskZone({ contextUsed }, own))).toEqual([
    ...["safe", "warning", "danger"],
  ]);
  expect(riskZone({ messages: RISK_THRESHOLDS.messages.warning }, own)).toBe("warning");
});

it("is what the session itself says, if that is a zone, else by its signals", () => {
  expect(reportedZone({ contextUsed: 0.1, zone: "danger" })).toBe("danger");
  expect(reportedZone({ contextUsed: 0.9, zone: "safe" })).toBe("safe");
  for (const zone of ["west", 3, undefined]) expect(reportedZone({ contextUsed: 0.9, zone })).toBe("danger");
  expect(reportedZone(undefined)).toBeNull();
});
