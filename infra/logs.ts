import { isPermanentStage } from "./stage.ts";

export const LOG_RETENTION_DAYS = isPermanentStage($app.stage) ? 30 : 7;

/**
 * Lambda's own lines on every invocation (start, end, report) would be more than ours, and say what its metrics say. Those on failures
 * are warnings, and stay. Levels can be set for logs in JSON only, which ours are.
 */
export const LOG_LEVELS = { applicationLogLevel: "INFO", systemLogLevel: "WARN" } as const;

/** A log group of our own, so that a function is granted this group and not, as SST does by default, all. */
export function createLogGroup(component: string, fn: string): aws.cloudwatch.LogGroup {
  return new aws.cloudwatch.LogGroup(`${component}Logs`, {
    name: `/aws/lambda/${$app.name}-${$app.stage}-${fn}`,
    retentionInDays: LOG_RETENTION_DAYS,
  });
}

/** To write to this group. Lambda names the streams, one per instance: what follows the group cannot be known. */
export function grantLogs(group: aws.cloudwatch.LogGroup) {
  return {
    actions: ["logs:CreateLogStream", "logs:PutLogEvents"],
    resources: [$interpolate`${group.arn}:*`],
  };
}
