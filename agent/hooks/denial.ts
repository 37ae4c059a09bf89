/** What a tool call is answered when nobody can say that it may run, in words that Claude Code and Codex both understand. */
export function denial(why: string): string {
  const permissionDecisionReason =
    `The supervisor of this session does not answer (${why}), so its task may be in other hands by now. ` +
    "Run no more tools, and publish nothing of this task. Say that you stopped, and end.";
  return JSON.stringify({
    hookSpecificOutput: { hookEventName: "PreToolUse", permissionDecision: "deny", permissionDecisionReason },
  });
}

/** Whether a payload is of a tool call that waits for an answer, also where it is cut short or no JSON. */
export function decidesToolCall(payload: string): boolean {
  return /"hook_event_name"\s*:\s*"PreToolUse"/.test(payload);
}
