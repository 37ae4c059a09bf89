import type { CheckpointState } from "../../shared/contract/checkpoint.ts";
import { CHECKPOINT_BYTES_LIMIT } from "../../shared/contract/limits.ts";

/** Room for what a request has besides: the signals, the trigger. */
const STATE_BYTES_LIMIT = CHECKPOINT_BYTES_LIMIT - 256 * 1024;
const DEPTH_LIMIT = 20;
/** No request may have such a key, at any depth. */
const REFUSED_KEYS = new Set(["__proto__", "constructor", "prototype"]);

/** What can be left out of a state that is too large, what matters least first. Each says in `left` that it was. */
const STEPS: readonly ((state: CheckpointState) => CheckpointState)[] = [
  (state) => ({ ...state, preferences: {} }),
  (state) => ({ ...state, files: { ...state.files, diff: null, diffOmitted: "too_large" } }),
  (state) => ({ ...state, files: { ...state.files, fileHashes: {}, diffWithout: [], active: [] } }),
  (state) => ({ ...state, files: { ...state.files, untracked: [], modified: [], staged: [] } }),
  (state) => ({ ...state, conversation: { ...state.conversation, recent: [] } }),
  (state) => ({ ...state, tools: { ...state.tools, recent: [] } }),
];

/** Within what a request may carry, whatever was put into it. */
export function fitState(state: CheckpointState): CheckpointState {
  let fitting = state;
  for (const [index, shrink] of STEPS.entries()) {
    if (bytesOf(fitting) <= STATE_BYTES_LIMIT) return fitting;
    fitting = { ...shrink(fitting), left: index + 1 };
  }
  return bytesOf(fitting) <= STATE_BYTES_LIMIT ? fitting : { git: state.git, left: STEPS.length + 1 };
}

/** Any JSON, as far as a request may carry it; an empty object if it is too large, or no JSON. */
export function boundJson(value: Readonly<Record<string, unknown>>, limit: number): Record<string, unknown> {
  try {
    const text = JSON.stringify(value);
    if (text.length > limit || Buffer.byteLength(text) > limit) return {};
    return withoutRefused(JSON.parse(text), 0) as Record<string, unknown>;
  } catch {
    return {};
  }
}

function withoutRefused(value: unknown, depth: number): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (depth > DEPTH_LIMIT) return null;
  if (Array.isArray(value)) return value.map((entry) => withoutRefused(entry, depth + 1));
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key]) => !REFUSED_KEYS.has(key))
      .map(([key, entry]) => [key, withoutRefused(entry, depth + 1)]),
  );
}

const bytesOf = (state: CheckpointState) => Buffer.byteLength(JSON.stringify(state));
