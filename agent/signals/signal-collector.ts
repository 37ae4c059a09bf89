import type { AgentEvent } from "../adapters/agent-event.ts";

/** What a session says of its health. A value that is not known is left out, never guessed. Durations are milliseconds. */
export type SessionSignals = {
  /** What its context window held after the model's last answer, and of how much. */
  readonly contextTokens?: number;
  readonly contextWindow?: number;
  /** Of 1. */
  readonly contextUsed?: number;
  readonly contextRemaining?: number;
  readonly totalTokens?: number;
  readonly tokensPerMessage?: number;
  readonly costUsd?: number;
  readonly messages: number;
  readonly messagesPerMinute: number;
  readonly toolCalls: number;
  readonly toolCallsSinceCheckpoint: number;
  /** Of 1, of the last calls that ended. */
  readonly toolFailureRate?: number;
  readonly consecutiveToolFailures: number;
  readonly durationMs: number;
  /** From a prompt or a tool's end to the model's answer: the mean of the last answers, and by how much it rises, of 1. */
  readonly latencyMs?: number;
  readonly latencyTrend?: number;
  readonly sinceResponseMs?: number;
  /** Refusals of the model in a row. */
  readonly retries: number;
};

/** Reads signals from what the agent does. Times are milliseconds of one clock, and no call brings an earlier one. */
export type SignalCollector = {
  hear(event: AgentEvent, atMs: number): void;
  checkpointed(): void;
  read(nowMs: number): SessionSignals;
};

/** Tool calls of which the failure rate is, as in the first SHIM. */
const FAILURES_WINDOW = 50;
/** Answers of which the latency is; the trend compares the later half with the earlier. */
const LATENCY_WINDOW = 20;
const MINUTE_MS = 60_000;

export function createSignalCollector(startedAtMs: number): SignalCollector {
  let contextTokens: number | undefined;
  let contextWindow: number | undefined;
  let costUsd: number | undefined;
  let totalTokens: number | undefined;
  let messages = 0;
  let toolCalls = 0;
  let sinceCheckpoint = 0;
  let consecutiveFailures = 0;
  let retries = 0;
  let askedAtMs: number | null = startedAtMs;
  let answeredAtMs: number | null = null;
  const begun = new Set<string>();
  const ended = new Set<string>();
  const counted = new Set<string>();
  const outcomes: boolean[] = [];
  const latencies: number[] = [];

  function answered(atMs: number): void {
    retries = 0;
    answeredAtMs = atMs;
    // Of an answer in several parts the first counts.
    if (askedAtMs !== null) keepLast(latencies, atMs - askedAtMs, LATENCY_WINDOW);
    askedAtMs = null;
  }

  function hear(event: AgentEvent, atMs: number): void {
    switch (event.type) {
      case "prompt":
        messages += 1;
        askedAtMs ??= atMs;
        return;
      case "message":
        messages += 1;
        if (event.role === "assistant") answered(atMs);
        return;
      case "tool_started":
        answered(atMs);
        if (!remembers(begun, event.id)) return;
        toolCalls += 1;
        sinceCheckpoint += 1;
        return;
      case "tool_ended":
        askedAtMs = atMs;
        if (!remembers(ended, event.id)) return;
        keepLast(outcomes, event.ok, FAILURES_WINDOW);
        consecutiveFailures = event.ok ? 0 : consecutiveFailures + 1;
        return;
      case "usage":
        contextTokens = event.contextTokens;
        // The same answer is told in parts, and again by the transcript.
        if (event.messageId !== undefined && !remembers(counted, event.messageId)) return;
        totalTokens = (totalTokens ?? 0) + event.inputTokens + event.outputTokens;
        return;
      case "window":
        contextWindow = event.contextWindow;
        return;
      case "cost":
        costUsd = event.totalUsd;
        return;
      case "retry":
        retries += 1;
        return;
      case "compacted":
        // What is left is told by the next answer.
        contextTokens = undefined;
        return;
      case "session":
      case "compacting":
      case "awaiting_human":
      case "turn_ended":
      case "result":
      case "ended":
    }
  }

  return {
    hear,
    checkpointed: () => {
      sinceCheckpoint = 0;
    },
    read(nowMs) {
      const durationMs = nowMs - startedAtMs;
      const used =
        contextTokens === undefined || !contextWindow
          ? undefined
          : Math.min(1, contextTokens / contextWindow);
      return {
        ...known({
          contextTokens,
          contextWindow,
          contextUsed: used === undefined ? undefined : rounded(used),
          contextRemaining:
            used === undefined || contextWindow === undefined || contextTokens === undefined
              ? undefined
              : Math.max(0, contextWindow - contextTokens),
          totalTokens,
          tokensPerMessage:
            totalTokens === undefined || messages === 0 ? undefined : Math.round(totalTokens / messages),
          costUsd,
          toolFailureRate:
            outcomes.length === 0
              ? undefined
              : rounded(outcomes.filter((ok) => !ok).length / outcomes.length),
          latencyMs: latencies.length === 0 ? undefined : Math.round(mean(latencies)),
          latencyTrend: trendOf(latencies),
          sinceResponseMs: answeredAtMs === null ? undefined : nowMs - answeredAtMs,
        }),
        messages,
        messagesPerMinute: rounded(messages / Math.max(1, durationMs / MINUTE_MS)),
        toolCalls,
        toolCallsSinceCheckpoint: sinceCheckpoint,
        consecutiveToolFailures: consecutiveFailures,
        durationMs,
        retries,
      };
    },
  };
}

/** Ids that were seen, of which the oldest are forgotten: a fact may be told twice, but not hours later. */
const SEEN_LIMIT = 1_000;

/** Whether this is the first time. */
function remembers(seen: Set<string>, id: string): boolean {
  if (seen.has(id)) return false;
  seen.add(id);
  const [oldest] = seen;
  if (seen.size > SEEN_LIMIT && oldest !== undefined) seen.delete(oldest);
  return true;
}

function keepLast<T>(values: T[], value: T, limit: number): void {
  values.push(value);
  if (values.length > limit) values.shift();
}

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
const rounded = (value: number) => Math.round(value * 1_000) / 1_000;

/** By how much the later half's mean is above the earlier half's, as a share of it. Too few values say nothing. */
function trendOf(values: readonly number[]): number | undefined {
  const half = Math.floor(values.length / 2);
  if (half < 3) return undefined;
  const before = mean(values.slice(0, half));
  return before === 0 ? undefined : rounded(mean(values.slice(-half)) / before - 1);
}

function known<T extends Record<string, number | undefined>>(values: T): { [K in keyof T]?: number } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: number;
  };
}
