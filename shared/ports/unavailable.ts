import type { EventMetric } from "../contract/metrics.ts";

/**
 * A store did not answer, or refused for lack of capacity, after its client's bounded retries. Whether a write
 * was applied is unknown; repeating the request is safe. The HTTP edge answers 503.
 */
export class StoreUnavailable extends Error {
  /** Which store, as an operator knows it: `dynamodb`, `s3`, `sqs`, `redis`. */
  readonly store: string;

  constructor(store: string, cause: unknown) {
    const why = cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause);
    super(`${store} does not answer (${why}); repeat the request`, { cause });
    this.name = "StoreUnavailable";
    this.store = store;
  }
}

/** Which event an error is: a store that does not answer, or one that nobody expected. */
export function failureOf(error: unknown): EventMetric {
  if (!(error instanceof StoreUnavailable)) return "Errors";
  return error.store === "redis" ? "RedisUnavailable" : "RecordUnavailable";
}
