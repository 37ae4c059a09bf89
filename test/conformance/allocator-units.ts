import type { ActiveExperiment } from "../../shared/contract/experiments.ts";
import type { AllocationUnit } from "../../shared/ports/allocation.ts";

/** An experiment of which only the id and the share matter. */
export const experimentOf = (id: string, treatmentShare: number): ActiveExperiment => ({
  id,
  parameter: "retryBackoffFactor",
  unit: "task",
  stage: 1,
  treatmentShare,
  control: 1,
  treatment: 2,
});

export const unitOf = (index: number, fleet = "alpha"): AllocationUnit => ({
  fleet,
  kind: "task",
  id: `task_${index}`,
});
