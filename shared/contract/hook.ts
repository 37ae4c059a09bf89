import * as z from "zod/mini";

/** Agents whose hooks `POST /v1/hooks/{client}` takes: both send the same words. */
export const HookClient = z.enum(["claude-code", "codex"]);
export type HookClient = z.infer<typeof HookClient>;

/** What is not as it is known to be counts as not said. */
const text = z.catch(z.optional(z.string()), undefined);
const flag = z.catch(z.optional(z.boolean()), undefined);

/**
 * A native hook, as Claude Code and Codex send it. Read tolerantly: versions add fields and events, and none of them may hold an
 * agent up. What is not named here is not read.
 */
export const HookPayload = z.object({
  hook_event_name: z.string(),
  tool_name: text,
  tool_input: z.optional(z.unknown()),
  tool_response: z.optional(z.unknown()),
  tool_use_id: text,
  stop_hook_active: flag,
  source: text,
});
export type HookPayload = z.infer<typeof HookPayload>;

/** What the agent is answered, in its own words; `{}` lets it go on. */
export const HookAnswer = z.looseObject({});
export type HookAnswer = Readonly<Record<string, unknown>>;
