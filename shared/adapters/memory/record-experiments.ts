import { ExperimentRecord } from "../../contract/experiments.ts";
import { byAge } from "../../domain/experiments/by-age.ts";
import type { ExperimentStore } from "../../ports/record.ts";
import { createMemoryDocuments } from "./record-documents.ts";

export function createMemoryExperiments(): ExperimentStore {
  const keyOf = (fleet: string, id: string) => `${fleet}#${id}`;
  const experiments = createMemoryDocuments({
    schema: ExperimentRecord,
    keyOf: ({ fleet, id }) => keyOf(fleet, id),
  });
  return {
    get: async (fleet, id) => experiments.get(keyOf(fleet, id)),
    commit: experiments.commit,
    list: async (fleet) =>
      experiments
        .all()
        .filter((experiment) => experiment.fleet === fleet)
        .sort(byAge),
  };
}
