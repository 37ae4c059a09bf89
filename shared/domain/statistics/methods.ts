import * as z from "zod/mini";
import { compareMeans } from "./compare-means.ts";
import { confidenceSequence } from "./confidence-sequence.ts";
import { groupSequentialBounds } from "./group-sequential.ts";
import { benjaminiHochberg, eBenjaminiHochberg, onlineFdr } from "./multiple-testing.ts";
import { posterior, probabilityToBeat } from "./posterior.ts";
import { power, sampleSize } from "./power.ts";
import { quantile } from "./quantile.ts";
import { rareEventGuardrail } from "./rare-event-guardrail.ts";
import { ratioOfMeans } from "./ratio.ts";
import { sampleRatio, sequentialSampleRatio } from "./sample-ratio.ts";

/** Every method by its name, for `npm run stats`: the shape of its question, and the function that answers it. */

const count = z.int().check(z.nonnegative());
const notNegative = z.number().check(z.nonnegative());
const positive = z.number().check(z.positive());
/** A probability that is neither 0 nor 1. */
const inside = z.number().check(z.gt(0), z.lt(1));
const probability = z.number().check(z.gte(0), z.lte(1));

const covariate = z.optional(
  z.strictObject({ sum: z.number(), sumSquares: notNegative, sumProducts: z.number() }),
);
const arm = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("mean"),
    n: count,
    sum: z.number(),
    sumSquares: notNegative,
    covariate,
  }),
  z
    .strictObject({ kind: z.literal("proportion"), n: count, sum: notNegative, covariate })
    .check(z.refine(({ n, sum }) => sum <= n, "sum must be at most n")),
]);
const side = z.enum(["two", "greater", "less"]);
const arms = { control: arm, treatment: arm, scale: z.enum(["absolute", "relative"]), side };
const bothAdjusted = z.refine<{ control: z.infer<typeof arm>; treatment: z.infer<typeof arm> }>(
  ({ control, treatment }) => !control.covariate === !treatment.covariate,
  "both arms must have a covariate, or none",
);
const sums = z.strictObject({ sum: z.number(), sumSquares: notNegative });

/** Below it the integral of `probabilityToBeat` would have to reach where numbers end. */
const PRIOR_LEAST = 0.1;
/** Sizes that take little time and memory. */
const LIST_LIMIT = 100_000;
const LOOKS_LIMIT = 400;
const ARMS_LIMIT = 100;

const beta = z.number().check(z.gte(PRIOR_LEAST));
const prior = z.tuple([beta, beta]);
const successesOf = z
  .tuple([notNegative, count])
  .check(z.refine(([successes, n]) => successes <= n, "successes must be at most n"));
const level = { alpha: inside, side: z.optional(side) };
const proportionEffect = { kind: z.literal("proportion"), control: probability, treatment: probability };
const meanEffect = { kind: z.literal("mean"), effect: z.number(), sd: positive };
const rates = z.refine<{ control: number; treatment: number }>(
  ({ control, treatment }) => control + treatment > 0 && control + treatment < 2,
  "rates that are both 0 or both 1 do not vary",
);
const differ = z.refine<{ control: number; treatment: number }>(
  ({ control, treatment }) => control !== treatment,
  "control and treatment must differ",
);
const shares = {
  counts: z.array(count).check(z.minLength(2), z.maxLength(ARMS_LIMIT)),
  weights: z.array(positive),
};
const eachWeighed = z.refine<{ counts: number[]; weights: number[] }>(
  ({ counts, weights }) => counts.length === weights.length,
  "counts and weights must have the same length",
);
const rising = z.refine<number[]>(
  (fractions) => fractions.every((t, look) => t > (fractions[look - 1] ?? 0)),
  "fractions must rise",
);
const pValues = z.array(probability).check(z.minLength(1), z.maxLength(LIST_LIMIT));
const degrees = z.number().check(z.positive());

type Method = {
  readonly input: z.ZodMiniType;
  /** Answers a question that `input` has accepted. */
  readonly run: (question: never) => object;
};

/** Ties a schema to a function of what it accepts. */
function method<Schema extends z.ZodMiniType>(input: Schema, run: (question: z.infer<Schema>) => object) {
  return { input, run };
}

