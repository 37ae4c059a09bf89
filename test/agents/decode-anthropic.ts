import * as z from "zod/mini";
import { type Conversation, commandOf, textTurns, type ToolResult, turn, type Turn } from "./conversation.ts";

const Part = z.looseObject({
  type: z.string(),
  text: z.optional(z.string()),
  id: z.optional(z.string()),
  name: z.optional(z.string()),
  input: z.optional(z.unknown()),
  tool_use_id: z.optional(z.string()),
  content: z.optional(z.unknown()),
  is_error: z.optional(z.nullable(z.boolean())),
});
type Part = z.infer<typeof Part>;

const Request = z.looseObject({
  system: z.optional(z.unknown()),
  messages: z.optional(z.array(z.unknown())),
  tools: z.optional(z.array(z.unknown())),
});
const Message = z.looseObject({ role: z.string(), content: z.unknown() });
const Tool = z.looseObject({ name: z.string() });

/** A request for Anthropic's Messages. What is not understood is passed over. */
export function decodeAnthropic(body: unknown): Conversation {
  const { system, messages = [], tools = [] } = Request.safeParse(body).data ?? {};
  return {
    client: "anthropic",
    system: textOf(system),
    turns: messages.flatMap((message) => turnsOf(Message.safeParse(message).data)),
    tools: tools.flatMap((tool) => Tool.safeParse(tool).data?.name ?? []),
  };
}

function turnsOf(message: z.infer<typeof Message> | undefined): Turn[] {
  if (message === undefined) return [];
  const role = message.role === "user" || message.role === "assistant" ? message.role : "context";
  const parts = partsOf(message.content);
  const toolCalls = parts.flatMap(({ type, id, name, input }) =>
    type === "tool_use" && id !== undefined && name !== undefined
      ? [{ id, name, command: commandOf(input) }]
      : [],
  );
  const results = parts.flatMap(resultsOf);
  // Reminders come behind a tool's result too, as what a hook adds after a compaction does.
  const split = results.map((result) => ({ result, told: textTurns("user", result.text) }));
  const toolResults = split.map(({ result, told }) => ({
    ...result,
    text: told
      .filter((each) => each.role === "user")
      .map((each) => each.text)
      .join("\n"),
  }));
  const reminders = split.flatMap(({ told }) => told.filter((each) => each.role === "context"));
  const texts = parts.flatMap(({ type, text }) => (type === "text" ? textTurns(role, text ?? "") : []));
  const used = toolCalls.length + toolResults.length > 0 ? [turn(role, { toolCalls, toolResults })] : [];
  // Results come before what is said about them; a call after what announces it.
  return role === "assistant" ? [...texts, ...used] : [...used, ...reminders, ...texts];
}

function resultsOf({ type, tool_use_id: id, content, is_error: isError }: Part): ToolResult[] {
  if (type !== "tool_result" || id === undefined) return [];
  return [{ id, text: textOf(content), isError: isError === true }];
}

function partsOf(content: unknown): Part[] {
  if (typeof content === "string") return [{ type: "text", text: content }];
  return Array.isArray(content) ? content.flatMap((part) => Part.safeParse(part).data ?? []) : [];
}

function textOf(content: unknown): string {
  return partsOf(content)
    .flatMap(({ text }) => text ?? [])
    .join("\n");
}
