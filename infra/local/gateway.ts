import { createServer } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import { ERRORS } from "../../shared/contract/errors.ts";
import { closeServer, KEEP_ALIVE_MS, LOOPBACK, listenOnLoopback } from "./free-port.ts";
import { buildGatewayEvent, decodePath } from "./gateway-event.ts";
import { sendAnswer, sendMessage } from "./gateway-response.ts";
import { createRouter } from "./gateway-routes.ts";
import type { Invoke } from "./lambda.ts";

/** Bytes of an event, as JSON, that Lambda takes at once. */
const EVENT_BYTES_LIMIT = 6 * 1_024 * 1_024;

export type GatewayOptions<Name extends string> = {
  routes: readonly (readonly [route: string, fn: Name])[];
  functions: Readonly<Record<Name, Invoke>>;
  port?: number;
  /** Sees what a caller must not: why an invocation failed. */
  onError: (fn: Name, error: unknown) => void;
};
export type Gateway = { readonly url: string; close(): Promise<void> };

/** Serves routes as an HTTP API does, on loopback. Rejects with EADDRINUSE if the port is taken. */
export async function startGateway<Name extends string>(options: GatewayOptions<Name>): Promise<Gateway> {
  const findRoute = createRouter(options.routes);

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = decodePath(request.url ?? "/");
    if (path === undefined) {
      sendMessage(response, 400, "Bad Request");
      return;
    }
    const match = findRoute(request.method ?? "GET", path);
    if (!match) {
      sendMessage(response, 404, "Not Found");
      return;
    }
    const body = await readBody(request);
    const sourceIp = request.socket.remoteAddress ?? LOOPBACK;
    const { method, url, rawHeaders, httpVersion } = request;
    const event = body && buildGatewayEvent({ method, url, rawHeaders, httpVersion, body, sourceIp }, match);
    if (!event || Buffer.byteLength(JSON.stringify(event)) > EVENT_BYTES_LIMIT) {
      sendTooLarge(response);
      return;
    }
    try {
      const answer = await options.functions[match.target](event);
      if (sendAnswer(response, answer)) return;
      throw new Error(`The function answered neither a response nor JSON: ${JSON.stringify(answer)}`);
    } catch (error) {
      options.onError(match.target, error);
      sendMessage(response, 500, "Internal Server Error");
    }
  }

  const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS }, (request, response) => {
    serve(request, response).catch(() => {
      response.destroy(); // The caller hung up in the middle of its request: there is nobody to answer.
    });
  });
  const port = await listenOnLoopback(server, options.port);
  return {
    url: `http://${LOOPBACK}:${port}`,
    close: () => closeServer(server),
  };
}

/** The whole body, or undefined if it is past the limit. It is read to its end: the answer must be heard. */
async function readBody(request: IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    bytes += (chunk as Buffer).length;
    if (bytes <= EVENT_BYTES_LIMIT) chunks.push(chunk as Buffer);
  }
  return bytes <= EVENT_BYTES_LIMIT ? Buffer.concat(chunks) : undefined;
}

function sendTooLarge(response: ServerResponse): void {
  const { status, title, next } = ERRORS["body.too_large"];
  const detail = `The request is larger than ${EVENT_BYTES_LIMIT} bytes.`;
  sendAnswer(response, {
    statusCode: status,
    headers: { "content-type": "application/problem+json" },
    body: JSON.stringify({ type: "about:blank", title, status, code: "body.too_large", detail, next }),
  });
}
