import { type Arm, type Covariate, meanOf, varianceOf } from "./arm.ts";

/** `absolute`: treatment - control. `relative`: that, in units of the control's mean (taken as positive). */
export type Scale = "absolute" | "relative";

/** Which way the alternative lies: treatment differs from, is greater than or is less than the control. */
export type Side = "two" | "greater" | "less";

/** An estimate with its standard error. An infinite one says that there is not enough data to know. */
export type Difference = {
  readonly estimate: number;
  readonly standardError: number;
  /** Units of both arms. */
  readonly n: number;
};

/** An arm after the part of its outcome that the covariate foretells is taken out. */
export type Adjusted = {
  readonly n: number;
  readonly mean: number;
  /** Without the adjustment: what a relative difference is relative to. */
  readonly rawMean: number;
  /** Of a unit's outcome after the adjustment. */
  readonly variance: number;
  readonly rawVariance: number;
  /** theta^2 times the covariate's variance, and theta times its covariance with the outcome. */
  readonly explained: { readonly square: number; readonly product: number };
};

/**
 * The difference between two arms. If both carry a covariate it is adjusted by it (CUPED: Deng, Xu, Kohavi and Walker,
 * WSDM 2013), with one theta from both arms together.
 *
 * Relative differences have their variance by the delta method, in which the control's mean occurs twice, and the means of
 * the covariate are taken as equal, as they are but for chance.
 *
 * An arm without variance, or a control whose mean is 0 on the relative scale, makes the standard error infinite: units
 * that are all alike say nothing about how much others vary.
 */
export function difference(control: Arm, treatment: Arm, scale: Scale): Difference {
  const [c, t] = adjust(control, treatment);
  const n = c.n + t.n;
  const unit = scale === "relative" ? Math.abs(c.rawMean) : 1;
  if (unit === 0) return { estimate: 0, standardError: Infinity, n };
  const estimate = (t.mean - c.mean) / unit;
  if (c.n < 2 || t.n < 2 || !(c.variance > 0 && t.variance > 0))
    return { estimate, standardError: Infinity, n };
  const weight = scale === "relative" ? t.rawMean / c.rawMean : 1;
  const controlVariance =
    c.rawVariance * weight * weight - 2 * c.explained.product * weight + c.explained.square;
  const variance = t.variance / t.n + controlVariance / c.n;
  // Sums that no values have could make it negative.
  return { estimate, standardError: variance > 0 ? Math.sqrt(variance) / unit : Infinity, n };
}

/** Both arms, adjusted by their covariates if both have one. */
export function adjust(control: Arm, treatment: Arm): readonly [Adjusted, Adjusted] {
  const theta = thetaOf(control, treatment);
  return [adjustBy(theta, control), adjustBy(theta, treatment)];
}

function adjustBy(theta: number, arm: Arm): Adjusted {
  const rawMean = meanOf(arm);
  const rawVariance = varianceOf(arm);
  const { covariate, n } = arm;
  if (!covariate || theta === 0 || n === 0)
    return {
      n,
      mean: rawMean,
      rawMean,
      variance: rawVariance,
      rawVariance,
      explained: { square: 0, product: 0 },
    };
  // Outcome and covariate are divided alike, or the adjusted variance would be that of no variable.
  const units = arm.kind === "mean" ? Math.max(1, n - 1) : n;
  const square = (theta * theta * (covariate.sumSquares - covariate.sum ** 2 / n)) / units;
  const product = (theta * (covariate.sumProducts - (covariate.sum * arm.sum) / n)) / units;
  return {
    n,
    mean: rawMean - (theta * covariate.sum) / n,
    rawMean,
    variance: rawVariance + square - 2 * product,
    rawVariance,
    explained: { square, product },
  };
}

/** cov(Y, X) / var(X) over the units of both arms together; 0 if X does not vary or an arm has none. */
function thetaOf(control: Arm, treatment: Arm): number {
  if (!control.covariate || !treatment.covariate) return 0;
  const n = control.n + treatment.n;
  const x = addCovariates(control.covariate, treatment.covariate);
  const y = control.sum + treatment.sum;
  const spread = x.sumSquares - (x.sum * x.sum) / n;
  return spread > 0 ? (x.sumProducts - (x.sum * y) / n) / spread : 0;
}

function addCovariates(one: Covariate, other: Covariate): Covariate {
  return {
    sum: one.sum + other.sum,
    sumSquares: one.sumSquares + other.sumSquares,
    sumProducts: one.sumProducts + other.sumProducts,
  };
}
