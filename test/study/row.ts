import type { Draws } from "./draws.ts";
import type { Judged } from "./judge.ts";

/**
 * A property of the method. `run` gives what one repetition shows, `judge` holds all of them against the bound. A property with
 * `peer` is compared with what that gives.
 */
export type Row = {
  readonly property: string;
  readonly run: (draws: Draws) => number | Promise<number>;
  readonly peer?: (draws: Draws) => number | Promise<number>;
  readonly judge: (outcomes: readonly number[], peers: readonly number[]) => Judged;
  /** Repetitions of this row as a part of those asked for; its repetitions are large. */
  readonly part?: number;
};
