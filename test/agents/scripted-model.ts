import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { type Conversation, readMessages, readResponses } from "./conversation.ts";

/** What the model says next. */
export type Reply = {
  readonly text?: string;
  /** A command line for the shell tool that the agent offers. */
  readonly shell?: string;
  /** Another tool of those offered. */
  readonly tool?: { readonly name: string; readonly input: object };
  /** Tokens that the prompt had: near its window an agent compacts. */
  readonly inputTokens?: number;
  /** Refuses with this status instead. */
  readonly status?: number;
};

/** Decides from the whole conversation, and from nothing else: what an agent was not told it does not know. */
export type Script = (conversation: Conversation) => Reply;

export type ScriptedModel = {
  readonly url: string;
  /** Every request that offered tools, in order. */
  readonly conversations: readonly Conversation[];
  close(): Promise<void>;
};

const SHELLS = ["Bash", "shell", "shell_command", "exec_command", "local_shell"];
const OUTPUT_TOKENS = 9;
const INPUT_TOKENS = 1_000;

/** A model on loopback with a script in the place of weights: Anthropic's Messages and OpenAI's Responses. */
export async function startScriptedModel(script: Script): Promise<ScriptedModel> {
  const conversations: Conversation[] = [];
  let answered = 0;
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = await readJson(request);
    const { pathname } = new URL(request.url ?? "/", "http://model");
    const anthropic = pathname.endsWith("/messages");
    if (!anthropic && !pathname.endsWith("/responses")) {
      const counts = pathname.endsWith("/count_tokens");
      sendJson(response, counts ? 200 : 404, counts ? { input_tokens: INPUT_TOKENS } : {});
      return;
    }
    const conversation = anthropic ? readMessages(body) : readResponses(body);
    // Titles, topics and probes offer no tools; compactions are told from them by what they ask.
    const isWork = conversation.tools.length > 0;
    if (isWork) conversations.push(conversation);
    const reply = isWork ? script(conversation) : { text: "A summary, or a title." };
    answered += 1;
    if (reply.status !== undefined) {
      const error = { type: "rate_limit_error", message: "scripted" };
      sendJson(response, reply.status, { type: "error", error }, { "retry-after": "1" });
      return;
    }
    const id = `${answered}`;
    const use = toolUse(reply, conversation);
    if (anthropic) sendMessage(response, body, id, reply, use);
    else sendResponse(response, id, reply, use);
  };
  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => {
      sendJson(response, 500, { error: { type: "script", message: String(error) } });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    conversations,
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      }),
  };
}

type ToolUse = { readonly name: string; readonly input: object } | null;

function toolUse({ shell, tool }: Reply, { tools }: Conversation): ToolUse {
  if (tool) return tool;
  if (shell === undefined) return null;
  const name = SHELLS.find((known) => tools.includes(known));
  if (name === undefined) throw new Error(`No shell among the tools: ${tools.join(", ")}`);
  if (name === "exec_command") return { name, input: { cmd: shell } };
  if (name === "shell" || name === "local_shell") return { name, input: { command: ["sh", "-c", shell] } };
  return { name, input: { command: shell, description: "a step" } };
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const text = Buffer.concat(chunks).toString("utf8");
  return text === "" ? {} : (JSON.parse(text) as unknown);
}

function sendJson(response: ServerResponse, status: number, body: object, headers: object = {}): void {
  response.writeHead(status, { "content-type": "application/json", ...headers });
  response.end(JSON.stringify(body));
}

function sendMessage(
  response: ServerResponse,
  body: unknown,
  id: string,
  { text = "", inputTokens = INPUT_TOKENS }: Reply,
  use: ToolUse,
): void {
  const { stream = false, model = "scripted" } = body as { stream?: boolean; model?: string };
  const usage = {
    ...{ input_tokens: inputTokens, output_tokens: OUTPUT_TOKENS },
    ...{ cache_creation_input_tokens: 0, cache_read_input_tokens: 0 },
  };
  const content = [
    ...(text === "" ? [] : [{ type: "text", text }]),
    ...(use ? [{ type: "tool_use", id: `toolu_${id}`, name: use.name, input: use.input }] : []),
  ];
  const message = { id: `msg_${id}`, type: "message", role: "assistant", model, stop_sequence: null };
  const stop = use ? "tool_use" : "end_turn";
  if (!stream) {
    sendJson(response, 200, { ...message, content, stop_reason: stop, usage });
    return;
  }
  response.writeHead(200, { "content-type": "text/event-stream" });
  const send = (type: string, data: object) => {
    response.write(`event: ${type}\ndata: ${JSON.stringify({ type, ...data })}\n\n`);
  };
  send("message_start", { message: { ...message, content: [], stop_reason: null, usage } });
  content.forEach((block, index) => {
    const input = "input" in block ? block.input : undefined;
    const start = input === undefined ? { type: "text", text: "" } : { ...block, input: {} };
    const delta =
      input === undefined
        ? { type: "text_delta", text }
        : { type: "input_json_delta", partial_json: JSON.stringify(input) };
    send("content_block_start", { index, content_block: start });
    send("content_block_delta", { index, delta });
    send("content_block_stop", { index });
  });
  send("message_delta", {
    delta: { stop_reason: stop, stop_sequence: null },
    usage: { output_tokens: OUTPUT_TOKENS },
  });
  send("message_stop", {});
  response.end();
}

function sendResponse(
  response: ServerResponse,
  id: string,
  { text = "", inputTokens = INPUT_TOKENS }: Reply,
  use: ToolUse,
): void {
  const item = use
    ? {
        ...{ id: `fc_${id}`, type: "function_call", status: "completed", call_id: `call_${id}` },
        ...{ name: use.name, arguments: JSON.stringify(use.input) },
      }
    : {
        ...{ id: `m_${id}`, type: "message", status: "completed", role: "assistant" },
        content: [{ type: "output_text", text, annotations: [] }],
      };
  const usage = {
    ...{ input_tokens: inputTokens, input_tokens_details: { cached_tokens: 0 } },
    ...{ output_tokens: OUTPUT_TOKENS, output_tokens_details: { reasoning_tokens: 0 } },
    total_tokens: inputTokens + OUTPUT_TOKENS,
  };
  const answer = { id: `resp_${id}`, object: "response", created_at: 1, model: "scripted" };
  response.writeHead(200, { "content-type": "text/event-stream" });
  let sequence = 0;
  const send = (type: string, data: object) => {
    response.write(
      `event: ${type}\ndata: ${JSON.stringify({ type, sequence_number: sequence++, ...data })}\n\n`,
    );
  };
  send("response.created", { response: { ...answer, status: "in_progress", output: [] } });
  send("response.output_item.added", { output_index: 0, item: { ...item, status: "in_progress" } });
  send("response.output_item.done", { output_index: 0, item });
  send("response.completed", { response: { ...answer, status: "completed", output: [item], usage } });
  response.end();
}
