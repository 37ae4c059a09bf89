import fc from "fast-check";
import { expect, onTestFinished, test } from "vitest";
import { decodeAnthropic } from "../agents/decode-anthropic.ts";
import { decodeOpenAI } from "../agents/decode-openai.ts";
import { type Script, type ScriptedModel, startScriptedModel } from "../agents/scripted-model.ts";

const PROMPT = "Task t1 (test):\nSTEP one: a && b > c";

const EXITED = "Process exited with code 0\nOutput:\nf";
const BLOCKED = "Command blocked by PreToolUse hook: no.";

test("Claude Code's request is read: its reminders apart from the prompt, results before what is said of them", () => {
  const conversation = decodeAnthropic({
    system: [
      { type: "text", text: "You are" },
      { type: "text", text: "an agent." },
    ],
    messages: [
      {
        role: "user",
        content: [
          { type: "text", text: "<system-reminder>\nToday is a day.\n</system-reminder>\n\n" },
          { type: "text", text: PROMPT },
        ],
      },
      { role: "system", content: "SessionStart hook additional context: BRIEF" },
      {
        role: "assistant",
        content: [
          { type: "thinking", thinking: "hm" },
          { type: "text", text: "Running." },
          { type: "tool_use", id: "t_1", name: "Bash", input: { command: "ls", description: "list" } },
        ],
      },
      {
        role: "user",
        content: [
          { type: "text", text: "Stop hook feedback:\nTask t2 (test):\nSTEP two: d" },
          {
            type: "tool_result",
            tool_use_id: "t_1",
            content: [{ type: "text", text: "no" }],
            is_error: true,
          },
        ],
      },
    ],
    tools: [{ name: "Bash" }, { name: "mcp__shim__tasks" }],
  });
  expect(conversation).toEqual({
    client: "anthropic",
    system: "You are\nan agent.",
    tools: ["Bash", "mcp__shim__tasks"],
    turns: [
      said("context", "Today is a day."),
      said("user", PROMPT),
      said("context", "SessionStart hook additional context: BRIEF"),
      said("assistant", "Running."),
      { ...said("assistant", ""), toolCalls: [{ id: "t_1", name: "Bash", command: "ls" }] },
      { ...said("user", ""), toolResults: [{ id: "t_1", text: "no", isError: true }] },
      said("user", "Task t2 (test):\nSTEP two: d"),
    ],
  });
});

test("Codex' request is read: its environment apart, a hook's prompt without its wrapping, every kind of shell", () => {
  const message = (role: string, text: string) => ({
    ...{ type: "message", role },
    content: [{ type: role === "assistant" ? "output_text" : "input_text", text }],
  });
  const call = (id: string, name: string, input: object) => ({
    ...{ type: "function_call", call_id: id, name },
    arguments: JSON.stringify(input),
  });
  const { turns, tools } = decodeOpenAI({
    input: [
      message("developer", "You are Codex."),
      message("user", "<environment_context>\n  <cwd>/w</cwd>\n</environment_context>"),
      message("user", PROMPT),
      call("c1", "exec_command", { cmd: "ls" }),
      call("c2", "shell", { command: ["bash", "-lc", "pwd"] }),
      { type: "function_call_output", call_id: "c1", output: EXITED },
      { type: "function_call_output", call_id: "c2", output: BLOCKED },
      { type: "reasoning", summary: [] },
      message(
        "user",
        '<hook_prompt hook_run_id="stop:2:/&lt;x&gt;">STEP two: a &amp;&amp; b &gt; c</hook_prompt>',
      ),
    ],
    tools: [{ type: "function", name: "exec_command" }, { type: "web_search" }],
  });
  expect(tools).toEqual(["exec_command", "web_search"]);
  expect(turns).toEqual([
    said("context", "You are Codex."),
    said("context", "<cwd>/w</cwd>"),
    said("user", PROMPT),
    { ...said("assistant", ""), toolCalls: [{ id: "c1", name: "exec_command", command: "ls" }] },
    { ...said("assistant", ""), toolCalls: [{ id: "c2", name: "shell", command: "pwd" }] },
    { ...said("user", ""), toolResults: [{ id: "c1", text: EXITED, isError: false }] },
    { ...said("user", ""), toolResults: [{ id: "c2", text: BLOCKED, isError: true }] },
    said("user", "STEP two: a && b > c"),
  ]);
});

