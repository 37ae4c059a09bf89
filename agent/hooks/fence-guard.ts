/** What a supervisor knows, at the moment when an agent asks whether it may use a tool. Times are monotonic milliseconds. */
export type FenceFacts = {
  readonly nowMs: number;
  /** When the last beat that was acknowledged was sent. */
  readonly lastBeatMs: number;
  /** Until when the lease holds: 80% of the timeout after that. */
  readonly leaseUntilMs: number;
  /** How long a beat counts as fresh: so long there is no doubt. */
  readonly freshForMs: number;
  /** Why this start of the session is over; null while it is not. */
  readonly over: string | null;
  /** The task that the agent works on, and why it is not its any more. Null without a task, or as long as it is. */
  readonly taskLost: string | null;
};

/** What to do while the control plane does not answer and the lease still holds. */
export type WhenOffline = "open" | "closed";

export type FenceVerdict = { readonly allowed: true } | { readonly allowed: false; readonly reason: string };

const ALLOWED: FenceVerdict = { allowed: true };

/**
 * Whether a tool call may run. It is answered here, without a request, because a beat that was acknowledged a moment ago proves as
 * much as another request would. Past its lease an agent is never allowed: another may have its task.
 */
export function decideToolCall(facts: FenceFacts, whenOffline: WhenOffline): FenceVerdict {
  const { nowMs, lastBeatMs, leaseUntilMs, freshForMs, over, taskLost } = facts;
  if (over !== null)
    return deny(`This session was replaced or stopped (${over}); its work is in other hands now.`);
  if (taskLost !== null) return deny(`The task is not this session's any more (${taskLost}).`);
  if (nowMs >= leaseUntilMs)
    return deny(
      `The lease of this session has expired: no heartbeat was acknowledged for ${seconds(nowMs - lastBeatMs)}, so its task may be in other hands.`,
    );
  if (whenOffline === "closed" && nowMs - lastBeatMs > freshForMs)
    return deny(
      `The control plane has not answered for ${seconds(nowMs - lastBeatMs)}, and this fleet works only while it does. Wait a little and try again.`,
    );
  return ALLOWED;
}

function deny(what: string): FenceVerdict {
  const retry = what.endsWith("try again.");
  return {
    allowed: false,
    reason: retry
      ? what
      : `${what} Do not run this tool, nor any other, and publish nothing of the task: say that you stopped, and end.`,
  };
}

const seconds = (ms: number) => `${(ms / 1_000).toFixed(1)} s`;
