import { Server } from "@modelcontextprotocol/sdk/server/index.js";
import { WebStandardStreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/webStandardStreamableHttp.js";
import {
  type CallToolResult,
  CallToolRequestSchema,
  ListToolsRequestSchema,
  type ListToolsResult,
} from "@modelcontextprotocol/sdk/types.js";
import * as z from "zod/mini";
import { ERRORS, type Refusal, isRefusal, refuse } from "../../shared/contract/errors.ts";
import { issuesOf } from "../edge/body.ts";
import { type Tool, type ToolCaller } from "./tool.ts";
import { TOOLS } from "./tools.ts";

const INSTRUCTIONS =
  "SHIM gives you tasks and keeps your work when you crash. Call register once, then claim_task; work; heartbeat and checkpoint " +
  "while you work; complete_task or fail_task; and so on with the next. A tool that refuses says why in `code`, and in `next` what to do.";

/** What a thrown error becomes, so that a model is told of it as of a refusal. */
export type OnError = (error: unknown) => Promise<Refusal>;

/**
 * Answers one request of MCP. Stateless: each request has a server of its own, and what a session is comes with its credential.
 * No streams, because a function answers once.
 */
export async function answerMcp(
  request: Request,
  body: unknown,
  caller: ToolCaller,
  onError: OnError,
): Promise<Response> {
  const server = createServer(caller, onError);
  const transport = new WebStandardStreamableHTTPServerTransport({
    sessionIdGenerator: undefined,
    enableJsonResponse: true,
  });
  await server.connect(transport);
  try {
    return await transport.handleRequest(request, { parsedBody: body });
  } finally {
    await server.close();
  }
}

/* eslint-disable @typescript-eslint/no-deprecated -- The high-level server checks inputs by itself and refuses without our codes. */
function createServer(caller: ToolCaller, onError: OnError): Server {
  const server = new Server(
    { name: "shim", version: "1" },
    { capabilities: { tools: {} }, instructions: INSTRUCTIONS },
  );
  server.setRequestHandler(ListToolsRequestSchema, () => ({ tools: TOOLS.map(toListed) }));
  server.setRequestHandler(CallToolRequestSchema, async ({ params }) => {
    const tool = TOOLS.find(({ name }) => name === params.name);
    if (!tool) return toResult(refuse("route.not_found", `There is no tool ${params.name.slice(0, 100)}.`));
    try {
      return toResult(await callTool(tool, caller, params.arguments ?? {}));
    } catch (error) {
      return toResult(await onError(error));
    }
  });
  return server;
}

/* eslint-enable @typescript-eslint/no-deprecated */

async function callTool(tool: Tool, caller: ToolCaller, input: unknown): Promise<object> {
  const checked = tool.input.safeParse(input);
  return checked.success
    ? tool.run(caller, checked.data)
    : refuse("request.invalid", issuesOf(checked.error));
}

function toListed({ name, title, description, input, readOnly }: Tool): ListToolsResult["tools"][number] {
  const { $schema: _dialect, ...schema } = z.toJSONSchema(input, { io: "input", unrepresentable: "any" });
  const inputSchema = schema as ListToolsResult["tools"][number]["inputSchema"];
  return { name, title, description, inputSchema, annotations: { readOnlyHint: readOnly } };
}

/** A refusal is an answer that a model can act on, not a failure of the protocol. */
function toResult(outcome: object): CallToolResult {
  const refused = isRefusal(outcome);
  const told = refused
    ? { code: outcome.refused, detail: outcome.detail, next: ERRORS[outcome.refused].next }
    : outcome;
  return { content: [{ type: "text", text: JSON.stringify(told) }], ...(refused && { isError: true }) };
}
