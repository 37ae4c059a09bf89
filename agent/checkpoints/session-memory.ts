import type { AgentEvent } from "../adapters/agent-event.ts";
import { filesOf } from "./active-files.ts";
import { keepClean, latest, oneLine } from "./bounded-text.ts";
import { type Todo, readTodos } from "./todo-list.ts";

/** Prompts that are kept: the first, which says what all is about, and the latest. */
export const PROMPTS_LIMIT = 8;
export const PROMPT_CHARACTERS_LIMIT = 8_000;
export const MESSAGES_LIMIT = 20;
export const MESSAGE_CHARACTERS_LIMIT = 2_000;
/** Finished tool calls, and those without an outcome: an unknown outcome is never pushed out by finished calls. */
export const CALLS_LIMIT = 50;
export const PENDING_CALLS_LIMIT = 50;
export const SUMMARY_CHARACTERS_LIMIT = 500;
export const ACTIVE_FILES_LIMIT = 50;
const NAME_CHARACTERS_LIMIT = 200;

export type RememberedMessage = {
  readonly role: "assistant" | "user";
  readonly text: string;
  readonly at: number;
};

/** `unknown`: it has begun, and nobody said how it ended. Times are of this machine's clock, in milliseconds. */
export type RememberedCall = {
  readonly id: string;
  readonly name: string;
  readonly summary: string;
  readonly startedAt: number;
  readonly endedAt: number | null;
  readonly outcome: "ok" | "failed" | "unknown";
};

/** What is known of an agent's session from its events, all of it bounded, and without secrets. */
export type SessionMemory = {
  readonly own: {
    readonly sessionId: string | null;
    readonly transcriptPath: string | null;
    readonly model: string | null;
  };
  readonly prompts: readonly string[];
  readonly messages: readonly RememberedMessage[];
  /** In the order in which they began. */
  readonly calls: readonly RememberedCall[];
  readonly todos: readonly Todo[];
  /** Files that tool calls named, the latest last, as they named them. */
  readonly activeFiles: readonly string[];
  readonly counts: {
    readonly messages: number;
    readonly toolCalls: number;
    readonly failedCalls: number;
    readonly turns: number;
    readonly compactions: number;
  };
  /** What it waits for, until it is seen to go on. */
  readonly waiting: { readonly for: "human" | "model"; readonly why: string } | null;
  /** Its last word of the last turn that ended. */
  readonly lastWord: string | null;
  /** Why its session ended, as it said. */
  readonly ended: string | null;
};

/** Of a session of which nothing has been seen. */
export const NO_MEMORY: SessionMemory = {
  own: { sessionId: null, transcriptPath: null, model: null },
  prompts: [],
  messages: [],
  calls: [],
  todos: [],
  activeFiles: [],
  counts: { messages: 0, toolCalls: 0, failedCalls: 0, turns: 0, compactions: 0 },
  waiting: null,
  lastWord: null,
  ended: null,
};

/**
 * The memory after an event, which may be seen twice, once on each way: nothing is counted or kept twice, and a call's
 * first outcome stays. `at` is when it was seen, in milliseconds.
 */
export function remember(memory: SessionMemory, event: AgentEvent, at: number): SessionMemory {
  switch (event.type) {
    case "session":
      return {
        ...memory,
        own: {
          sessionId: event.sessionId,
          transcriptPath:
            event.transcriptPath ?? sameSession(memory, event.sessionId)?.transcriptPath ?? null,
          model: event.model ?? memory.own.model,
        },
        ended: null,
      };
    case "prompt":
      return addPrompt(memory, event.text, at);
    case "message":
      return addMessage({ ...memory, waiting: null }, event.role, event.text, at);
    case "tool_started":
      return startCall(memory, event, at);
    case "tool_ended":
      return endCall(memory, event, at);
    case "retry": {
      const why = event.status === null ? "the model does not answer" : `the model answers ${event.status}`;
      return { ...memory, waiting: { for: "model", why } };
    }
    case "awaiting_human":
      return {
        ...memory,
        waiting: { for: "human", why: oneLine(event.why, SUMMARY_CHARACTERS_LIMIT) },
      };
    case "compacted":
      return { ...memory, counts: { ...memory.counts, compactions: memory.counts.compactions + 1 } };
    case "turn_ended":
    case "result":
      return endTurn(memory, event.text, at);
    case "ended":
      return { ...memory, ended: oneLine(event.reason, SUMMARY_CHARACTERS_LIMIT) };
    case "compacting":
    case "usage":
    case "window":
    case "cost":
      return memory;
  }
}

