import { functions } from "./functions.ts";
import { deadLetters } from "./queue.ts";

/** Schedules know whole minutes only; within its minute the sweep ticks by itself. */
export const sweepSchedule = new sst.aws.CronV2("SweepEveryMinute", {
  function: functions.sweep.arn,
  schedule: "rate(1 minute)",
  // A minute later comes the next: a repetition would only meet it.
  retries: 0,
  dlq: deadLetters.arn,
});

/** When nights begin: NIGHT_AT_MS of shared/operations/run-night.ts, which names a night by it. */
export const nightlySchedule = new sst.aws.CronV2("ExperimentsEveryNight", {
  function: functions.experiments.arn,
  schedule: "cron(0 2 * * ? *)",
  timezone: "UTC",
  // A night may be run again wherever it failed.
  retries: 2,
  dlq: deadLetters.arn,
});
