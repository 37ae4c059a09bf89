import type { Side } from "./difference.ts";
import { noncentralTSurvival, normalCdf, normalQuantile, tQuantile } from "./distributions.ts";

/**
 * What a comparison of two arms of the same size can find, once looked at. The conventions are those of R's
 * power.prop.test and power.t.test: the pooled variance sets a proportion's bar, the t-test has one standard deviation
 * for both arms, a two-sided test does not count rejections on the wrong side, and units per arm need not be whole.
 * A one-sided test lies on the side of the effect, whichever it is.
 */
export type Effect =
  | { readonly kind: "proportion"; readonly control: number; readonly treatment: number }
  | { readonly kind: "mean"; readonly effect: number; readonly sd: number };

type Level = { readonly alpha: number; readonly side?: Side | undefined };

/** Units below which there is no variance to estimate. */
const LEAST_PER_ARM = 2;
/** Units from which Student's t is normal to all digits that matter. */
const NORMAL_FROM = 1e8;

/** The probability to find the effect with so many units in each arm. */
export function power(question: Effect & Level & { readonly perArm: number }): { power: number } {
  const { perArm } = question;
  const tail = tailOf(question);
  if (question.kind === "proportion") {
    const { effect, bar, spread } = proportions(question);
    return { power: normalCdf((Math.sqrt(perArm) * effect + normalQuantile(tail) * bar) / spread) };
  }
  const df = 2 * (perArm - 1);
  const noncentrality = Math.sqrt(perArm / 2) * Math.abs(question.effect / question.sd);
  return { power: noncentralTSurvival(-tQuantile(tail, df), df, noncentrality) };
}

/** The units that each arm needs to find the effect with this probability; a mean's at least 2. */
export function sampleSize(question: Effect & Level & { readonly power: number }): { perArm: number } {
  const tail = tailOf(question);
  const z = normalQuantile(question.power);
  if (question.kind === "proportion") {
    const { effect, bar, spread } = proportions(question);
    return { perArm: ((z * spread - normalQuantile(tail) * bar) / effect) ** 2 };
  }
  const normal = 2 * ((z - normalQuantile(tail)) / (question.effect / question.sd)) ** 2;
  if (normal > NORMAL_FROM) return { perArm: normal };
  const reaches = (perArm: number) => power({ ...question, perArm }).power >= question.power;
  let low = LEAST_PER_ARM;
  if (reaches(low)) return { perArm: low };
  let high = Math.max(low, normal) * 2;
  while (!reaches(high)) high *= 2;
  while (high - low > 1e-10 * high) {
    const middle = (low + high) / 2;
    if (reaches(middle)) high = middle;
    else low = middle;
  }
  return { perArm: high };
}

const tailOf = ({ alpha, side = "two" }: Level) => (side === "two" ? alpha / 2 : alpha);

/** The effect, and the standard deviations of a unit of both arms: without the effect, and with it. */
function proportions({ control, treatment }: { readonly control: number; readonly treatment: number }) {
  const both = control + treatment;
  return {
    effect: Math.abs(treatment - control),
    bar: Math.sqrt(both * (1 - both / 2)),
    spread: Math.sqrt(control * (1 - control) + treatment * (1 - treatment)),
  };
}
