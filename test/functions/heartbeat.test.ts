import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { HeartbeatAnswer } from "../../shared/contract/heartbeat-answer.ts";
import { TOKEN_RENEWAL_MS } from "../../shared/domain/tokens.ts";
import { useEmbeddedCloud } from "../fixtures/embedded-cloud.ts";
import { type Actor, holdTask, makeKey, must, registerSession, resign } from "./cast.ts";
import { type CloudDump, createCloudDump } from "./cloud-dump.ts";

const cloud = useEmbeddedCloud({
  profile: "standard",
  schedule: false,
  functions: { sweep: "test/functions/quiet.handler", dispatch: "test/functions/quiet.handler" },
});

let stores: CloudDump;
beforeAll(() => {
  stores = createCloudDump(cloud());
});
afterAll(() => {
  stores.close();
});

type Beat = { seq?: number; sessions?: object[]; host?: string; boot?: string } & Record<string, unknown>;

async function beat(hostToken: string, host: string, { seq = 1, ...more }: Beat): Promise<HeartbeatAnswer> {
  const body = { host, boot: `boot-of-${host}`, seq, sessions: [], ...more };
  const answer = await must(cloud(), "POST", "/v1/heartbeat", { key: hostToken, body });
  expect(HeartbeatAnswer.parse(answer)).toEqual(answer);
  return answer as HeartbeatAnswer;
}

const commandsOf = ({ sessions }: HeartbeatAnswer, id: string) =>
  sessions.find((session) => session.id === id)?.commands.map(({ type }) => type);
const memberOf = (host: string, { id, epoch }: Actor) => `default:${host}:${id}:${epoch}`;
const deadlineOf = async (host: string, actor: Actor) =>
  Number(await stores.redis("ZSCORE", "shim:deadlines", memberOf(host, actor)));
const setDeadline = (host: string, actor: Actor, ms: number) =>
  stores.redis("ZADD", "shim:deadlines", "XX", ms, memberOf(host, actor));
const reportOf = async (id: string) =>
  JSON.parse(String(await stores.redis("GET", `shim:reported:default:${id}`))) as object;

describe("a replayed beat", () => {
  test("answers 200, shortens no deadline and takes back no report", async () => {
    const session = await registerSession(cloud(), {
      id: "replayed",
      host: "r1",
      capabilities: ["replayed"],
    });
    const fence = await holdTask(cloud(), session, { id: "replayed-task" });
    const working = {
      id: "replayed",
      epoch: 1,
      activity: "working",
      tasks: [{ id: "replayed-task", fence, percent: 40 }],
    };
    const idle = { id: "replayed", epoch: 1, activity: "idle", tasks: [] };
    await beat(session.hostToken, "r1", { seq: 4, sessions: [idle] });
    await beat(session.hostToken, "r1", { seq: 5, sessions: [working] });
    const deadlineMs = await deadlineOf("r1", session);
    const report = await reportOf("replayed");
    expect(report).toMatchObject({ seq: 5, activity: "working" });
    for (const replay of [
      { seq: 5, sessions: [working] },
      { seq: 4, sessions: [idle] },
      { seq: 0, sessions: [idle] },
    ]) {
      await beat(session.hostToken, "r1", replay);
      expect(await deadlineOf("r1", session)).toBeGreaterThanOrEqual(deadlineMs);
      expect(await reportOf("replayed")).toEqual(report);
    }
  });

  test("does not move a deadline that is later already, and extends by no more than one timeout", async () => {
    const session = await registerSession(cloud(), { id: "ahead", host: "r2" });
    const laterMs = Date.now() + 3_600_000;
    await setDeadline("r2", session, laterMs);
    await beat(session.hostToken, "r2", { sessions: [{ id: "ahead", epoch: 1 }] });
    expect(await deadlineOf("r2", session)).toBe(laterMs);
    await setDeadline("r2", session, Date.now() + 1);
    const { nowMs } = await beat(session.hostToken, "r2", { seq: 1, sessions: [{ id: "ahead", epoch: 1 }] });
    expect(await deadlineOf("r2", session)).toBe(nowMs + 30_000);
  });
});

