import { sumsOf } from "../domain/tallies.ts";
import type { Log, Metrics, Tallies } from "../ports/ports.ts";
import { StoreUnavailable } from "../ports/unavailable.ts";

/** Metrics that add to the running sums what those keep, besides telling CloudWatch. */
export function withTallies(told: Metrics, tallies: Pick<Tallies, "add">, log: Log): Metrics {
  return {
    ...told,
    async note(fleet, metric, value) {
      await told.note(fleet, metric, value);
      const sums = sumsOf(metric, value);
      if (!sums) return;
      try {
        await tallies.add(fleet, sums);
      } catch (error) {
        if (!(error instanceof StoreUnavailable)) throw error;
        log.warn("an event was not added to the running sums", { fleet, metric });
      }
    },
  };
}
