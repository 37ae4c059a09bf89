import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text as readText } from "node:stream/consumers";
import type { Conversation } from "./conversation.ts";
import { decodeAnthropic } from "./decode-anthropic.ts";
import { decodeOpenAI } from "./decode-openai.ts";
import { encodeAnthropic } from "./encode-anthropic.ts";
import { encodeOpenAI } from "./encode-openai.ts";
import type { Encoded, ModelAnswer } from "./model-answer.ts";

/** What a script lets the model say. */
export type Scripted = {
  readonly text?: string;
  /** A command for the agent's shell, by whichever name it offers one. */
  readonly shell?: string;
  /** Any tool that is offered. */
  readonly tool?: { readonly name: string; readonly input: object };
  readonly usage?: { readonly input: number; readonly output: number };
  /** An error instead: 429, 529, with how long to wait. */
  readonly status?: number;
  readonly retryAfterS?: number;
};

/** Decides from the conversation alone. It may take its time: so long the agent waits for its model. */
export type Script = (conversation: Conversation) => Scripted | Promise<Scripted>;

export type ModelRequest = {
  readonly atMs: number;
  readonly conversation: Conversation;
  /** Whether the script was asked; the others are the agent's own: titles, quotas. */
  readonly scripted: boolean;
};

/** A model on loopback that does what a script says, for agents that speak Anthropic's Messages or OpenAI's Responses. */
export type ScriptedModel = {
  readonly url: string;
  readonly requests: readonly ModelRequest[];
  close(): Promise<void>;
};

const SHELLS: readonly string[] = ["Bash", "exec_command", "shell_command", "shell"];
const USAGE = { input: 1_000, output: 10 };
/** How long Codex waits for a command before it lets it run in the background: the longest it takes. */
const YIELD_MS = 30_000;

export async function startScriptedModel(script: Script): Promise<ScriptedModel> {
  const requests: ModelRequest[] = [];
  const server = createServer((request, response) => {
    void answer(script, requests, request, response).catch((error: unknown) => {
      // Loud, and no status that an agent tries again.
      process.stderr.write(
        `scripted model: ${error instanceof Error ? (error.stack ?? "") : String(error)}\n`,
      );
      sendJson(response, 400, errorBody("invalid_request_error", String(error)));
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    requests,
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      }),
  };
}

async function answer(
  script: Script,
  requests: ModelRequest[],
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { pathname } = new URL(request.url ?? "/", "http://localhost");
  const body = parsed(await readText(request));
  const decode = request.method === "POST" ? decoderOf(pathname) : null;
  if (decode === null) {
    answerAside(response, pathname);
    return;
  }
  const conversation = decode(body);
  const scripted = conversation.tools.length > 0;
  requests.push({ atMs: Date.now(), conversation, scripted });
  const id = String(requests.length);
  const said = scripted ? await script(conversation) : { text: "ok" };
  if (said.status !== undefined) {
    refuse(response, said.status, said.retryAfterS);
    return;
  }
  const told = modelAnswer(said, conversation, id, nameOf(body));
  const encoded = conversation.client === "anthropic" ? encodeAnthropic(told) : encodeOpenAI(told);
  if (streams(body)) stream(response, encoded);
  else sendJson(response, 200, encoded.whole);
}

function decoderOf(pathname: string): ((body: unknown) => Conversation) | null {
  if (pathname.endsWith("/messages")) return decodeAnthropic;
  return pathname.endsWith("/responses") ? decodeOpenAI : null;
}

/** What agents ask besides: whether anybody is there, how long a prompt is, which models there are. */
function answerAside(response: ServerResponse, pathname: string): void {
  if (pathname.endsWith("/count_tokens")) sendJson(response, 200, { input_tokens: USAGE.input });
  else if (pathname.endsWith("/models")) sendJson(response, 200, { object: "list", data: [], models: [] });
  else sendJson(response, pathname === "/" ? 200 : 404, errorBody("not_found_error", pathname));
}

function modelAnswer(
  { text, shell, tool, usage = USAGE }: Scripted,
  { tools }: Conversation,
  id: string,
  model: string,
): ModelAnswer {
  const call = shell === undefined ? (tool ?? null) : shellCall(shell, tools);
  return { id, model, text: text ?? (call === null ? "" : null), call, usage };
}

function shellCall(command: string, tools: readonly string[]): NonNullable<ModelAnswer["call"]> {
  const name = SHELLS.find((shell) => tools.includes(shell));
  switch (name) {
    case "exec_command":
      return { name, input: { cmd: command, yield_time_ms: YIELD_MS } };
    case "shell":
      return { name, input: { command: ["bash", "-lc", command] } };
    case "shell_command":
      return { name, input: { command } };
    case "Bash":
      return { name, input: { command, description: "a step" } };
    default:
      throw new Error(`No shell is offered, only ${tools.join(", ")}`);
  }
}

function refuse(response: ServerResponse, status: number, retryAfterS: number | undefined): void {
  if (retryAfterS !== undefined) response.setHeader("retry-after", String(retryAfterS));
  const type = status === 429 ? "rate_limit_error" : status === 529 ? "overloaded_error" : "api_error";
  sendJson(response, status, errorBody(type, "as the script says"));
}

const errorBody = (type: string, message: string) => ({ type: "error", error: { type, message } });

function stream(response: ServerResponse, { events }: Encoded): void {
  response.writeHead(200, { "content-type": "text/event-stream" });
  for (const event of events) response.write(`event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`);
  response.end();
}

function sendJson(response: ServerResponse, status: number, body: object): void {
  if (response.headersSent || response.destroyed) return;
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify(body));
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

const fieldOf = (body: unknown, name: string): unknown =>
  typeof body === "object" && body !== null ? (body as Readonly<Record<string, unknown>>)[name] : undefined;
const streams = (body: unknown) => fieldOf(body, "stream") === true;

function nameOf(body: unknown): string {
  const model = fieldOf(body, "model");
  return typeof model === "string" ? model : "scripted";
}
