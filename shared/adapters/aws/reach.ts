import { StoreUnavailable } from "../../ports/unavailable.ts";

const UNREACHED = new Set([
  "ECONNREFUSED",
  "ECONNRESET",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EPIPE",
  "ETIMEDOUT",
]);

const OVERLOADED = new Set([
  "ProvisionedThroughputExceededException",
  "RequestLimitExceeded",
  "RequestThrottled",
  "RequestTimeout",
  "SlowDown",
  "ThrottledException",
  "Throttling",
  "ThrottlingException",
  "TimeoutError",
  "TooManyRequestsException",
]);

/** Whether an error of an AWS client says that the service was not reached or could not cope. */
function isUnavailability(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { code, $fault, $metadata, $response } = error as Error & {
    code?: unknown;
    $fault?: unknown;
    $metadata?: { httpStatusCode?: number };
    $response?: { statusCode?: number };
  };
  const status = $metadata?.httpStatusCode ?? $response?.statusCode ?? 0;
  return (
    status >= 500 ||
    status === 429 ||
    $fault === "server" ||
    OVERLOADED.has(error.name) ||
    (typeof code === "string" && UNREACHED.has(code))
  );
}

/** Makes one call of an AWS client, whose own retries are bounded; throws `StoreUnavailable` if they were in vain. */
export async function reach<T>(store: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw isUnavailability(error) ? new StoreUnavailable(store, error) : error;
  }
}
