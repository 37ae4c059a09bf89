import type { ToolCall } from "../contract/checkpoint.ts";
import { BRIEF_TOKENS_DEFAULT } from "../contract/limits.ts";
import type { JournalCall } from "../contract/records.ts";
import { shortened } from "../contract/tool-summary.ts";
import { readState } from "./read-state.ts";

/** Characters of English that a token takes, at least: an estimate, as no model's own count is at hand. */
const CHARACTERS_PER_TOKEN = 4;
/** Characters of one step, and steps of each kind: the latest of what was done, the first of what is next. */
const STEP_CHARACTERS = 300;
const STEPS_LIMIT = 15;

/** What is known of a session's work when its agent forgets most of its conversation. */
export type Account = {
  /** Of each task that it holds, what it is asked. */
  readonly tasks: readonly { readonly id: string; readonly fence: number; readonly prompt: string }[];
  /** Of its last checkpoint. */
  readonly state: unknown;
  readonly calls: readonly JournalCall[];
};

/** The parts of a state that stay true while the agent works on; null if it has none. */
export function lastingPart(state: unknown): object | null {
  const { conversation, task, agent, preferences } = readState(state);
  const parts = { conversation, task, agent, preferences };
  return Object.values(parts).some((part) => part !== undefined) ? parts : null;
}

/** What a checkpoint keeps of a journal. */
export function toolsOf(calls: readonly JournalCall[]): { recent: ToolCall[]; pending: ToolCall[] } {
  const views = calls.map(({ id, name, summary, startedAtMs, endedAtMs, outcome }): ToolCall => ({
    ...{ id, name, summary, outcome, startedAt: new Date(startedAtMs).toISOString() },
    endedAt: endedAtMs === null ? null : new Date(endedAtMs).toISOString(),
  }));
  return {
    recent: views.filter(({ outcome }) => outcome !== "unknown"),
    pending: views.filter(({ outcome }) => outcome === "unknown"),
  };
}

/**
 * What an agent is told after its conversation was compacted: what it is at, what it has done, what is next; so that it repeats
 * nothing. Null if nothing is known. What it must not forget comes first, because the rest is cut where it is too long.
 */
export function accountOf({ tasks, state, calls }: Account): string | null {
  const { task, conversation } = readState(state);
  const { recent, pending } = toolsOf(calls);
  const called = (those: readonly ToolCall[]) => those.map(({ name, summary }) => `${name}: ${summary}`);
  const failed = recent.filter(({ outcome }) => outcome === "failed");
  const sections = [
    section("Tasks that you hold", tasks.map(toldTask)),
    section("Done, do not repeat", latest(task?.done)),
    section("Next", (task?.next ?? []).slice(0, STEPS_LIMIT)),
    section("Blocked by", latest(task?.blockers)),
    section("Decided", latest(conversation?.decisions)),
    section(
      "Tool calls that may have run wholly, in part or not at all; look before you repeat them",
      called(pending),
    ),
    section("Tool calls that failed", called(failed)),
    section("Tool calls that ran to their end", called(recent.filter((call) => !failed.includes(call)))),
  ].flatMap((lines) => lines ?? []);
  if (sections.length === 0) return null;
  const text = [
    "SHIM: your conversation was compacted. This is what is known of your work.",
    ...sections,
  ].join("\n");
  return shortened(text, BRIEF_TOKENS_DEFAULT * CHARACTERS_PER_TOKEN);
}

function toldTask({ id, fence, prompt }: Account["tasks"][number]): string {
  return `${id} (fence ${fence}): ${prompt}`;
}

const latest = (steps: readonly string[] | undefined) => (steps ?? []).slice(-STEPS_LIMIT);

function section(title: string, steps: readonly string[]): string[] | null {
  if (steps.length === 0) return null;
  const lines = steps.map((step) => `- ${shortened(step.replace(/\s+/g, " ").trim(), STEP_CHARACTERS)}`);
  return ["", `${title}:`, ...lines];
}
