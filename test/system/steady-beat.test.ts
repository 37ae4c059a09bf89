import { execFile } from "node:child_process";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import type { ClientRequest } from "node:http";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import * as z from "zod/mini";
import { HeartbeatAnswer } from "../../shared/contract/heartbeat-answer.ts";
import { HOST_SESSIONS_LIMIT } from "../../shared/contract/limits.ts";
import { ClaimAnswer, RegisterAnswer } from "../../shared/contract/session.ts";
import { eventually } from "../fixtures/eventually.ts";
import { useEmbeddedCloud } from "../fixtures/embedded-cloud.ts";

const commands: string[] = [];
const cloud = useEmbeddedCloud({
  onRedisCommand: (name) => commands.push(name),
  functions: { sweep: "test/fixtures/idle-sweep.handler" },
});

const RedisLink = z.object({ url: z.string() });
const redisHost = () =>
  new URL(z.parse(RedisLink, JSON.parse(process.env.SST_RESOURCE_Redis ?? "null")).url).host;

/** Requests that left this process, the cloud's own, for anything but Redis, whose commands are counted above. */
const awsRequests: string[] = [];
const listen = (message: unknown) => {
  const { request } = message as { request: ClientRequest };
  const to = String(request.getHeader("host"));
  if (to !== redisHost()) awsRequests.push(`${request.method} ${to}`);
};
beforeAll(() => {
  subscribe("http.client.request.start", listen);
});
afterAll(() => {
  unsubscribe("http.client.request.start", listen);
});

/** Runs a program on this input without blocking the cloud, which lives here; rejects with what it complained of. */
function run(args: readonly string[], input: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = execFile(process.execPath, args, (error, output) => {
      if (error) reject(new Error(error.message));
      else resolve(output);
    });
    child.stdin?.end(input);
  });
}

type Member = { readonly id: string; readonly epoch: number; readonly token: string };
type Host = { readonly name: string; readonly hostToken: string; readonly members: readonly Member[] };

const register = (host: string, id: string) =>
  cloud().request("POST", "/v1/sessions", {
    body: { id, host, boot: "b1", agent: "test", capabilities: [host], capacity: 1 },
  });

async function registerHost(name: string, sessions: number): Promise<Host> {
  const members: Member[] = [];
  let hostToken = "";
  for (let i = 1; i <= sessions; i++) {
    const answer = await register(name, `${name}-${i}`);
    const { session, token, ...registered } = z.parse(RegisterAnswer, answer.body);
    hostToken = registered.hostToken;
    members.push({ id: session.id, epoch: session.epoch, token });
  }
  return { name, hostToken, members };
}

type Report = { readonly id: string; readonly fence: number; readonly percent: number };

async function beat(
  { name, hostToken, members }: Host,
  seq: number,
  tasks = new Map<string, Report>(),
  signals?: object,
) {
  const sessions = members.map(({ id, epoch }) => {
    const task = tasks.get(id);
    // What it goes by is said with every beat.
    return { id, epoch, config: 1, activity: task ? "working" : "idle", tasks: task ? [task] : [], signals };
  });
  const answer = await cloud().request("POST", "/v1/heartbeat", {
    key: hostToken,
    body: { host: name, boot: "b1", seq, sessions },
  });
  expect(answer.status).toBe(200);
  return z.parse(HeartbeatAnswer, answer.body);
}

/** What one beat sends to the stores, and that it gave no command. */
async function countBeat(...args: Parameters<typeof beat>) {
  const before = [commands.length, awsRequests.length];
  const { sessions } = await beat(...args);
  expect(sessions.flatMap((session) => session.commands)).toEqual([]);
  return { redis: commands.slice(before[0]), aws: awsRequests.slice(before[1]) };
}

const STEADY = { redis: ["ZADD", "MGET"], aws: [] };

