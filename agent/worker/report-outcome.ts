import { setTimeout as wait } from "node:timers/promises";
import type { HeldTask } from "../../shared/contract/session.ts";
import { jitteredDelayMs } from "../backoff.ts";
import { ApiError, codeOf, isTransient, messageOf } from "../problem.ts";
import type { AgentApi, TaskReport } from "./agent-api.ts";
import { monotonicMs } from "./monotonic.ts";

/** What became of an attempt's outcome. Dropped: it counts nowhere, and nothing of it may be published. */
export type Reported =
  /** `report` is what was accepted: of a result that is refused, the failure that says so. */
  | { readonly kind: "accepted"; readonly report: TaskReport; readonly next: HeldTask | null }
  | {
      readonly kind: "dropped";
      readonly why: string;
      /** Whether the task is known to have left this session. Otherwise only a new start of the session sheds it. */
      readonly settled: boolean;
    };

/** How long an outcome is worth repeating: past this, the task was long given to another session. */
const REPORT_LIMIT_MS = 120_000;
const BACKOFF = { baseMs: 250, capMs: 5_000 };
const SETTLED: ReadonlySet<string> = new Set([
  "lease.stale",
  "task.cancelled",
  "task.finished",
  "task.not_found",
]);

export type OutcomeReport = {
  readonly taskId: string;
  readonly report: TaskReport;
  /** Asked for each try, because a heartbeat may have renewed it. */
  readonly token: () => string;
  /** Raised when the session is over. */
  readonly signal: AbortSignal;
  /** Hears of the first try that got no answer. */
  readonly onRetry: (why: string) => void;
};

/**
 * Tells the server how a task ended, through outages, with the same fence and body each time. Never throws on a
 * refusal.
 */
export async function reportOutcome(api: AgentApi, outcome: OutcomeReport): Promise<Reported> {
  const { taskId, report, token, signal } = outcome;
  const untilMs = monotonicMs() + REPORT_LIMIT_MS;
  for (let failures = 0; ; failures += 1) {
    try {
      return { kind: "accepted", report, next: await api.report(taskId, token(), report, signal) };
    } catch (error) {
      if (signal.aborted) return { kind: "dropped", why: String(signal.reason), settled: false };
      const repeatable = isTransient(error) || codeOf(error) === "auth.expired";
      if (!repeatable && report.route === "complete" && isBadBody(error)) {
        return await reportOutcome(api, { ...outcome, report: asFailure(report.body.fence, error) });
      }
      if (!repeatable || monotonicMs() > untilMs) {
        const why = codeOf(error) ?? messageOf(error);
        return { kind: "dropped", why, settled: SETTLED.has(why) };
      }
      if (failures === 0) outcome.onRetry(messageOf(error));
    }
    // An aborted wait is seen by the next try.
    await wait(100 + jitteredDelayMs(BACKOFF, failures, Math.random), undefined, { signal }).catch(
      () => undefined,
    );
  }
}

/** The result itself is refused: then the task has failed, and saying so beats leaving it to time out. */
function isBadBody(error: unknown): error is ApiError {
  return error instanceof ApiError && [400, 413, 422].includes(error.problem.status);
}

function asFailure(fence: number, error: ApiError): TaskReport {
  const message = `The result was refused: ${error.problem.title}. ${error.problem.detail}`.slice(0, 2_000);
  return { route: "fail", body: { fence, error: { message, code: error.problem.code }, retryable: false } };
}
