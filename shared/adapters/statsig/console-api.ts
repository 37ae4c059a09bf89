import type { Clock } from "../../ports/ports.ts";

/** The Console API's only version. */
const API_VERSION = "20240601";
const REQUEST_TIMEOUT_MS = 5_000;
export const ATTEMPTS_LIMIT = 4;
/** Doubles with every attempt, up to half as much again at random. */
const BACKOFF_MS = 500;
/** The longest time that an answer may tell us to wait. Attempts that are refused count against the quota too. */
export const RETRY_AFTER_LIMIT_MS = 30_000;
/** Between two changes: about 100 in 10 s are allowed. */
export const CHANGE_PAUSE_MS = 100;

export type ConsoleAnswer =
  | { readonly kind: "answered"; readonly status: number; readonly body: unknown }
  | { readonly kind: "gave-up"; readonly reason: string };

export type ConsoleApi = {
  /** Never rejects. Retries what may pass; every other answer is the caller's, whatever its status. */
  call(method: string, path: string, body?: unknown): Promise<ConsoleAnswer>;
};

/** `Retry-After` in milliseconds: seconds, or a date. */
function retryAfterMs(header: string | null, nowMs: number): number | null {
  if (header === null || header.trim() === "") return null;
  const seconds = Number(header);
  const ms = Number.isNaN(seconds) ? Date.parse(header) - nowMs : seconds * 1_000;
  return Number.isNaN(ms) ? null : Math.max(0, ms);
}

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
};

export function createConsoleApi(options: {
  consoleKey: string;
  baseUrl: string;
  fetch: typeof fetch;
  clock: Clock;
  uniform: () => number;
}): ConsoleApi {
  const { consoleKey, baseUrl, fetch, clock, uniform } = options;
  let changedAtMs = -Infinity;

  const pace = async () => {
    const earlyMs = changedAtMs + CHANGE_PAUSE_MS - clock.nowMs();
    if (earlyMs > 0) await clock.wait(earlyMs);
    changedAtMs = clock.nowMs();
  };

  return {
    async call(method, path, body) {
      let reason: string;
      for (let attempt = 1; ; attempt++) {
        let delayMs = BACKOFF_MS * 2 ** (attempt - 1) * (1 + uniform() / 2);
        if (method !== "GET") await pace();
        try {
          const answer = await fetch(`${baseUrl}${path}`, {
            method,
            headers: {
              "STATSIG-API-KEY": consoleKey,
              "STATSIG-API-VERSION": API_VERSION,
              ...(body !== undefined && { "Content-Type": "application/json" }),
            },
            ...(body !== undefined && { body: JSON.stringify(body) }),
            signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
          });
          const text = await answer.text();
          const { status } = answer;
          if (status !== 429 && status < 500) return { kind: "answered", status, body: parsed(text) };
          reason = `status ${status}`;
          if (status === 429)
            delayMs = retryAfterMs(answer.headers.get("retry-after"), clock.nowMs()) ?? delayMs;
        } catch (error) {
          // Its name only: the message of a header that cannot be sent quotes the key.
          reason = error instanceof Error ? error.name : "unknown";
        }
        if (attempt === ATTEMPTS_LIMIT) return { kind: "gave-up", reason };
        if (delayMs > RETRY_AFTER_LIMIT_MS)
          return { kind: "gave-up", reason: `${reason}, for ${delayMs} ms` };
        await clock.wait(delayMs);
      }
    },
  };
}