/** Calls of which nobody said how they ended. */
export function pendingCalls({ calls }: SessionMemory): readonly RememberedCall[] {
  return calls.filter(({ outcome }) => outcome === "unknown");
}

function sameSession({ own }: SessionMemory, sessionId: string): SessionMemory["own"] | null {
  return own.sessionId === sessionId ? own : null;
}

function addPrompt(memory: SessionMemory, text: string, at: number): SessionMemory {
  const prompt = keepClean(text, PROMPT_CHARACTERS_LIMIT);
  if (prompt === "") return memory;
  const seen = memory.messages.at(-1);
  const before = addMessage({ ...memory, waiting: null, ended: null }, "user", text, at);
  // The hook and the transcript both tell of it: the second time, nothing has come between.
  if (before.prompts.at(-1) === prompt && before.messages.at(-1) === seen) return before;
  const [first, ...others] = before.prompts;
  return {
    ...before,
    prompts: first === undefined ? [prompt] : [first, ...latest([...others, prompt], PROMPTS_LIMIT - 1)],
  };
}

function addMessage(memory: SessionMemory, role: "assistant" | "user", given: string, at: number) {
  const text = keepClean(given, MESSAGE_CHARACTERS_LIMIT);
  const last = memory.messages.at(-1);
  if (text === "" || (last?.role === role && last.text === text)) return memory;
  return {
    ...memory,
    messages: latest([...memory.messages, { role, text, at }], MESSAGES_LIMIT),
    counts: { ...memory.counts, messages: memory.counts.messages + 1 },
  };
}

function startCall(
  memory: SessionMemory,
  event: Extract<AgentEvent, { type: "tool_started" }>,
  at: number,
): SessionMemory {
  if (memory.calls.some(({ id }) => id === event.id)) return memory;
  const call: RememberedCall = {
    id: event.id,
    name: oneLine(event.name, NAME_CHARACTERS_LIMIT),
    summary: oneLine(event.summary, SUMMARY_CHARACTERS_LIMIT),
    startedAt: at,
    endedAt: null,
    outcome: "unknown",
  };
  const files = filesOf(event.input);
  const others = memory.activeFiles.filter((file) => !files.includes(file));
  return {
    ...memory,
    waiting: null,
    calls: boundCalls([...memory.calls, call]),
    todos: readTodos(memory.todos, event.name, event.input) ?? memory.todos,
    activeFiles: latest([...others, ...files], ACTIVE_FILES_LIMIT),
    counts: { ...memory.counts, toolCalls: memory.counts.toolCalls + 1 },
  };
}

function endCall(
  memory: SessionMemory,
  { id, ok }: Extract<AgentEvent, { type: "tool_ended" }>,
  at: number,
): SessionMemory {
  // Of a call that nobody saw begin, there is nothing to tell.
  if (!memory.calls.some((call) => call.id === id && call.outcome === "unknown")) return memory;
  const outcome = ok ? ("ok" as const) : ("failed" as const);
  const calls = memory.calls.map((call) => (call.id === id ? { ...call, endedAt: at, outcome } : call));
  const failedCalls = memory.counts.failedCalls + (ok ? 0 : 1);
  return { ...memory, waiting: null, calls: boundCalls(calls), counts: { ...memory.counts, failedCalls } };
}

function boundCalls(calls: readonly RememberedCall[]): readonly RememberedCall[] {
  const pending = latest(
    calls.filter(({ outcome }) => outcome === "unknown"),
    PENDING_CALLS_LIMIT,
  );
  const finished = latest(
    calls.filter(({ outcome }) => outcome !== "unknown"),
    CALLS_LIMIT,
  );
  if (pending.length + finished.length === calls.length) return calls;
  const kept = new Set([...pending, ...finished]);
  return calls.filter((call) => kept.has(call));
}

/** A turn's end and the last line in headless mode say the same text: the second is no second turn. */
function endTurn(memory: SessionMemory, text: string, at: number): SessionMemory {
  const before = addMessage(memory, "assistant", text, at);
  const lastWord = keepClean(text, MESSAGE_CHARACTERS_LIMIT);
  const again = before.messages === memory.messages && memory.lastWord === lastWord;
  const turns = memory.counts.turns + (again ? 0 : 1);
  return { ...before, lastWord, counts: { ...before.counts, turns } };
}
