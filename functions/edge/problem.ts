import { ERRORS, type ErrorCode, type Refusal, refuse } from "../../shared/contract/errors.ts";
import type { Problem } from "../../shared/contract/problem.ts";
import type { Ports } from "../../shared/ports/ports.ts";
import { StoreUnavailable, failureOf } from "../../shared/ports/unavailable.ts";

/** Seconds after which a request that met an unavailable store may be repeated. */
const RETRY_AFTER_S = 1;

export type HttpAnswer = {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly body: string;
};

/** An answer of JSON. */
export function jsonAnswer(status: number, value: unknown): HttpAnswer {
  return {
    status,
    headers: { "content-type": "application/json", "cache-control": "no-store" },
    body: JSON.stringify(value),
  };
}

/** The `text` of an outcome. */
export function textAnswer(status: number, contentType: string, value: object): HttpAnswer {
  const body = "text" in value ? String(value.text) : "";
  return { status, headers: { "content-type": contentType, "cache-control": "no-store" }, body };
}

/** A refusal as RFC 9457 problem details. */
export function problemAnswer({ refused, detail }: Refusal, requestId: string): HttpAnswer {
  const { status, title, next } = ERRORS[refused];
  const problem: Problem = {
    type: `urn:shim:error:${refused}`,
    title,
    status,
    code: refused,
    detail,
    next,
    requestId,
  };
  const headers: Record<string, string> = {
    "content-type": "application/problem+json",
    "cache-control": "no-store",
  };
  if (status === 503) headers["retry-after"] = String(RETRY_AFTER_S);
  if (status === 401) headers["www-authenticate"] = "Bearer";
  return { status, headers, body: JSON.stringify(problem) };
}

/** What a thrown error becomes, as an answer. */
export async function errorAnswer(
  error: unknown,
  requestId: string,
  ports: Pick<Ports, "log" | "metrics">,
): Promise<HttpAnswer> {
  return problemAnswer(await refusalOfError(error, requestId, ports), requestId);
}

/** What a thrown error becomes: only a store that does not answer is told apart, all else is logged and hidden. */
export async function refusalOfError(
  error: unknown,
  requestId: string,
  { log, metrics }: Pick<Ports, "log" | "metrics">,
): Promise<Refusal> {
  const unavailable = error instanceof StoreUnavailable;
  const code: ErrorCode = unavailable ? "service.unavailable" : "internal";
  const stack = error instanceof Error ? error.stack : String(error);
  log.error("request failed", {
    requestId,
    code,
    store: unavailable ? error.store : undefined,
    error: stack,
  });
  await metrics.note(null, failureOf(error), 1);
  return refuse(code, unavailable ? "Nothing was lost; repeat the same request." : "The error was logged.");
}
