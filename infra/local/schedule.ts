import { randomUUID } from "node:crypto";
import { Cron } from "croner";
import { ACCOUNT_ID, REGION, arnOf } from "./account.ts";
import type { Invoke } from "./lambda.ts";

const EVERY_MINUTE = "* * * * *";

export type Schedule = { close(): void };

/**
 * Invokes a function once now and then at every whole minute, as EventBridge Scheduler does: an invocation does
 * not wait for the one before it.
 */
export function startSchedule(options: {
  name: string;
  invoke: Invoke;
  onError: (error: unknown) => void;
}): Schedule {
  const run = () => {
    options.invoke(buildScheduledEvent(options.name, new Date())).catch(options.onError);
  };
  const job = new Cron(EVERY_MINUTE, { protect: false }, run);
  run();
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
