import { METRIC_NAMESPACE } from "../shared/contract/metrics.ts";

/** By what the stage's logs and metrics are told from those of other stages. */
export const SERVICE = `${$app.name}-${$app.stage}`;

/** What every function finds in its environment, beside its links: name for name what the embedded cloud sets. */
export const ENVIRONMENT = {
  SHIM_DEFAULT_PROFILE: "standard",
  POWERTOOLS_SERVICE_NAME: SERVICE,
  POWERTOOLS_METRICS_NAMESPACE: METRIC_NAMESPACE,
  POWERTOOLS_METRICS_DISABLED: "false",
} as const;
