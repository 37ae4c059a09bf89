import { timingSafeEqual } from "node:crypto";
import { createServer } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import { buffer } from "node:stream/consumers";
import type { Redis } from "ioredis";
import { KEEP_ALIVE_MS, LOOPBACK, listenOnLoopback } from "./free-port.ts";
import { createExecutor, encodeReply, parseCommand } from "./upstash-commands.ts";
import type { Executor, OnCommand, RedisCommand, Reply } from "./upstash-commands.ts";
import { streamMessages } from "./upstash-subscribe.ts";

export type UpstashRestOptions = {
  /** Where connections to Redis come from: one for all commands, one for each subscription. */
  redis: { connect(): Redis };
  token: string;
  /** A free one if it is left out. */
  port?: number;
  /** Sees every command as it is sent to Redis: how tests count what a heartbeat costs. */
  onCommand?: OnCommand;
};
export type UpstashRest = {
  readonly url: string;
  readonly token: string;
  /** An outage for tests: while unreachable, every request's connection is cut without an answer. */
  setReachable(reachable: boolean): void;
  close(): Promise<void>;
};

type Answer = { status: number; body: unknown };

/** Serves the REST protocol of Upstash Redis over any Redis, on loopback. */
export async function startUpstashRest(options: UpstashRestOptions): Promise<UpstashRest> {
  const connection = options.redis.connect();
  const executor = createExecutor(connection, options.onCommand ?? (() => undefined));
  const subscriptions = new Set<Redis>();
  let reachable = true;
  let writes = 0;

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "/", "http://localhost");
    const refusal = refuseRequest(request, url, options.token);
    if (refusal) {
      send(response, refusal);
      return;
    }
    const path = decodePath(url.pathname);
    if (path === undefined) {
      send(response, { status: 400, body: { error: "ERR the path is not valid" } });
      return;
    }
    const [operation = "", ...channels] = path;
    if (operation === "subscribe" || operation === "psubscribe") {
      const subscription = options.redis.connect();
      subscriptions.add(subscription);
      response.once("close", () => subscriptions.delete(subscription));
      await streamMessages(operation, channels, subscription, response);
      return;
    }
    const body = await buffer(request);
    const base64 = request.headers["upstash-encoding"] === "base64";
    send(response, await answer(executor, path, url, body, base64));
  }

  function send(response: ServerResponse, { status, body }: Answer): void {
    response.writeHead(status, {
      "content-type": "application/json",
      "upstash-sync-token": `local=${++writes}`,
    });
    response.end(JSON.stringify(body));
  }

  const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS }, (request, response) => {
    if (!reachable) {
      request.destroy();
      return;
    }
    serve(request, response).catch((error: unknown) => {
      if (response.headersSent) response.destroy();
      else send(response, { status: 500, body: { error: `ERR ${String(error)}` } });
    });
  });
  const port = await listenOnLoopback(server, options.port);
  return {
    url: `http://${LOOPBACK}:${port}`,
    token: options.token,
    setReachable: (value) => void (reachable = value),
    close: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      for (const each of [connection, ...subscriptions]) each.disconnect();
      await closed;
    },
  };
}

function refuseRequest(request: IncomingMessage, url: URL, token: string): Answer | undefined {
  if (!["GET", "HEAD", "POST", "PUT"].includes(request.method ?? "")) {
    return { status: 405, body: { error: "ERR method not allowed" } };
  }
  const given =
    /^Bearer\s+(.+)$/i.exec(request.headers.authorization ?? "")?.[1] ?? url.searchParams.get("_token");
  if (given !== null && isSame(given, token)) return undefined;
  return { status: 401, body: { error: "WRONGPASS invalid or missing auth token" } };
}

function isSame(given: string, expected: string): boolean {
  const [left, right] = [Buffer.from(given), Buffer.from(expected)];
  return left.length === right.length && timingSafeEqual(left, right);
}

function decodePath(pathname: string): string[] | undefined {
  try {
    return pathname.split("/").filter(Boolean).map(decodeURIComponent);
  } catch {
    return undefined; // A stray % is the caller's mistake, answered as one.
  }
}

async function answer(
  executor: Executor,
  path: string[],
  url: URL,
  body: Buffer,
  base64: boolean,
): Promise<Answer> {
  const [operation] = path;
  if (operation === "pipeline" || operation === "multi-exec") {
    const commands = readCommands(body);
    if (typeof commands === "string") return { status: 400, body: { error: commands } };
    const replies =
      operation === "pipeline" ? await executor.pipeline(commands) : await executor.transact(commands);
    if (!Array.isArray(replies)) return { status: 400, body: replies };
    return { status: 200, body: replies.map((reply) => encodeReply(reply, base64)) };
  }
  const command = operation === undefined ? parseCommand(readJson(body)) : readPathCommand(path, url, body);
  if (typeof command === "string") return { status: 400, body: { error: command } };
  const reply: Reply = encodeReply(await executor.run(command), base64);
  return { status: "error" in reply ? 400 : 200, body: reply };
}

/** `/set/key/value?EX=100`, or `/set/key?EX=100` with the value, any bytes, as the body. */
function readPathCommand([name = "", ...args]: string[], url: URL, body: Buffer): RedisCommand {
  const options = [...url.searchParams]
    .filter(([key]) => key !== "_token")
    .flatMap(([key, value]) => (value === "" ? [key] : [key, value]));
  return [name, ...args, ...(body.length > 0 ? [body] : []), ...options];
}

function readCommands(body: Buffer): RedisCommand[] | string {
  const list = readJson(body);
  if (!Array.isArray(list) || list.length === 0)
    return "ERR failed to parse pipeline request: an array of commands is expected";
  const commands: RedisCommand[] = [];
  for (const element of list) {
    const command = parseCommand(element);
    if (typeof command === "string") return command;
    commands.push(command);
  }
  return commands;
}

function readJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString("utf8"));
  } catch {
    return undefined; // Refused by the caller as what it is not: an array.
  }
}
