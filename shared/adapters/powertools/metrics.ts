import { MetricUnit, Metrics as EmbeddedMetrics } from "@aws-lambda-powertools/metrics";
import { EVENT_METRICS, METRIC_NAMESPACE } from "../../contract/metrics.ts";
import type { Metrics } from "../../ports/ports.ts";

const UNITS = {
  Count: MetricUnit.Count,
  Milliseconds: MetricUnit.Milliseconds,
  None: MetricUnit.NoUnit,
} as const;

/**
 * Metrics embedded in log lines, which CloudWatch reads: each event and each fleet's gauges are a line of their own, so
 * that nothing waits for the end of an invocation. The service is `POWERTOOLS_SERVICE_NAME`;
 * `POWERTOOLS_METRICS_DISABLED=true` writes none.
 */
export function createMetrics(): Metrics {
  const embedded = new EmbeddedMetrics({ namespace: METRIC_NAMESPACE });
  return {
    async note(_fleet, metric, value) {
      embedded.singleMetric().addMetric(metric, UNITS[EVENT_METRICS[metric]], value);
    },
    async gauge(fleet, values) {
      embedded.addDimension("Fleet", fleet);
      for (const [name, value] of Object.entries(values)) embedded.addMetric(name, MetricUnit.Count, value);
      embedded.publishStoredMetrics();
    },
  };
}
