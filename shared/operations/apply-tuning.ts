import { type Refusal, isRefusal } from "../contract/errors.ts";
import type { ExperimentRecord, Tuning } from "../contract/experiments.ts";
import { UNCHANGED, commit } from "../domain/decision.ts";
import { NO_TUNING, tuningFrom } from "../domain/experiments/tuning.ts";
import { isActive } from "../domain/experiments/states.ts";
import type { Ports } from "../ports/ports.ts";
import { changeOrCreate } from "./change.ts";
import { fleetOf } from "./fleet-of.ts";
import { reconfigureSessions } from "./reconfigure-sessions.ts";

/**
 * Makes a fleet use what its experiments and its people decided, with `change` made to it on the way. Idempotent: it derives what
 * is to be used from the record, so whoever finds it undone does it again.
 *
 * The fleet is read before its experiments. Who changes an experiment comes here afterwards, so of two at once the one that commits
 * the fleet last has seen what both did: the other's commit came first and is noticed, or its experiment was read.
 */
export async function applyTuning(
  ports: Ports,
  fleet: string,
  change: (tuning: Tuning) => Tuning = (tuning) => tuning,
): Promise<Tuning | Refusal> {
  const settings = await fleetOf(ports, fleet);
  let experiments: readonly ExperimentRecord[] = [];
  const result = await changeOrCreate(
    async () => {
      const current = await ports.record.fleets.get(fleet);
      experiments = await ports.record.experiments.list(fleet);
      return current;
    },
    ports.record.fleets.commit,
    (current) => {
      const known = current ?? settings;
      const before = known.tuning ?? NO_TUNING;
      const tuning = tuningFrom(before, change(before), experiments);
      return tuning === before ? UNCHANGED : commit({ ...known, tuning });
    },
  );
  if (isRefusal(result)) return result;
  return result.document?.tuning ?? NO_TUNING;
}

/** Gives back what was used before to live sessions that were treated in experiments which have ended without shipping. */
export async function recallTreatments(
  ports: Ports,
  fleet: string,
  ended: readonly ExperimentRecord[],
): Promise<void> {
  for (const experiment of ended)
    if (!isActive(experiment) && experiment.state !== "draft")
      await reconfigureSessions(ports, fleet, experiment);
}
