import type { Problem } from "../shared/contract/problem.ts";

/** The server refused a request, or failed at it, and said why. */
export class ApiError extends Error {
  override readonly name = "ApiError";
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(`${problem.title}: ${problem.detail} (${problem.code}) ${problem.next}`);
    this.problem = problem;
  }
}

/** No answer came, after all tries. */
export class UnavailableError extends Error {
  override readonly name = "UnavailableError";

  constructor(url: string, tries: number, cause: unknown) {
    super(
      `No answer from ${url} after ${tries} ${tries === 1 ? "try" : "tries"} (${reasonOf(cause)}). Check the URL and that the server runs.`,
      { cause },
    );
  }
}

/** The command line was used wrongly: exit code 2. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** The stable code of a refusal, or null if `error` is none. */
export function codeOf(error: unknown): string | null {
  return error instanceof ApiError ? error.problem.code : null;
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Whether repeating the same request later may succeed. */
export function isTransient(error: unknown): boolean {
  if (error instanceof UnavailableError) return true;
  if (!(error instanceof ApiError)) return false;
  return isTransientStatus(error.problem.status) || error.problem.code === "conflict.retry";
}

export function isTransientStatus(status: number): boolean {
  return status === 429 || status === 500 || status === 502 || status === 503 || status === 504;
}

function reasonOf(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  // fetch hides the useful part ("connect ECONNREFUSED ...") one level down.
  return cause.cause instanceof Error ? cause.cause.message || cause.message : cause.message;
}
