import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** What answers the hooks of one agent: with the agent's own words, as JSON. Called for one payload at a time or for many. */
export type AnswerHook = (payload: unknown) => Promise<Readonly<Record<string, unknown>>>;

/** Where one agent's hooks are posted to, until it is closed. */
export type HookRoute = { readonly url: string; readonly token: string; close(): void };

/** Takes the hooks of the agents that this process started. On loopback only. */
export type HookServer = {
  open(answer: AnswerHook): HookRoute;
  close(): Promise<void>;
};

/** Bytes of a hook's payload. A tool's whole output may be in it. */
const PAYLOAD_BYTES_LIMIT = 32 * 1024 * 1024;
const TOKEN_BYTES = 32;

type Route = { readonly tokenHash: Buffer; readonly answer: AnswerHook };

export async function startHookServer(onError: (why: string) => void): Promise<HookServer> {
  const routes = new Map<string, Route>();
  const server = createServer((request, response) => {
    void answerRequest(routes, request)
      .catch((error: unknown) => {
        onError(error instanceof Error ? error.message : String(error));
        return refused(500);
      })
      .then((answer) => {
        end(response, answer);
      });
  });
  // A hook may be held until there is another task: Node would close it after five minutes.
  server.requestTimeout = 0;
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
  server.unref();
  const { port } = server.address() as AddressInfo;
  return {
    open(answer) {
      const token = randomBytes(TOKEN_BYTES).toString("base64url");
      const path = `/${randomBytes(9).toString("base64url")}`;
      routes.set(path, { tokenHash: hash(token), answer });
      return { url: `http://127.0.0.1:${port}${path}`, token, close: () => void routes.delete(path) };
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      }),
  };
}

type Answer = { readonly status: number; readonly body: object };
const refused = (status: number): Answer => ({ status, body: {} });

async function answerRequest(routes: ReadonlyMap<string, Route>, request: IncomingMessage): Promise<Answer> {
  const route = routes.get(request.url ?? "");
  // A page in a browser can post to loopback too, but it cannot know the token.
  if (!route) return refused(404);
  const [scheme, token = ""] = (request.headers.authorization ?? "").split(" ");
  if (scheme !== "Bearer" || !timingSafeEqual(hash(token), route.tokenHash)) return refused(401);
  if (request.method !== "POST") return refused(405);
  const text = await readBody(request);
  if (text === null) return refused(413);
  let payload: unknown;
  try {
    payload = JSON.parse(text);
  } catch {
    return refused(400);
  }
  return { status: 200, body: await route.answer(payload) };
}

async function readBody(request: IncomingMessage): Promise<string | null> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    bytes += (chunk as Buffer).length;
    if (bytes > PAYLOAD_BYTES_LIMIT) return null;
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function end(response: ServerResponse, { status, body }: Answer): void {
  if (response.destroyed) return;
  response.writeHead(status, { "content-type": "application/json", connection: "close" });
  // Some hooks' answers are put before the model as they are: where there is nothing to say, `{}` would be noise.
  response.end(status === 200 && Object.keys(body).length === 0 ? "" : JSON.stringify(body));
}

const hash = (text: string): Buffer => createHash("sha256").update(text).digest();
