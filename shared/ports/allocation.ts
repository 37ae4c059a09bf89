import type { ActiveExperiment, ExperimentRecord, Variant } from "../contract/experiments.ts";
import type { UnitKind } from "../contract/parameters.ts";

/** What is randomised: its id is unlike all others of its kind in the fleet. */
export type AllocationUnit = { readonly fleet: string; readonly kind: UnitKind; readonly id: string };

/**
 * Which variant a unit should meet. The answer is the same in every process as long as the treatment's share is, and a
 * unit that is treated at some share is treated at every larger one.
 */
export interface Allocator {
  /**
   * Null: the unit is in no arm, because the experiment is unknown to whoever allocates or nobody answered. It meets what
   * the fleet uses, and is never counted as control.
   *
   * @param active all experiments of the fleet that units may be in now; `experiment` is one of them
   */
  allocate(
    active: readonly ActiveExperiment[],
    experiment: ActiveExperiment,
    unit: AllocationUnit,
  ): Promise<Variant | null>;
  /** Tells who watches elsewhere that a unit met its variant. Delivered, or given up, once `flush` has resolved. */
  expose(experiment: ActiveExperiment, unit: AllocationUnit, variant: Variant): void;
  /** Never rejects: what could not be delivered is logged. A function calls it before it returns. */
  flush(): Promise<void>;
}

/** Shows experiments where others look at them, as they change. Failing is no reason to stop an experiment. */
export interface ExperimentMirror {
  /** What `experiment` has become; repeating it changes nothing. */
  show(experiment: ExperimentRecord): Promise<void>;
}
