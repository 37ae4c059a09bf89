import { functions } from "./functions.ts";

/** Schedules know whole minutes only; within its minute the sweep ticks by itself. */
export const sweepSchedule = new sst.aws.CronV2("SweepEveryMinute", {
  function: functions.sweep.arn,
  schedule: "rate(1 minute)",
  retries: 0,
});
