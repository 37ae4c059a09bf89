// Triggered by a schedule every night. Runs run-night.
import { runNight } from "../shared/operations/run-night.ts";
import { nightPorts } from "../shared/runtime/night-ports.ts";

export async function handler(): Promise<void> {
  const ports = nightPorts();
  const { fleets, failed } = await runNight(ports);
  ports.log.info("night ended", { fleets, failed });
  // The schedule runs a failed night again: what was done changes nothing then.
  if (failed > 0) throw new Error(`The night of ${failed} of ${fleets} fleets failed; the log says why.`);
}
