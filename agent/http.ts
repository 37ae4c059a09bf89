import { setTimeout as wait } from "node:timers/promises";
import * as z from "zod/mini";
import { Problem } from "../shared/contract/problem.ts";
import { jitteredDelayMs } from "./backoff.ts";
import { ApiError, isTransient, isTransientStatus, UnavailableError } from "./problem.ts";
import { parseJson } from "./parse-json.ts";

const PROTOCOL = "1";
const TRIES = 5;
const TRY_TIMEOUT_MS = 10_000;
const BACKOFF = { baseMs: 200, capMs: 5_000 };
/** A server that asks for more patience than this is asked again anyway. */
const RETRY_AFTER_LIMIT_MS = 60_000;

export type HttpRequest<S extends z.ZodMiniType> = {
  readonly method: "GET" | "POST" | "DELETE";
  /** Below the server's URL, or a full URL. */
  readonly path: string;
  readonly answer: S;
  readonly body?: unknown;
  readonly bearer: string;
  readonly headers?: Record<string, string>;
  readonly signal?: AbortSignal;
  readonly tries?: number;
  readonly tryTimeoutMs?: number;
};

/** One JSON request with its retries. Throws ApiError, UnavailableError, or the signal's reason. */
export type Http = <S extends z.ZodMiniType>(request: HttpRequest<S>) => Promise<z.infer<S>>;

/** What a test replaces to make retries deterministic. */
export type HttpParts = {
  readonly fetch: typeof fetch;
  readonly uniform: () => number;
  readonly nowMs: () => number;
  readonly wait: (ms: number, signal: AbortSignal | undefined) => Promise<void>;
};

const REAL_PARTS: HttpParts = {
  fetch: (input, init) => fetch(input, init),
  uniform: Math.random,
  nowMs: Date.now,
  wait: (ms, signal) => wait(ms, undefined, { signal }),
};

/**
 * Requests to the server at `url`. Network errors, 429, 500, 502, 503, 504 and `conflict.retry` are repeated
 * with exponential backoff and full jitter; every other refusal is final. All POST routes are safe to repeat.
 */
export function createHttp(url: string, replaced: Partial<HttpParts> = {}): Http {
  const parts = { ...REAL_PARTS, ...replaced };
  const base = url.endsWith("/") ? url : `${url}/`;

  return async (request) => {
    const target = new URL(request.path.replace(/^\/+/, ""), base).href;
    const tries = request.tries ?? TRIES;
    for (let failures = 0; ; failures += 1) {
      let failure: unknown;
      let retryAfterMs = 0;
      try {
        const response = await send(parts, target, request);
        const text = await response.text();
        if (response.ok) return readAnswer(target, request.answer, text);
        failure = new ApiError(readProblem(response, text));
        retryAfterMs = readRetryAfterMs(response.headers.get("retry-after"), parts.nowMs());
      } catch (error) {
        request.signal?.throwIfAborted();
        // Only fetch's own errors mean that no answer came; anything else is a bug or a broken server.
        if (error instanceof AnswerError) throw error;
        failure = new UnavailableError(target, failures + 1, error);
      }
      if (failures + 1 >= tries || !isTransient(failure)) throw failure;
      await parts.wait(
        Math.max(retryAfterMs, jitteredDelayMs(BACKOFF, failures, parts.uniform)),
        request.signal,
      );
    }
  };
}

async function send(
  parts: HttpParts,
  target: string,
  request: HttpRequest<z.ZodMiniType>,
): Promise<Response> {
  const timeout = AbortSignal.timeout(request.tryTimeoutMs ?? TRY_TIMEOUT_MS);
  return await parts.fetch(target, {
    method: request.method,
    headers: {
      authorization: `Bearer ${request.bearer}`,
      "shim-protocol": PROTOCOL,
      ...(request.body === undefined ? {} : { "content-type": "application/json" }),
      ...request.headers,
    },
    signal: request.signal ? AbortSignal.any([request.signal, timeout]) : timeout,
    ...(request.body === undefined ? {} : { body: JSON.stringify(request.body) }),
  });
}

/** The server answered 2xx with something that is not its contract. */
class AnswerError extends Error {
  override readonly name = "AnswerError";
}

function readAnswer<S extends z.ZodMiniType>(target: string, schema: S, text: string): z.infer<S> {
  const parsed = schema.safeParse(parseJson(text));
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const where = issue ? `${issue.path.join(".") || "the whole"}: ${issue.message}` : "unknown";
  throw new AnswerError(
    `The answer of ${target} does not fit the contract (${where}). Is it a SHIM server of this version?`,
  );
}

function readProblem(response: Response, text: string): Problem {
  const parsed = Problem.safeParse(parseJson(text));
  if (parsed.success) return parsed.data;
  return {
    type: "about:blank",
    title: `The server answered ${response.status}`,
    status: response.status,
    code: `http.${response.status}`,
    detail: text.slice(0, 200) || "without a body",
    next: isTransientStatus(response.status)
      ? "Repeat the request."
      : "Check that the URL is a SHIM server's.",
  };
}

/** Seconds or an HTTP date, as milliseconds from now. */
function readRetryAfterMs(header: string | null, nowMs: number): number {
  if (header === null) return 0;
  const seconds = Number(header);
  const ms = Number.isFinite(seconds) ? seconds * 1000 : Date.parse(header) - nowMs;
  return Number.isFinite(ms) ? Math.min(Math.max(ms, 0), RETRY_AFTER_LIMIT_MS) : 0;
}
