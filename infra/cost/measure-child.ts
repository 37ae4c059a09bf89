// Started by measure.ts for one part of the counting, because a process can have one embedded cloud; answers over IPC.
import { measureCheckpoints } from "./measure-checkpoints.ts";
import { measureIdleSweep, measureTick } from "./measure-sweep.ts";
import { measureSignals } from "./measure-signals.ts";
import { measureToolCalls } from "./measure-tool-calls.ts";
import { measureBeat, measureTask } from "./measure-work.ts";
import { startMeteredCloud } from "./metered-cloud.ts";

const [part, tasksPerDay = "1"] = process.argv.slice(2);

async function measure(): Promise<object> {
  const cloud = await startMeteredCloud(part === "work" ? { sweep: "infra/cost/no-sweep.handler" } : {});
  try {
    if (part === "work") {
      // First, because the ten sessions that beat would be given some of the tasks.
      const task = await measureTask(cloud, Number(tasksPerDay));
      const beat = await measureBeat(cloud);
      const toolCall = await measureToolCalls(cloud);
      return { task, beat, toolCall, checkpoint: await measureCheckpoints(cloud) };
    }
    const idleSweep = await measureIdleSweep(cloud);
    const tick = await measureTick(cloud);
    return { idleSweep, tick, signals: await measureSignals(cloud) };
  } finally {
    await cloud.close();
  }
}

measure().then(
  (measured) => process.send?.({ measured }, () => process.exit(0)),
  (error: unknown) => process.send?.({ failed: String(error) }, () => process.exit(1)),
);
