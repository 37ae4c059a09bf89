/**
 * What an agent was seen to do, whichever command line it is of: read from what it prints, and from its hooks. A fact may be
 * seen twice, once by either way; ids tell.
 */
export type AgentEvent =
  /** It said which session of its own this is. `source`: `startup`, `resume`, `compact`, `clear`. */
  | {
      readonly type: "session";
      readonly sessionId: string;
      readonly transcriptPath?: string;
      readonly model?: string;
      readonly source?: string;
    }
  | { readonly type: "prompt"; readonly text: string }
  | { readonly type: "message"; readonly role: "assistant" | "user"; readonly text: string }
  /** About to run. `summary` is one line that tells a person what: a command, a path. */
  | {
      readonly type: "tool_started";
      readonly id: string;
      readonly name: string;
      readonly summary: string;
      readonly input: unknown;
    }
  | {
      readonly type: "tool_ended";
      readonly id: string;
      readonly ok: boolean;
      readonly durationMs?: number;
    }
  /** Of one answer of the model, as it counted itself. `contextTokens`: what its context window then held. */
  | {
      readonly type: "usage";
      readonly messageId?: string;
      readonly inputTokens: number;
      readonly outputTokens: number;
      readonly contextTokens: number;
    }
  | { readonly type: "window"; readonly contextWindow: number }
  | { readonly type: "cost"; readonly totalUsd: number }
  /** The model refused, or did not answer: the agent waits and tries again. `status` null: no HTTP answer. */
  | { readonly type: "retry"; readonly status: number | null; readonly delayMs: number }
  | { readonly type: "compacting" }
  | { readonly type: "compacted" }
  | { readonly type: "awaiting_human"; readonly why: string }
  /** It has nothing more to do for now, with its last message. */
  | { readonly type: "turn_ended"; readonly text: string }
  /** Its last word, where it runs without a terminal. */
  | { readonly type: "result"; readonly ok: boolean; readonly text: string }
  | { readonly type: "ended"; readonly reason: string };
