// Triggered by POST /mcp: MCP over stateless Streamable HTTP, with a session's token. Each tool runs the operation of a route.
import type { Context } from "hono";
import { API } from "../shared/contract/api.ts";
import { isRefusal, refuse } from "../shared/contract/errors.ts";
import { allPorts } from "../shared/runtime/all-ports.ts";
import { parseBody } from "./edge/body.ts";
import { admit, createApp, requestIdOf, toHandler } from "./edge/endpoint.ts";
import { errorAnswer, problemAnswer, refusalOfError } from "./edge/problem.ts";
import { answerMcp } from "./mcp/server.ts";

const app = createApp();

async function answer(c: Context, requestId: string): Promise<Response> {
  const { event } = c.env as { event: { headers: Record<string, string | undefined> } };
  const header = (name: string) => event.headers[name];
  const admitted = await admit(allPorts(), API.callMcp, { requestId, params: {}, header });
  const toProblem = (refusal: Parameters<typeof problemAnswer>[0]) => {
    const { status, headers, body } = problemAnswer(refusal, requestId);
    return new Response(body, { status, headers });
  };
  if (isRefusal(admitted)) return toProblem(admitted);
  const { ports, caller } = admitted;
  if (caller.kind !== "session")
    return toProblem(refuse("scope.insufficient", "This takes a session's token."));
  const parsed = parseBody(
    new Uint8Array(await c.req.arrayBuffer()),
    header("content-type"),
    API.callMcp.body,
  );
  if (isRefusal(parsed)) return toProblem(parsed);
  return answerMcp(c.req.raw, parsed.value, { ports, claims: caller.claims }, (error) =>
    refusalOfError(error, requestId, ports),
  );
}

app.post("/mcp", async (c) => {
  const requestId = requestIdOf(c.env);
  try {
    return await answer(c, requestId);
  } catch (error) {
    const { status, headers, body } = await errorAnswer(error, requestId, allPorts());
    return new Response(body, { status, headers });
  }
});
// A GET would open a stream that a function can never end, and there is no session of MCP that a DELETE could end.
app.all("/mcp", () =>
  Response.json(
    { jsonrpc: "2.0", error: { code: -32_000, message: "Only POST is served here." }, id: null },
    { status: 405, headers: { allow: "POST" } },
  ),
);

export const handler = toHandler(app);
