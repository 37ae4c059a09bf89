import { type RequestListener, createServer } from "node:http";
import { afterEach, expect, test } from "vitest";
import { listenOnLoopback } from "../../infra/local/free-port.ts";
import { FUNCTION_SIZES } from "../../infra/sizes.ts";
import { AWS_CLIENT_OPTIONS } from "../../shared/adapters/aws/client-options.ts";
import {
  type BeatClient,
  type BeatCommands,
  createBeatRedis,
} from "../../shared/adapters/upstash/beat-redis.ts";
import { FAILURES_TO_OPEN } from "../../shared/adapters/upstash/circuit-breaker.ts";
import { type RedisClient, createRedis } from "../../shared/adapters/upstash/redis.ts";
import { REQUEST_TIMEOUT_MS } from "../../shared/adapters/upstash/rest-client.ts";
import { eventually } from "../fixtures/eventually.ts";
import { StoreUnavailable } from "../../shared/ports/unavailable.ts";

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

/** A server that misbehaves as told, in place of Redis. */
async function addressOf(listener: RequestListener): Promise<{ url: string; token: string }> {
  const server = createServer(listener);
  const port = await listenOnLoopback(server);
  closers.push(() => {
    server.close();
    server.closeAllConnections();
  });
  return { url: `http://127.0.0.1:${port}`, token: "secret-token" };
}

const clientOf = async (listener: RequestListener): Promise<RedisClient> =>
  createRedis(await addressOf(listener));

const ask = (client: RedisClient) => client.send((pipeline) => pipeline.get("shim:stamp"));
const failureOf = async (client: RedisClient): Promise<unknown> =>
  ask(client).catch((error: unknown) => error);

test("a request whose connection was cut is sent again", async () => {
  let requests = 0;
  const client = await clientOf((request, response) => {
    requests += 1;
    if (requests < 3) request.destroy();
    else response.end('[{"result":"7"}]');
  });
  expect(await ask(client)).toEqual(["7"]);
  expect(requests).toBe(3);
});

test("a server that cuts every connection is unavailable after 3 requests", async () => {
  let requests = 0;
  const client = await clientOf((request) => {
    requests += 1;
    request.destroy();
  });
  expect(await failureOf(client)).toBeInstanceOf(StoreUnavailable);
  expect(requests).toBe(3);
});

test("a server that never answers is unavailable within 2 s", async () => {
  const client = await clientOf(() => undefined);
  const startedAtMs = performance.now();
  expect(await failureOf(client)).toBeInstanceOf(StoreUnavailable);
  expect(performance.now() - startedAtMs).toBeLessThan(2_500);
});

test.each([
  [500, '{"error":"ERR internal"}'],
  [503, "<html>Bad gateway</html>"],
  [401, '{"error":"WRONGPASS invalid or missing auth token"}'],
  [200, '[{"error":"OOM command not allowed when used memory > maxmemory"}]'],
])("an answer of %i %s is unavailable, and no token is in the message", async (status, body) => {
  const client = await clientOf((_, response) => response.writeHead(status).end(body));
  const failure = await failureOf(client);
  expect(failure).toBeInstanceOf(StoreUnavailable);
  expect(String(failure)).not.toContain("secret-token");
});

test("no request carries telemetry", async () => {
  let names: string[] = [];
  const client = await clientOf((request, response) => {
    names = Object.keys(request.headers);
    response.end('[{"result":null}]');
  });
  expect(await ask(client)).toEqual([null]);
  expect(names).toContain("authorization");
  expect(names.filter((name) => name.includes("telemetry"))).toEqual([]);
});

test("a server that does not answer is soon not asked any more, and asked again when it does", async () => {
  let requests = 0;
  let answers = false;
  const client = await clientOf((request, response) => {
    requests += 1;
    if (answers) response.end('[{"result":"7"}]');
    else request.destroy();
  });
  for (let i = 0; i < 20; i++) expect(await failureOf(client)).toBeInstanceOf(StoreUnavailable);
  expect(requests).toBe(3 * FAILURES_TO_OPEN);
  expect(String(await failureOf(client))).toContain("not asked");
  answers = true;
  expect(await eventually("an answer", () => ask(client).catch(() => null))).toEqual(["7"]);
});

test("what Redis refuses opens no circuit", async () => {
  let requests = 0;
  const client = await clientOf((_, response) => {
    requests += 1;
    response
      .writeHead(400)
      .end('{"error":"WRONGTYPE Operation against a key holding the wrong kind of value"}');
  });
  const script = { text: "return 1", sha1: "x", keyLocking: { text: "", sha1: "x" } };
  for (let i = 0; i < 10; i++) await expect(client.run(script, [], [])).rejects.toThrow("WRONGTYPE");
  expect(requests).toBe(10);
});

test("a request with its retries ends well before any function that makes it", () => {
  for (const { timeoutS } of Object.values(FUNCTION_SIZES))
    expect(REQUEST_TIMEOUT_MS).toBeLessThan((timeoutS * 1_000) / 4);
  const { maxAttempts, requestHandler } = AWS_CLIENT_OPTIONS;
  const awsMs = maxAttempts * (requestHandler.connectionTimeout + requestHandler.requestTimeout);
  // The heartbeat has no AWS client.
  for (const [name, { timeoutS }] of Object.entries(FUNCTION_SIZES))
    if (name !== "heartbeat") expect(awsMs).toBeLessThan((timeoutS * 1_000) / 2);
});

test("the heartbeat's client says the same commands as the package's, and takes answers alike", async () => {
  const said: string[][][] = [];
  const paths: (string | undefined)[] = [];
  const address = await addressOf((request, response) => {
    let body = "";
    request.on("data", (chunk: Buffer) => (body += chunk.toString()));
    request.on("end", () => {
      const commands = JSON.parse(body) as (string | number)[][];
      paths.push(request.url);
      // Options of a command come in any order, and in small letters or large ones.
      said.push(commands.map((words) => words.map((word) => String(word).toUpperCase()).sort()));
      response.end(JSON.stringify(commands.map((_, place) => ({ result: place }))));
    });
  });
  const scored = { score: 1_767_225_600_000, member: "default:h1:s1:1" };
  const build = (commands: BeatCommands): unknown =>
    commands
      .zadd("deadlines", { xx: true, gt: true, ch: true }, scored, { score: 7, member: "b" })
      .zadd("deadlines", { gt: true }, scored)
      .zadd("agenda", { lt: true }, scored)
      .zmscore("deadlines", ["a", "b"])
      .mget("a", "b")
      .get("a")
      .set("a", "text", { ex: 60 })
      .set("a", "text", { ex: 60, nx: true });
  const clients: BeatClient[] = [createRedis(address), createBeatRedis(address)];
  for (const client of clients) expect(await client.send(build)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  expect(said[1]).toEqual(said[0]);
  expect(paths).toEqual(["/pipeline", "/pipeline"]);
});

test("what the heartbeat's client cannot get is unavailable, too, and a refusal fails its caller alone", async () => {
  let status = 500;
  const address = await addressOf((_, response) =>
    response.writeHead(status).end('[{"result":"7"},{"error":"WRONGTYPE not a string"}]'),
  );
  const client = createBeatRedis(address);
  await expect(client.send((commands) => commands.get("a"))).rejects.toBeInstanceOf(StoreUnavailable);
  status = 200;
  const [first, second] = await Promise.allSettled([
    client.send((commands) => commands.get("a")),
    client.send((commands) => commands.get("b")),
  ]);
  expect(first).toEqual({ status: "fulfilled", value: ["7"] });
  expect(second).toMatchObject({ status: "rejected", reason: { store: "redis" } });
});