describe("an agent of another version keeps working", () => {
  test("when it sends fields that this version does not know, anywhere", async () => {
    const session = await registerSession(cloud(), { id: "newer", host: "v1", capabilities: ["newer"] });
    const fence = await holdTask(cloud(), session, { id: "newer-task" });
    await setDeadline("v1", session, Date.now() + 1_000);
    const answer = await beat(session.hostToken, "v1", {
      shape: 2,
      sessions: [
        {
          id: "newer",
          epoch: 1,
          activity: "working",
          mood: { good: true },
          signals: { contextUsed: 0.4, unheardOf: [1, { deep: null }] },
          tasks: [{ id: "newer-task", fence, percent: 10, message: "on it", etaMs: 5 }],
        },
      ],
    });
    expect(commandsOf(answer, "newer")).toEqual([]);
    expect(await deadlineOf("v1", session)).toBe(answer.nowMs + 30_000);
  });

  test("when it leaves out every optional field", async () => {
    const session = await registerSession(cloud(), { id: "older", host: "v2" });
    await setDeadline("v2", session, Date.now() + 1_000);
    const answer = await beat(session.hostToken, "v2", { sessions: [{ id: "older", epoch: 1 }] });
    expect(commandsOf(answer, "older")).toEqual([]);
    expect(await deadlineOf("v2", session)).toBe(answer.nowMs + 30_000);
  });

  test("when it sends no Shim-Protocol", async () => {
    const response = await fetch(`${cloud().url}/v1/tasks`, {
      headers: { authorization: `Bearer ${cloud().adminKey}` },
    });
    expect(response.status).toBe(200);
  });
});

describe("a beat speaks only for its own host", () => {
  test("another host's session is told to stop, and its deadline stays where it is", async () => {
    const mine = await registerSession(cloud(), { id: "mine", host: "o1" });
    const theirs = await registerSession(cloud(), { id: "theirs", host: "o2" });
    const deadlineMs = Date.now() + 5_000;
    await setDeadline("o2", theirs, deadlineMs);
    const answer = await beat(mine.hostToken, "o1", {
      sessions: [
        { id: "theirs", epoch: 1 },
        { id: "mine", epoch: 1 },
      ],
    });
    expect(commandsOf(answer, "theirs")).toEqual(["stop"]);
    expect(commandsOf(answer, "mine")).toEqual([]);
    expect(await deadlineOf("o2", theirs)).toBe(deadlineMs);
    const own = await beat(theirs.hostToken, "o2", { sessions: [{ id: "theirs", epoch: 1 }] });
    expect(commandsOf(own, "theirs")).toEqual([]);
  });

  test("an older start is told to stop, and the newer one in the same beat is not", async () => {
    const first = await registerSession(cloud(), { id: "twice", host: "o3" });
    const second = await registerSession(cloud(), { id: "twice", host: "o3" });
    expect(second.epoch).toBeGreaterThan(first.epoch);
    const sessions = [first, second].map(({ id, epoch }) => ({ id, epoch }));
    const answer = await beat(first.hostToken, "o3", { sessions });
    expect(answer.sessions.map(({ commands }) => commands)).toEqual([
      [{ type: "stop", reason: "session.superseded" }],
      [],
    ]);
  });
});

describe("another boot of a host", () => {
  const boot = (id: string, host: string, bootId: string, hostToken?: string) =>
    cloud().request("POST", "/v1/sessions", {
      body: { id, host, boot: bootId, agent: "test" },
      headers: hostToken === undefined ? {} : { "shim-host-token": hostToken },
    });

  test("is refused while the old one lives, and takes over with its host token; the old one's beats stop all", async () => {
    const a = await registerSession(cloud(), { id: "boot-a", host: "b1", capabilities: ["boot-a"] });
    await registerSession(cloud(), { id: "boot-b", host: "b1" });
    await holdTask(cloud(), a, { id: "boot-task" });
    const sessions = [
      { id: "boot-a", epoch: 1 },
      { id: "boot-b", epoch: 1 },
    ];
    expect(await boot("boot-c", "b1", "second")).toMatchObject({ status: 409, body: { code: "host.live" } });
    expect(
      (await beat(a.hostToken, "b1", { sessions })).sessions.flatMap(({ commands }) => commands),
    ).toMatchObject([{ type: "start" }]);

    expect(await boot("boot-c", "b1", "second", a.hostToken)).toMatchObject({ status: 201 });
    const old = await beat(a.hostToken, "b1", { seq: 2, sessions });
    expect(old.sessions.map(({ commands }) => commands)).toEqual([
      [{ type: "stop", reason: "session.superseded" }],
      [{ type: "stop", reason: "session.superseded" }],
    ]);
    expect(await cloud().request("GET", "/v1/tasks/boot-task")).toMatchObject({
      body: { task: { state: "queued" } },
    });
    expect(await cloud().request("GET", "/v1/sessions/boot-b")).toMatchObject({
      body: { session: { state: "crashed", epoch: 2 } },
    });
    expect(await boot("boot-d", "b1", "third", a.hostToken), "a token of the boot before").toMatchObject({
      status: 409,
      body: { code: "host.live" },
    });
  });

  test("needs no token once the old one's deadlines have passed", async () => {
    const session = await registerSession(cloud(), { id: "late-a", host: "b2" });
    await setDeadline("b2", session, Date.now() - 1);
    expect(await boot("late-b", "b2", "second")).toMatchObject({ status: 201 });
  });

  test("needs no token once all of the old one's sessions have ended", async () => {
    const session = await registerSession(cloud(), { id: "done-a", host: "b3" });
    await must(cloud(), "POST", "/v1/sessions/done-a/end", {
      key: session.token,
      body: { reason: "completed" },
    });
    expect(await boot("done-b", "b3", "second")).toMatchObject({ status: 201 });
  });

  test("the same boot registers further sessions without it", async () => {
    await registerSession(cloud(), { id: "same-a", host: "b4" });
    expect(await boot("same-b", "b4", "boot-of-b4")).toMatchObject({ status: 201 });
  });
});

