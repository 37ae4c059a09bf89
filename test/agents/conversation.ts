/** What a model is asked, whichever API it is asked by. */
export type Conversation = {
  readonly client: "anthropic" | "openai";
  readonly system: string;
  readonly turns: readonly Turn[];
  /** Names of the tools that are offered. */
  readonly tools: readonly string[];
};

/**
 * `context` is what the agent tells its model besides its user: reminders, its environment, what hooks added. What a hook at an end
 * says is the user's.
 */
export type Turn = {
  readonly role: "user" | "assistant" | "context";
  readonly text: string;
  readonly toolCalls: readonly ToolCall[];
  readonly toolResults: readonly ToolResult[];
};

/** `command`: of a shell; another tool's input as JSON. */
export type ToolCall = { readonly id: string; readonly name: string; readonly command: string };
export type ToolResult = { readonly id: string; readonly text: string; readonly isError: boolean };

export function turn(role: Turn["role"], given: Partial<Omit<Turn, "role">>): Turn {
  return { role, text: "", toolCalls: [], toolResults: [], ...given };
}

/** A turn of a text, and one of the reminders in it. None of what is empty. */
export function textTurns(role: Turn["role"], given: string): Turn[] {
  const reminders: string[] = [];
  const text = given
    .replace(/<(system-reminder|environment_context)>([\s\S]*?)<\/\1>/g, (_whole, _tag, inside: string) => {
      reminders.push(inside.trim());
      return "";
    })
    .replace(/<hook_prompt\b[^>]*>([\s\S]*?)<\/hook_prompt>/g, (_whole, inside: string) => unescaped(inside))
    .replace(/^\s*Stop hook feedback:\n/, "")
    .trim();
  const context = reminders.join("\n\n").trim();
  return [
    ...(context === "" ? [] : [turn("context", { text: context })]),
    ...(text === "" ? [] : [turn(role, { text })]),
  ];
}

const ENTITIES: readonly (readonly [string, string])[] = [
  ["&lt;", "<"],
  ["&gt;", ">"],
  ["&quot;", '"'],
  ["&apos;", "'"],
  ["&amp;", "&"],
];

/** Codex puts what a hook says into XML. */
function unescaped(text: string): string {
  return ENTITIES.reduce((so, [entity, character]) => so.replaceAll(entity, character), text);
}

/** The command of a shell tool's input, whichever shell it is: a line, or the words of `bash -lc LINE`. */
export function commandOf(input: unknown): string {
  if (typeof input === "object" && input !== null) {
    const { command, cmd } = input as Readonly<Record<string, unknown>>;
    const line = command ?? cmd;
    if (typeof line === "string") return line;
    if (Array.isArray(line)) return line.length === 3 ? String(line[2]) : line.map(String).join(" ");
  }
  return toJson(input);
}

/** Nothing of what has no JSON. */
const toJson = (value: unknown) => (JSON.stringify(value) as string | undefined) ?? "";
