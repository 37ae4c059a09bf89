import type { Side } from "./difference.ts";

/** What a comparison says of the true difference: an interval, or the one bound that its side asks for. */
export type Bounds =
  { readonly interval: readonly [number, number] } | { readonly lower: number } | { readonly upper: number };

export function boundsOf(estimate: number, halfWidth: number, side: Side): Bounds {
  switch (side) {
    case "two":
      return { interval: [estimate - halfWidth, estimate + halfWidth] };
    case "greater":
      return { lower: estimate - halfWidth };
    case "less":
      return { upper: estimate + halfWidth };
  }
}