export const METHODS = {
  compareMeans: method(z.strictObject({ ...arms, alpha: inside }).check(bothAdjusted), compareMeans),
  confidenceSequence: method(
    z.strictObject({ ...arms, alpha: inside, tuningSampleSize: positive }).check(
      bothAdjusted,
      z.refine((q) => q.side === "two" || q.alpha < 0.5, "alpha of one side must be below .5"),
    ),
    confidenceSequence,
  ),
  ratio: method(
    z.strictObject({ n: count, numerator: sums, denominator: sums, sumProducts: z.number() }),
    ratioOfMeans,
  ),
  posterior: method(
    z
      .strictObject({ successes: notNegative, n: count, prior, level: inside })
      .check(z.refine(({ successes, n }) => successes <= n, "successes must be at most n")),
    posterior,
  ),
  probabilityToBeat: method(
    z.strictObject({ control: successesOf, treatment: successesOf, prior }),
    probabilityToBeat,
  ),
  sampleSize: method(
    z.discriminatedUnion("kind", [
      z.strictObject({ ...proportionEffect, ...level, power: inside }).check(rates, differ),
      z
        .strictObject({ ...meanEffect, ...level, power: inside })
        .check(z.refine(({ effect }) => effect !== 0, "effect must not be 0")),
    ]),
    sampleSize,
  ),
  power: method(
    z.discriminatedUnion("kind", [
      z.strictObject({ ...proportionEffect, ...level, perArm: positive }).check(rates),
      z.strictObject({ ...meanEffect, ...level, perArm: z.number().check(z.gte(2)) }),
    ]),
    power,
  ),
  sampleRatio: method(z.strictObject(shares).check(eachWeighed), sampleRatio),
  sequentialSampleRatio: method(
    z.strictObject({ ...shares, concentration: positive }).check(eachWeighed),
    sequentialSampleRatio,
  ),
  rareEventGuardrail: method(
    z.strictObject({ treatmentEvents: count, controlEvents: count, treatmentShare: inside }),
    rareEventGuardrail,
  ),
  groupSequentialBounds: method(
    z.strictObject({
      fractions: z
        .array(z.number().check(z.gt(0), z.lte(1)))
        .check(z.minLength(1), z.maxLength(LOOKS_LIMIT), rising),
      alpha: inside,
      spending: z.enum(["obrien-fleming", "pocock"]),
    }),
    groupSequentialBounds,
  ),
  onlineFdr: method(
    z.strictObject({ pValues, alpha: inside, gamma: z.enum(["javanmard-montanari", "power-1.6"]) }),
    onlineFdr,
  ),
  benjaminiHochberg: method(z.strictObject({ pValues, alpha: inside }), benjaminiHochberg),
  eBenjaminiHochberg: method(
    z.strictObject({
      eValues: z.array(notNegative).check(z.minLength(1), z.maxLength(LIST_LIMIT)),
      alpha: inside,
    }),
    eBenjaminiHochberg,
  ),
  quantile: method(
    z.discriminatedUnion("distribution", [
      z.strictObject({ distribution: z.literal("normal"), p: inside }),
      z.strictObject({ distribution: z.literal("t"), p: inside, degreesOfFreedom: degrees }),
      z.strictObject({ distribution: z.literal("chiSquare"), p: inside, degreesOfFreedom: degrees }),
      z.strictObject({ distribution: z.literal("beta"), p: inside, a: positive, b: positive }),
    ]),
    quantile,
  ),
} as const satisfies Record<string, Method>;

export type MethodName = keyof typeof METHODS;

export function isMethodName(name: string): name is MethodName {
  return Object.hasOwn(METHODS, name);
}

export type MethodAnswer =
  | { readonly kind: "answered"; readonly result: object }
  /** `problems` is what a person needs to mend the question: one sentence each, with its place. */
  | { readonly kind: "refused"; readonly problems: readonly string[] };

/** Answers a question in the method's shape, whoever wrote it. */
export function answer(name: MethodName, question: unknown): MethodAnswer {
  const { input, run }: Method = METHODS[name];
  const parsed = z.safeParse(input, question);
  if (parsed.success) return { kind: "answered", result: run(parsed.data as never) };
  return {
    kind: "refused",
    problems: parsed.error.issues.map(({ path, message }) =>
      path.length === 0 ? message : `${path.join(".")}: ${message}`,
    ),
  };
}
