import { fork } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import { synthesize } from "../synth/synthesize.ts";
import type { Measured, Stack } from "./measured.ts";

const ROOT = path.resolve(import.meta.dirname, "../..");

/** Counts on the real handlers what a beat, a task and the sweep use. Takes about three quarters of a minute. */
export async function measure(tasksPerDay: number): Promise<Measured> {
  const [work, sweep] = await Promise.all([
    runPart<Pick<Measured, "beat" | "task" | "toolCall" | "checkpoint">>("work", tasksPerDay),
    runPart<Pick<Measured, "idleSweep" | "tick" | "signals">>("sweep", tasksPerDay),
  ]);
  return { ...work, ...sweep };
}

async function runPart<T>(part: "work" | "sweep", tasksPerDay: number): Promise<T> {
  const file = path.join(import.meta.dirname, "measure-child.ts");
  const child = fork(file, [part, String(tasksPerDay)], {
    cwd: ROOT,
    execArgv: ["--disable-warning=ExperimentalWarning"],
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  const end = () => child.kill("SIGKILL");
  process.once("exit", end);
  try {
    const gone = once(child, "exit").then(() => [{ failed: "Its process ended." }]);
    const [answer] = (await Promise.race([once(child, "message"), gone])) as [
      { measured?: T; failed?: string },
    ];
    if (answer.measured === undefined) throw new Error(`Counting failed: ${answer.failed ?? "no answer"}`);
    return answer.measured;
  } finally {
    process.off("exit", end);
    end();
  }
}

type Alarmed = { readonly metricQueries?: readonly { readonly metric?: object }[] };

/** What of the stack of a stage costs by being there: each metric that an alarm looks at is billed. */
export async function readStack(stage: string): Promise<Stack> {
  const { resources } = await synthesize({ root: ROOT, stage });
  const ofType = (type: string) => resources.filter((resource) => resource.type === type);
  const metrics = ofType("aws:cloudwatch/metricAlarm:MetricAlarm").map(({ inputs }) => {
    const { metricQueries } = inputs as Alarmed;
    return metricQueries ? metricQueries.filter(({ metric }) => metric).length : 1;
  });
  return {
    alarmMetrics: metrics.reduce((sum, count) => sum + count, 0),
    schedules: ofType("aws:scheduler/schedule:Schedule").length,
  };
}
