import { CommanderError } from "commander";
import { ApiError, UnavailableError, UsageError } from "./problem.ts";

/** What the shim command's exit codes mean; 69 and 77 are those of sysexits. */
export const EXIT_CODES = { ok: 0, failed: 1, usage: 2, unavailable: 69, notPermitted: 77 } as const;

export function exitCodeOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT_CODES.ok : EXIT_CODES.usage;
  if (error instanceof UsageError) return EXIT_CODES.usage;
  if (error instanceof UnavailableError) return EXIT_CODES.unavailable;
  if (!(error instanceof ApiError)) return EXIT_CODES.failed;
  const { status } = error.problem;
  if (status === 401 || status === 403) return EXIT_CODES.notPermitted;
  return status === 502 || status === 503 || status === 504 ? EXIT_CODES.unavailable : EXIT_CODES.failed;
}

/** An error for people, on several lines if the server said more. */
export function describeError(error: unknown): string {
  if (error instanceof ApiError) {
    const { title, detail, code, next, requestId } = error.problem;
    const request = requestId === undefined ? "" : `\n  request  ${requestId}`;
    return `${title}\n  why      ${detail}\n  code     ${code}\n  next     ${next}${request}`;
  }
  return error instanceof Error ? error.message : String(error);
}

/** An error for programs. */
export function errorObject(error: unknown): { readonly error: Record<string, unknown> } {
  if (error instanceof ApiError) return { error: { ...error.problem } };
  const code =
    error instanceof UnavailableError
      ? "server.unavailable"
      : error instanceof UsageError
        ? "usage"
        : "failed";
  return { error: { code, detail: error instanceof Error ? error.message : String(error) } };
}