describe("tokens are renewed by beats", () => {
  const soon = (token: string) =>
    resign(cloud(), token, { expiresMs: Date.now() + TOKEN_RENEWAL_MS - 1_000 });
  const config = ({ sessions }: HeartbeatAnswer) =>
    sessions.flatMap(({ commands }) =>
      commands.flatMap((command) => (command.type === "config" ? [command] : [])),
    );

  test("when they end soon, with tokens that work, while the API key counts", async () => {
    const key = await makeKey(cloud(), "agent");
    const session = await registerSession(cloud(), { id: "renewed", host: "t1" }, { key: key.secret });
    const sessions = [{ id: "renewed", epoch: 1 }];
    expect(config(await beat(session.hostToken, "t1", { sessions }))).toEqual([]);
    const [renewal] = config(await beat(soon(session.hostToken), "t1", { sessions }));
    expect(renewal?.tokenExpiresMs).toBeGreaterThan(Date.now() + TOKEN_RENEWAL_MS);
    expect(config(await beat(renewal?.hostToken ?? "", "t1", { sessions }))).toEqual([]);
    const claim = { key: renewal?.token, body: {} };
    expect(await cloud().request("POST", "/v1/sessions/renewed/claim", claim)).toMatchObject({ status: 200 });
  });

  test("a revoked key is refused at once, its tokens work on, and are not renewed", async () => {
    const key = await makeKey(cloud(), "agent");
    const session = await registerSession(cloud(), { id: "orphan", host: "t2" }, { key: key.secret });
    await must(cloud(), "DELETE", `/v1/keys/${key.id}`);
    const again = { key: key.secret, body: { host: "t2", boot: "boot-of-t2", agent: "test" } };
    expect(await cloud().request("POST", "/v1/sessions", again)).toMatchObject({
      status: 401,
      body: { code: "auth.revoked" },
    });
    expect(await cloud().request("GET", "/v1/tasks", { key: key.secret })).toMatchObject({ status: 401 });
    const sessions = [{ id: "orphan", epoch: 1 }];
    expect(commandsOf(await beat(session.hostToken, "t2", { sessions }), "orphan")).toEqual([]);
    expect(config(await beat(soon(session.hostToken), "t2", { sessions }))).toEqual([]);
    const claim = { key: session.token, body: {} };
    expect(await cloud().request("POST", "/v1/sessions/orphan/claim", claim)).toMatchObject({ status: 200 });
  });

  test("a key that Redis forgot is asked of the record before anything is renewed", async () => {
    const key = await makeKey(cloud(), "agent");
    const session = await registerSession(cloud(), { id: "forgotten", host: "t3" }, { key: key.secret });
    await stores.redis("DEL", `shim:key:default:${key.id}`);
    expect(
      config(await beat(soon(session.hostToken), "t3", { sessions: [{ id: "forgotten", epoch: 1 }] })),
    ).toEqual([]);
    expect(await stores.redis("ZSCORE", "shim:agenda", `key|default|${key.id}`)).not.toBeNull();
  });
});
