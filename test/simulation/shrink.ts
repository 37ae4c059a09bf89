import type { Fault } from "./faults.ts";

/**
 * Fewer faults with which it still fails: leaves out ever smaller parts, as long as that can be done (the ddmin of
 * Zeller and Hildebrandt, "Simplifying and isolating failure-inducing input", 2002).
 */
export async function shrink(
  faults: readonly Fault[],
  stillFails: (fewer: readonly Fault[]) => Promise<boolean>,
): Promise<readonly Fault[]> {
  let kept = faults;
  for (let parts = 2; kept.length > 0;) {
    const size = Math.ceil(kept.length / parts);
    let smaller: readonly Fault[] | null = null;
    for (let from = 0; from < kept.length && smaller === null; from += size) {
      const without = [...kept.slice(0, from), ...kept.slice(from + size)];
      if (await stillFails(without)) smaller = without;
    }
    if (smaller !== null) {
      kept = smaller;
      parts = Math.max(2, parts - 1);
    } else if (size === 1) return kept;
    else parts = Math.min(kept.length, parts * 2);
  }
  return kept;
}
