import type { Mutant } from "../simulation/mutants.ts";

const engine = (name: string) => `shared/domain/experiments/${name}.ts`;

/** Mistakes that are made in practice. Each must make at least one row of the study fail. */
export const MUTANTS: readonly Mutant[] = [
  {
    name: "a z-test every night in the place of the sequence",
    file: engine("look"),
    find: "  return { interval, logE };",
    replace: `  const z = Math.abs(estimate / found.standardError);
  return { interval, logE: z > 1.96 ? -Math.log(level) + 1e-9 : Math.min(0, logE) };`,
  },
  {
    name: "stages are pooled",
    file: engine("estimate"),
    find: "  if (strata.length === 0) return null;\n",
    replace: `  if (strata.length === 0) return null;
  const together = (arm: "c" | "t") =>
    strata.map((stratum) => stratum[arm]).reduce((a, b) => ({
      n: a.n + b.n, y: a.y + b.y, yy: a.yy + b.yy, x: a.x + b.x, xx: a.xx + b.xx, xy: a.xy + b.xy,
    }));
  strata.splice(0, strata.length, { c: together("c"), t: together("t") });
`,
  },
  {
    name: "who was not allocated counts as control",
    file: engine("totals"),
    find: `  return variant === null ? null : { variant, stage, atMs };`,
    replace: `  return { variant: variant ?? "control", stage, atMs };`,
  },
  {
    name: "sessions of randomised hosts are taken for independent",
    file: engine("look"),
    find: `unit === "host" ? clusteredEstimate(stages, EQUAL_SHARE) : stratifiedEstimate(stages, metric)`,
    replace: `unit === "host" && stages.length < 0 ? clusteredEstimate(stages, EQUAL_SHARE) : stratifiedEstimate(stages, metric)`,
  },
  {
    name: "sessions are counted where hosts were allocated",
    file: engine("look"),
    find: `(unit === "host" ? hostsIn(arm) : arm.exposed)`,
    replace: `(unit === "host" && hostsIn(arm) < 0 ? 0 : arm.exposed)`,
  },
  {
    name: "nothing is waited for before a decision",
    file: engine("look"),
    find: "  if (startedAtMs === null || nights < BURN_IN.nights) return false;\n",
    replace: "  if (startedAtMs !== null) return true;\n",
  },
  {
    name: "no guardrail",
    file: engine("guardrails"),
    find: "  Math.log(Math.max(1, guardrails) / GUARDRAIL_ALPHA);",
    replace: "  Math.log(Math.max(1, guardrails) / GUARDRAIL_ALPHA) + Infinity;",
  },
  {
    name: "nobody looks at how units are split",
    file: engine("advance"),
    find: "  if (look.sampleRatioLogE >= SAMPLE_RATIO_LOG_E)",
    replace: "  if (look.sampleRatioLogE >= SAMPLE_RATIO_LOG_E + Infinity)",
  },
];
