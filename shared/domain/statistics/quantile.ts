import { betaQuantile, chiSquareQuantile, normalQuantile, tQuantile } from "./distributions.ts";

export type QuantileQuestion =
  | { readonly distribution: "normal"; readonly p: number }
  | { readonly distribution: "t" | "chiSquare"; readonly p: number; readonly degreesOfFreedom: number }
  | { readonly distribution: "beta"; readonly p: number; readonly a: number; readonly b: number };

/** The value below which a share p of the distribution lies. */
export function quantile(question: QuantileQuestion): { value: number } {
  switch (question.distribution) {
    case "normal":
      return { value: normalQuantile(question.p) };
    case "t":
      return { value: tQuantile(question.p, question.degreesOfFreedom) };
    case "chiSquare":
      return { value: chiSquareQuantile(question.p, question.degreesOfFreedom) };
    case "beta":
      return { value: betaQuantile(question.p, question.a, question.b) };
  }
}
