import type { BenchRow } from "./benchmark.ts";
import { percentile } from "./percentile.ts";

/** Times one call, in milliseconds. */
export async function timed(call: () => Promise<unknown>): Promise<number> {
  const startedMs = performance.now();
  await call();
  return performance.now() - startedMs;
}

export type Pairs = { readonly ours: number[]; readonly peer: number[] };

/** Measures both sides in turn, each first as often as the other, so that what disturbs the machine disturbs both. */
export async function measurePairs(
  count: number,
  ours: (pair: number) => Promise<number>,
  peer: (pair: number) => Promise<number>,
): Promise<Pairs> {
  const pairs: Pairs = { ours: [], peer: [] };
  for (let pair = 0; pair < count; pair++) {
    if (pair % 2 === 0) pairs.ours.push(await ours(pair));
    pairs.peer.push(await peer(pair));
    if (pair % 2 === 1) pairs.ours.push(await ours(pair));
  }
  return pairs;
}

export const median = (values: readonly number[]) => percentile(values, 0.5);

export const rounded = (value: number) => Number(value.toPrecision(4));

/** The medians of both sides and their ratio, which must not be over `limit`: the row's limit is in its unit. */
export function ratioRow(name: string, { ours, peer }: Pairs, unit: string, limit: number | null): BenchRow {
  const [mine, theirs] = [median(ours), median(peer)];
  return {
    name,
    ours: rounded(mine),
    unit,
    peer: rounded(theirs),
    limit: limit === null ? null : rounded(theirs * limit),
    ratio: rounded(mine / theirs),
    n: ours.length,
  };
}
