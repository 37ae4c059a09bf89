import type { SQSBatchResponse, SQSEvent } from "aws-lambda";
import type * as z from "zod/mini";
import type { Log } from "../../shared/ports/ports.ts";

/**
 * Handles each message by itself and names those that failed, by message id, so that one poison message harms no
 * other. A failed one comes back after its visibility timeout, and is a dead letter after five receives.
 */
export async function forEachMessage<T>(
  { Records }: SQSEvent,
  schema: z.ZodMiniType<T>,
  log: Log,
  run: (message: T) => Promise<void>,
): Promise<SQSBatchResponse> {
  const batchItemFailures: SQSBatchResponse["batchItemFailures"] = [];
  for (const { messageId, body } of Records) {
    try {
      await run(schema.parse(JSON.parse(body)));
    } catch (error) {
      log.error("message failed", { messageId, error: error instanceof Error ? error.stack : String(error) });
      batchItemFailures.push({ itemIdentifier: messageId });
    }
  }
  return { batchItemFailures };
}
