import * as z from "zod/mini";
import { type Conversation, commandOf, textTurns, turn, type Turn } from "./conversation.ts";

const Item = z.looseObject({
  type: z.optional(z.string()),
  role: z.optional(z.string()),
  content: z.optional(z.unknown()),
  name: z.optional(z.string()),
  arguments: z.optional(z.unknown()),
  call_id: z.optional(z.string()),
  output: z.optional(z.unknown()),
});
const Request = z.looseObject({
  instructions: z.optional(z.nullable(z.string())),
  input: z.optional(z.union([z.string(), z.array(z.unknown())])),
  tools: z.optional(z.array(z.unknown())),
});
const Text = z.looseObject({ text: z.string() });
const Tool = z.looseObject({ name: z.optional(z.string()), type: z.optional(z.string()) });

/** A request for OpenAI's Responses. What is not understood is passed over. */
export function decodeOpenAI(body: unknown): Conversation {
  const { instructions, input = [], tools = [] } = Request.safeParse(body).data ?? {};
  const items = typeof input === "string" ? [{ type: "message", role: "user", content: input }] : input;
  return {
    client: "openai",
    system: instructions ?? "",
    turns: items.flatMap((item) => turnsOf(Item.safeParse(item).data)),
    tools: tools.flatMap((tool) => {
      const { name, type } = Tool.safeParse(tool).data ?? {};
      return name ?? type ?? [];
    }),
  };
}

function turnsOf(item: z.infer<typeof Item> | undefined): Turn[] {
  const { type = "message", role, name = "", call_id: id } = item ?? {};
  if (type === "function_call" && id !== undefined)
    return [
      turn("assistant", { toolCalls: [{ id, name, command: commandOf(parsed(item?.["arguments"])) }] }),
    ];
  if (type === "function_call_output" && id !== undefined) {
    const text = textOf(item?.output);
    return [turn("user", { toolResults: [{ id, text, isError: failed(text) }] })];
  }
  if (type !== "message" || role === undefined) return [];
  const kind = role === "user" || role === "assistant" ? role : "context";
  return partsOf(item?.content).flatMap((text) => textTurns(kind, text));
}

/** Codex tells in words how a command ended. One that still runs has not failed. */
function failed(text: string): boolean {
  return !/Process exited with code 0\b|Process running with session/.test(text);
}

function parsed(given: unknown): unknown {
  if (typeof given !== "string") return given;
  try {
    return JSON.parse(given);
  } catch {
    return given;
  }
}

function partsOf(content: unknown): string[] {
  if (typeof content === "string") return [content];
  return Array.isArray(content) ? content.flatMap((part) => Text.safeParse(part).data?.text ?? []) : [];
}

const textOf = (content: unknown): string => partsOf(content).join("\n");