test("whatever arrives, decoding never throws", () => {
  const anything = fc.anything({ maxDepth: 5 });
  const part = fc.record(
    {
      type: fc.constantFrom(
        "text",
        "tool_use",
        "tool_result",
        "message",
        "function_call",
        "function_call_output",
      ),
      ...{ role: fc.constantFrom("user", "assistant", "developer"), text: anything, content: anything },
      ...{ id: anything, name: anything, input: anything, arguments: anything, call_id: anything },
      ...{ tool_use_id: anything, output: anything, is_error: anything },
    },
    { requiredKeys: [] },
  );
  const message = fc.record({ role: fc.string(), content: fc.oneof(anything, fc.array(part)) });
  const list = fc.oneof(anything, fc.array(fc.oneof(message, part, anything)));
  const body = fc.oneof(anything, fc.record({ messages: list, input: list, tools: list, system: anything }));
  fc.assert(
    fc.property(body, (given) => {
      decodeAnthropic(given);
      decodeOpenAI(given);
    }),
  );
});

test("a model that is asked for a whole answer or a stream says the same, and asks for the shell that is offered", async () => {
  const model = await open(() => ({ text: "so", shell: "ls", usage: { input: 7, output: 3 } }));
  const whole = await post(model, "/v1/messages", { tools: [{ name: "Bash" }] });
  expect(JSON.parse(whole.text)).toMatchObject({
    content: [
      { type: "text", text: "so" },
      { type: "tool_use", name: "Bash", input: { command: "ls" } },
    ],
    ...{ stop_reason: "tool_use", usage: { input_tokens: 7, output_tokens: 3 } },
  });
  const streamed = await post(model, "/v1/messages?beta=true", { stream: true, tools: [{ name: "Bash" }] });
  expect(streamed.text.match(/^event: .*/gm)).toEqual([
    "event: message_start",
    ...["start", "delta", "stop", "start", "delta", "stop"].map((part) => `event: content_block_${part}`),
    ...["event: message_delta", "event: message_stop"],
  ]);
  const responses = await post(model, "/v1/responses", { stream: true, tools: [{ name: "exec_command" }] });
  expect(responses.text).toContain('\\"cmd\\":\\"ls\\"');
  expect(model.requests.map(({ conversation }) => conversation.client)).toEqual([
    "anthropic",
    "anthropic",
    "openai",
  ]);
});

test("what an agent asks for itself is answered without the script, and a refusal says when to try again", async () => {
  const model = await open(() => ({ status: 429, retryAfterS: 2 }));
  expect((await post(model, "/v1/messages", { messages: [] })).text).toContain('"text":"ok"');
  expect((await post(model, "/v1/messages/count_tokens", {})).text).toBe('{"input_tokens":1000}');
  const refused = await post(model, "/v1/messages", { tools: [{ name: "Bash" }] });
  expect([refused.status, refused.headers.get("retry-after")]).toEqual([429, "2"]);
  expect(model.requests.map(({ scripted }) => scripted)).toEqual([false, true]);
});

const said = (role: "user" | "assistant" | "context", text: string) => ({
  ...{ role, text, toolCalls: [], toolResults: [] },
});

async function open(script: Script): Promise<ScriptedModel> {
  const model = await startScriptedModel(script);
  onTestFinished(() => model.close());
  return model;
}

async function post({ url }: ScriptedModel, path: string, body: object) {
  const response = await fetch(`${url}${path}`, { method: "POST", body: JSON.stringify(body) });
  return { status: response.status, headers: response.headers, text: await response.text() };
}
