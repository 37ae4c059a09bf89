import { randomUUID } from "node:crypto";
import { Cron } from "croner";
import { ACCOUNT_ID, REGION, arnOf } from "./account.ts";
import type { Invoke } from "./lambda.ts";

/** Whole minutes, UTC, as croner reads them. */
export const EVERY_MINUTE = "* * * * *";
export const EVERY_NIGHT = "0 2 * * *";

export type Schedule = { close(): void };

/**
 * Invokes a function whenever its schedule says, as EventBridge Scheduler does: an invocation does not wait for the one
 * before it.
 *
 * @param atOnce once more now, for what is due every minute
 */
export function startSchedule(options: {
  name: string;
  pattern: string;
  atOnce: boolean;
  invoke: Invoke;
  onError: (error: unknown) => void;
}): Schedule {
  const run = () => {
    options.invoke(buildScheduledEvent(options.name, new Date())).catch(options.onError);
  };
  const job = new Cron(options.pattern, { protect: false, timezone: "UTC" }, run);
  if (options.atOnce) run();
  return {
    close: () => {
      job.stop();
    },
  };
}

/** What Scheduler sends to a function when the schedule names no input of its own. */
export function buildScheduledEvent(name: string, now: Date) {
  return {
    version: "0",
    id: randomUUID(),
    "detail-type": "Scheduled Event",
    source: "aws.scheduler",
    account: ACCOUNT_ID,
    time: now.toISOString().replace(/\.\d+Z$/, "Z"),
    region: REGION,
    resources: [arnOf("scheduler", `schedule/default/${name}`)],
    detail: "{}",
  };
}
