import type { SQSBatchResponse, SQSEvent } from "aws-lambda";
import type * as z from "zod/mini";
import { $ZodError } from "zod/v4/core";
import type { Ports } from "../../shared/ports/ports.ts";
import { failureOf } from "../../shared/ports/unavailable.ts";

/**
 * Handles each message by itself and names those that failed, by message id, so that one poison message harms no
 * other. A failed one comes back after its visibility timeout, and is a dead letter after five receives.
 */
export async function forEachMessage<T>(
  { Records }: SQSEvent,
  schema: z.ZodMiniType<T>,
  ports: Ports,
  run: (ports: Ports, message: T) => Promise<void>,
): Promise<SQSBatchResponse> {
  const batchItemFailures: SQSBatchResponse["batchItemFailures"] = [];
  for (const { messageId, body } of Records) {
    const log = ports.log.with({ messageId });
    try {
      await run({ ...ports, log }, schema.parse(JSON.parse(body)));
    } catch (error) {
      log.error("message failed", { error: describe(error) });
      await ports.metrics.note(null, failureOf(error), 1);
      batchItemFailures.push({ itemIdentifier: messageId });
    }
  }
  return { batchItemFailures };
}

/** JSON.parse quotes what it could not read, and zod what did not fit: a message's body stays out of the log. */
function describe(error: unknown): string {
  if (error instanceof SyntaxError) return "The body is not JSON.";
  if (error instanceof $ZodError) return "The body does not fit the contract.";
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
