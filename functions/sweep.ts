// Triggered by the schedule every minute, and by the wake queue when something lives again. Runs run-sweep.
import type { SQSBatchResponse, SQSEvent } from "aws-lambda";
import { runSweep } from "../shared/operations/run-sweep.ts";
import { allPorts } from "../shared/runtime/all-ports.ts";

export async function handler(event: Partial<SQSEvent>): Promise<SQSBatchResponse> {
  const ports = allPorts();
  const run = await runSweep(ports, event.Records ? "wake" : "schedule");
  ports.log.info("sweep ended", run);
  return { batchItemFailures: [] };
}
