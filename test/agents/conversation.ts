import * as z from "zod/mini";

/** One request to a model, whichever API it came by: what the agent tells, and which tools it offers. */
export type Conversation = {
  readonly api: "anthropic" | "openai";
  readonly system: string;
  readonly turns: readonly Turn[];
  /** Names of the offered tools; none in a request that is not the agent's own work, as for a title. */
  readonly tools: readonly string[];
};

export type Turn = {
  readonly role: "user" | "assistant";
  readonly text: string;
  readonly calls: readonly { readonly id: string; readonly command: string }[];
  readonly results: readonly { readonly id: string; readonly text: string }[];
};

const Part = z.looseObject({
  type: z.optional(z.string()),
  text: z.optional(z.string()),
  id: z.optional(z.string()),
  name: z.optional(z.string()),
  input: z.optional(z.unknown()),
  tool_use_id: z.optional(z.string()),
  content: z.optional(z.unknown()),
});
const Content = z.union([z.string(), z.array(Part)]);
type Content = z.infer<typeof Content>;

const Messages = z.looseObject({
  system: z.optional(Content),
  messages: z.array(z.looseObject({ role: z.string(), content: Content })),
  tools: z.optional(z.array(z.looseObject({ name: z.optional(z.string()) }))),
});

const Item = z.looseObject({
  type: z.optional(z.string()),
  role: z.optional(z.string()),
  content: z.optional(Content),
  call_id: z.optional(z.string()),
  name: z.optional(z.string()),
  arguments: z.optional(z.string()),
  output: z.optional(z.unknown()),
});
const Responses = z.looseObject({
  instructions: z.optional(z.nullable(z.string())),
  input: z.union([z.string(), z.array(Item)]),
  tools: z.optional(z.array(z.looseObject({ name: z.optional(z.string()), type: z.optional(z.string()) }))),
});

/** Reads a body of Anthropic's Messages API. */
export function readMessages(body: unknown): Conversation {
  const { system = "", messages, tools = [] } = Messages.parse(body);
  return {
    api: "anthropic",
    system: textOf(system),
    tools: tools.flatMap(({ name }) => name ?? []),
    turns: messages.map(({ role, content }) => ({
      role: role === "assistant" ? "assistant" : "user",
      text: textOf(content),
      calls: partsOf(content, "tool_use").map(({ id = "", input }) => ({ id, command: commandOf(input) })),
      results: partsOf(content, "tool_result").map(({ tool_use_id: id = "", content: text }) => ({
        id,
        text: anyText(text),
      })),
    })),
  };
}

/** Reads a body of OpenAI's Responses API. */
export function readResponses(body: unknown): Conversation {
  const { instructions, input, tools = [] } = Responses.parse(body);
  const items = typeof input === "string" ? [{ role: "user", content: input }] : input;
  return {
    api: "openai",
    system: instructions ?? "",
    tools: tools.flatMap(({ name, type }) => name ?? type ?? []),
    turns: items.flatMap((item): Turn[] => {
      const none = { text: "", calls: [], results: [] };
      const id = item.call_id ?? "";
      if (item.type === "function_call")
        return [
          {
            ...none,
            role: "assistant",
            calls: [{ id, command: commandOf(parseJson(item.arguments ?? "{}")) }],
          },
        ];
      if (item.type === "function_call_output")
        return [{ ...none, role: "user", results: [{ id, text: anyText(item.output) }] }];
      if (item.content === undefined) return [];
      const role = item.role === "assistant" ? ("assistant" as const) : ("user" as const);
      return [{ ...none, role, text: textOf(item.content) }];
    }),
  };
}

function textOf(content: Content): string {
  if (typeof content === "string") return unescaped(content);
  return content.flatMap(({ text }) => (text === undefined ? [] : unescaped(text))).join("\n");
}

const ENTITIES = { "&lt;": "<", "&gt;": ">", "&quot;": '"', "&apos;": "'", "&amp;": "&" } as const;

/** Codex hands on what a hook said as XML, which a model reads as it is meant. */
function unescaped(text: string): string {
  if (!text.includes("<hook_prompt")) return text;
  return text
    .replaceAll(/<\/?hook_prompt[^>]*>/g, "")
    .replaceAll(/&(?:lt|gt|quot|apos|amp);/g, (entity) => ENTITIES[entity as keyof typeof ENTITIES]);
}

function partsOf(content: Content, type: string) {
  return typeof content === "string" ? [] : content.filter((part) => part.type === type);
}

function anyText(value: unknown): string {
  if (typeof value === "string") return value;
  const content = Content.safeParse(value).data;
  return content === undefined ? JSON.stringify(value ?? null) : textOf(content);
}

/** The command line of a shell tool's input, whichever agent's it is; of another tool, its input as JSON. */
function commandOf(input: unknown): string {
  const { data } = z
    .looseObject({
      command: z.optional(z.union([z.string(), z.array(z.string())])),
      cmd: z.optional(z.string()),
    })
    .safeParse(input);
  const command = data?.command ?? data?.cmd;
  if (command === undefined) return JSON.stringify(input ?? null);
  return typeof command === "string" ? command : (command.at(-1) ?? "");
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