describe("a host with as many sessions as it may have", () => {
  let full: Host;
  beforeAll(async () => {
    const before = awsRequests.length;
    full = await registerHost("full", HOST_SESSIONS_LIMIT);
    expect(awsRequests.length, "registering is seen at the wire").toBeGreaterThan(
      before + HOST_SESSIONS_LIMIT,
    );
    await beat(full, 1); // The first report of each session is kept.
  }, 90_000);

  test.each([
    [1, 2],
    [10, 5],
    [HOST_SESSIONS_LIMIT, 8],
  ])("a steady beat of %i sessions is two Redis commands and nothing else", async (count, firstSeq) => {
    const host = { ...full, members: full.members.slice(0, count) };
    for (const seq of [firstSeq, firstSeq + 1, firstSeq + 2])
      expect(await countBeat(host, seq)).toEqual(STEADY);
  });

  test("has them all in one beat, and gets no further one before one of them ends", async () => {
    const { sessions } = await beat(full, 11);
    expect(sessions).toEqual(full.members.map(({ id }) => ({ id, commands: [] })));
    expect(await register("full", "full-101")).toMatchObject({ status: 422, body: { code: "host.full" } });
    expect(await register("full", "full-7"), "a restart needs no further place").toMatchObject({
      status: 201,
    });
    await cloud().request("POST", "/v1/sessions/full-9/end", {
      key: full.members[8]?.token,
      body: { reason: "stopped" },
    });
    expect(await register("full", "full-101")).toMatchObject({ status: 201 });
    expect(await register("full", "full-102")).toMatchObject({ status: 422, body: { code: "host.full" } });
  });
});

test("a beat of sessions at work is steady while they report the same, and not when they report something new", async () => {
  const host = await registerHost("busy", 10);
  const ids = host.members.map(({ id }) => `task-${id}`);
  await cloud().request("POST", "/v1/tasks", {
    body: ids.map((id) => ({ id, type: "test", data: {}, requires: ["busy"] })),
  });
  const tasks = new Map<string, Report>();
  for (const { id, token } of host.members) {
    // A task that dispatch is just giving to it is not in its claim's answer yet.
    const { task, fence } = await eventually(`${id} holds a task`, async () => {
      const claimed = await cloud().request("POST", `/v1/sessions/${id}/claim`, { key: token, body: {} });
      return z.parse(ClaimAnswer, claimed.body).tasks[0];
    });
    tasks.set(id, { id: task.id, fence, percent: 10 });
  }
  await beat(host, 1, tasks);
  for (const seq of [2, 3]) expect(await countBeat(host, seq, tasks)).toEqual(STEADY);

  const [[first, report] = []] = tasks;
  if (first === undefined || report === undefined) throw new Error("No session holds a task.");
  tasks.set(first, { ...report, percent: 20 });
  const { redis, aws } = await countBeat(host, 4, tasks);
  expect(redis).toEqual([...STEADY.redis, "SET"]);
  expect(aws).toEqual([]);
});

test("a beat with signals costs two commands more in a minute of its host, and one without them none", async () => {
  const host = await registerHost("signals", 10);
  const signals = { contextUsed: 0.1, messages: 12, model: "m" };
  await beat(host, 1, undefined, signals);
  const counts = [];
  for (const seq of [2, 3, 4, 5])
    counts.push(await countBeat(host, seq, undefined, seq === 4 ? undefined : signals));
  const first = { ...STEADY, redis: [...STEADY.redis, "SET", "ZADD"] };
  // A minute may begin meanwhile: the first of it costs more, and no other.
  const firsts = counts.filter(({ redis }) => redis.length > 2);
  expect(firsts.length).toBeLessThanOrEqual(1);
  expect(counts).toEqual(counts.map((count) => (firsts.includes(count) ? first : STEADY)));
});

test("the heartbeat's handler loads and answers where @aws-sdk cannot be loaded; a handler that needs it does not", async () => {
  const host = await registerHost("bare", 2);
  const [member] = host.members;
  const event = {
    version: "2.0",
    requestContext: { requestId: "r1", http: { method: "POST", path: "/v1/heartbeat" } },
    headers: { authorization: `Bearer ${host.hostToken}`, "content-type": "application/json" },
    body: JSON.stringify({
      host: host.name,
      boot: "b1",
      seq: 1,
      sessions: [{ id: member?.id, epoch: member?.epoch }],
    }),
    isBase64Encoded: false,
  };
  const program = path.join(import.meta.dirname, "programs/invoke-without-aws.ts");
  const invoke = (handler: string) =>
    run([program, path.resolve(import.meta.dirname, "../../functions", handler)], JSON.stringify(event));
  const answer = JSON.parse(await invoke("heartbeat.ts")) as { statusCode: number; body: string };
  expect(answer.statusCode).toBe(200);
  expect(JSON.parse(answer.body)).toMatchObject({ sessions: [{ id: member?.id, commands: [] }] });
  await expect(invoke("sessions.ts")).rejects.toThrow(/@aws-sdk\/[a-z-]+ is not here/);
});
