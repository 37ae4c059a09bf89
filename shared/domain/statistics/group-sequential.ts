import { normalCdf, normalQuantile } from "./distributions.ts";

export type Spending = "obrien-fleming" | "pocock";

export type Looks = {
  /** Of the planned information, what each look has: rising, in (0, 1]. */
  readonly fractions: readonly number[];
  /** Two-sided, in (0, 1). */
  readonly alpha: number;
  readonly spending: Spending;
};

/**
 * The bound on |z| at each look of a planned number, so that any of them exceeds its bound with probability alpha
 * (Lan and DeMets, Biometrika, 1983; each side spends alpha / 2). Up to a fraction t a side has spent
 * 2 (1 - Phi(z_(1 - alpha / 4) / sqrt t)) as O'Brien and Fleming, or alpha / 2 ln(1 + (e - 1) t) as Pocock.
 */
export function groupSequentialBounds({ fractions, alpha, spending }: Looks): { z: number[] } {
  return { z: boundsFor(fractions.map((t) => ({ t, spent: spentOnOneSide(t, alpha, spending) }))) };
}

function spentOnOneSide(t: number, alpha: number, spending: Spending): number {
  return spending === "pocock"
    ? (alpha / 2) * Math.log1p((Math.E - 1) * t)
    : 2 * normalCdf(normalQuantile(alpha / 4) / Math.sqrt(t));
}

/**
 * The score's density at a look, of those paths that crossed no bound before it: at each node of a quadrature its value
 * times the node's weight.
 */
type Density = readonly { readonly at: number; readonly mass: number }[];

/** Everything is at 0 before the first look. */
const START: Density = [{ at: 0, mass: 1 }];

/** Armitage, McPherson and Rowe (JRSS A, 1969): the density of one look from that of the look before. */
function boundsFor(looks: readonly { readonly t: number; readonly spent: number }[]): number[] {
  let density = START;
  let before = { t: 0, spent: 0 };
  return looks.map((look, i) => {
    const step = Math.sqrt(look.t - before.t);
    const bound = boundFor(density, step, look.spent - before.spent);
    const next = looks[i + 1];
    if (next) density = advance(density, step, bound, Math.min(step, Math.sqrt(next.t - look.t)));
    before = look;
    return bound / Math.sqrt(look.t);
  });
}

/** The score that is exceeded upwards, at this look first, with the given probability. */
function boundFor(density: Density, step: number, probability: number): number {
  const crosses = (bound: number) =>
    density.reduce((sum, { at, mass }) => sum + mass * normalCdf((at - bound) / step), 0);
  let low = 0;
  let high = step;
  while (crosses(high) > probability) high *= 2;
  while (high - low > 1e-12 * high) {
    const middle = (low + high) / 2;
    if (crosses(middle) > probability) low = middle;
    else high = middle;
  }
  return high;
}

/** Standard deviations past which a normal density is as good as 0. */
const FAR = 9;

/** The density at the next look, within its bounds. */
function advance(density: Density, step: number, bound: number, finest: number): Density {
  const scale = 1 / (step * Math.sqrt(2 * Math.PI));
  return gaussOver(bound, finest).map(({ at, weight }) => {
    let sum = 0;
    for (const from of density) {
      const z = (at - from.at) / step;
      if (Math.abs(z) < FAR) sum += from.mass * Math.exp((-z * z) / 2);
    }
    return { at, mass: sum * scale * weight };
  });
}

/** Gauss and Legendre's rule of 8 points, on [-1, 1]: half of it, the other is mirrored. */
const GAUSS: readonly (readonly [node: number, weight: number])[] = [
  [0.1834346424956498, 0.362683783378362],
  [0.525532409916329, 0.3137066458778873],
  [0.7966664774136267, 0.2223810344533745],
  [0.9602898564975363, 0.1012285362903763],
];

/** The rule over [-bound, bound], in panels no wider than the smallest step of the score. */
function gaussOver(bound: number, finest: number): { at: number; weight: number }[] {
  const panels = Math.max(8, Math.ceil((2 * bound) / finest));
  const half = bound / panels;
  return Array.from({ length: panels }, (_, panel) => -bound + (2 * panel + 1) * half).flatMap((middle) =>
    GAUSS.flatMap(([node, weight]) =>
      [-node, node].map((side) => ({ at: middle + side * half, weight: weight * half })),
    ),
  );
}
