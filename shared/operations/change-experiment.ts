import { type Refusal, isRefusal, refuse } from "../contract/errors.ts";
import type { ExperimentRecord } from "../contract/experiments.ts";
import type { Decision } from "../domain/decision.ts";
import type { Ports } from "../ports/ports.ts";
import { type Changed, changeOrCreate } from "./change.ts";

/** Changes one experiment, and says so: every decision is logged here and nowhere else. An unknown one is refused. */
export async function changeExperiment(
  ports: Ports,
  fleet: string,
  id: string,
  decide: (experiment: ExperimentRecord) => Decision<ExperimentRecord>,
): Promise<Changed<ExperimentRecord> | Refusal> {
  const missing = {
    kind: "refused",
    refusal: refuse("experiment.not_found", `There is no experiment ${id} in this fleet.`),
  } as const;
  let before = 0;
  const result = await changeOrCreate(
    () => ports.record.experiments.get(fleet, id),
    ports.record.experiments.commit,
    (experiment) => {
      before = experiment?.log.length ?? 0;
      return experiment ? decide(experiment) : missing;
    },
  );
  if (isRefusal(result) || result.document === null) return result as Refusal;
  const { document, changed } = result;
  if (changed)
    for (const { to, reason, by, treatmentShare, numbers } of document.log.slice(before))
      ports.log.info(`experiment ${to}`, { fleet, experiment: id, by, reason, treatmentShare, ...numbers });
  return { document, changed };
}
