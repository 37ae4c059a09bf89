// Triggered by the dispatch queue. Runs dispatch-ready for each message.
import type { SQSBatchResponse, SQSEvent } from "aws-lambda";
import { ReadyEvent } from "../shared/contract/events.ts";
import { dispatchReady } from "../shared/operations/dispatch-ready.ts";
import { allPorts } from "../shared/runtime/all-ports.ts";
import { forEachMessage } from "./edge/sqs.ts";

export async function handler(event: SQSEvent): Promise<SQSBatchResponse> {
  return forEachMessage(event, ReadyEvent, allPorts(), dispatchReady);
}
