import { beforeAll, describe, expect, test } from "vitest";
import type { ErrorCode } from "../../shared/contract/errors.ts";
import type { HeartbeatAnswer } from "../../shared/contract/heartbeat-answer.ts";
import { MESSAGE_BYTES_LIMIT, TOPICS_LIMIT } from "../../shared/contract/limits.ts";
import type { MessagesAnswer, SendAnswer } from "../../shared/contract/message-routes.ts";
import { useEmbeddedCloud } from "../fixtures/embedded-cloud.ts";
import { type Actor, makeKey, must, registerSession } from "./cast.ts";

const cloud = useEmbeddedCloud({
  profile: "standard",
  schedule: false,
  functions: { sweep: "test/functions/quiet.handler", dispatch: "test/functions/quiet.handler" },
});

const send = (key: string | undefined, to: unknown, body: unknown, headers = {}) =>
  cloud().request("POST", "/v1/messages", { key, body: { to, body }, headers });
const read = ({ id, token }: Actor, query = "") =>
  must<MessagesAnswer>(cloud(), "GET", `/v1/sessions/${id}/messages${query}`, { key: token });
const acknowledge = ({ id, token }: Actor, cursor: unknown) =>
  cloud().request("POST", `/v1/sessions/${id}/messages/ack`, { key: token, body: { cursor } });
const bodies = ({ messages }: MessagesAnswer) => messages.map(({ body }) => body);
/** Text that is so many bytes as JSON, its quotes among them. */
const bytes = (length: number) => "x".repeat(length - '""'.length);

async function toldTo({ id, epoch, hostToken }: Actor, host: string, seq: number) {
  const sessions = [{ id, epoch }];
  const body = { host, boot: `boot-of-${host}`, seq, sessions };
  const answer = await must<HeartbeatAnswer>(cloud(), "POST", "/v1/heartbeat", { key: hostToken, body });
  return answer.sessions[0]?.commands.filter(({ type }) => type === "message") ?? [];
}

describe("two sessions", () => {
  test("talk, and one that restarts gets what it had not acknowledged, also when Redis was wiped", async () => {
    const alice = await registerSession(cloud(), { id: "alice", host: "ha" });
    let bob = await registerSession(cloud(), { id: "bob", host: "hb", topics: ["builds"] });
    for (const n of [1, 2, 3]) await send(alice.token, "session:bob", { n });
    await send(alice.token, "topic:builds", "green");
    expect(await toldTo(bob, "hb", 1)).toMatchObject([{ messages: [], more: true }]);
    const page = await read(bob);
    expect(bodies(page)).toEqual([{ n: 1 }, { n: 2 }, { n: 3 }, "green"]);
    expect((await acknowledge(bob, page.cursor)).status).toBe(200);
    expect(await toldTo(bob, "hb", 2)).toEqual([]);

    await send(alice.token, "session:bob", "handle me");
    const [command] = await toldTo(bob, "hb", 3);
    expect(command).toMatchObject({ more: false, messages: [{ body: "handle me", from: "session:alice" }] });
    const old = bob;
    bob = await registerSession(cloud(), { id: "bob", host: "hb", topics: ["builds"] });
    expect(await toldTo(bob, "hb", 4)).toEqual([{ ...command, cursor: expect.any(String) as string }]);
    const cursor = command?.type === "message" ? command.cursor : null;
    expect(await acknowledge(old, cursor)).toMatchObject({
      status: 409,
      body: { code: "session.superseded" },
    });
    await cloud().redis.flushAll();
    expect(bodies(await read(bob))).toEqual(["handle me"]);
    await acknowledge(bob, cursor);
    expect(await read(bob)).toEqual({ messages: [], cursor: null });
  });

  test("of two fleets never hear each other, and see nothing of each other", async () => {
    const { adminKey } = await must<{ adminKey: string }>(cloud(), "POST", "/v1/fleets", {
      key: cloud().rootKey,
      body: { id: "elsewhere" },
    });
    const ours = await registerSession(cloud(), { id: "twin", host: "h1", topics: ["t"] });
    const theirs = await registerSession(
      cloud(),
      { id: "twin", host: "h1", topics: ["t"] },
      { key: adminKey },
    );
    const only = await registerSession(cloud(), { id: "only-ours", host: "h1" });
    for (const to of ["session:twin", "topic:t", "*"])
      expect((await send(adminKey, to, to)).status).toBe(201);
    expect(bodies(await read(theirs))).toHaveLength(3);
    expect(bodies(await read(ours))).toEqual([]);
    expect(await send(theirs.token, `session:${only.id}`, 1)).toMatchObject({
      status: 404,
      body: { code: "session.not_found" },
    });
    const { cursor } = await read(theirs);
    expect(await acknowledge(ours, cursor)).toMatchObject({ status: 400, body: { code: "cursor.invalid" } });
    const path = `/v1/sessions/${only.id}/messages`;
    expect(await cloud().request("GET", path, { key: adminKey })).toMatchObject({ status: 404 });
  });
});

describe("POST /v1/messages", () => {
  test("with an Idempotency-Key is one message, and another body under that key is refused", async () => {
    const session = await registerSession(cloud(), { id: "keyed", host: "h2" });
    const headers = { "idempotency-key": "m1" };
    const first = await send(session.token, "session:keyed", "once", headers);
    expect(first.status).toBe(201);
    expect((await send(session.token, "session:keyed", "once", headers)).body).toEqual(first.body);
    expect(await send(session.token, "session:keyed", "twice", headers)).toMatchObject({
      status: 409,
      body: { code: "idempotency.mismatch" },
    });
    const { messages } = await read(session);
    expect(messages.map(({ id }) => id)).toEqual([(first.body as SendAnswer).id]);
  });

  test("takes a body of 64 KB and not a byte more", async () => {
    const session = await registerSession(cloud(), { id: "large", host: "h3" });
    const whole = bytes(MESSAGE_BYTES_LIMIT);
    expect((await send(session.token, "session:large", whole)).status).toBe(201);
    expect(await send(session.token, "session:large", `${whole}x`)).toMatchObject({
      status: 413,
      body: { code: "message.too_large" },
    });
    expect(bodies(await read(session))).toEqual([whole]);
  });

  test("counts the length of a body in bytes of UTF-8", async () => {
    const half = "ü".repeat(MESSAGE_BYTES_LIMIT / 2);
    expect((await send(undefined, "topic:umlauts", half.slice(1))).status).toBe(201);
    expect((await send(undefined, "topic:umlauts", half)).status).toBe(413);
  });

  test.each([
    "",
    "bob",
    "session:",
    "session:a b",
    "session:..",
    "topic:",
    "topic:ü",
    `topic:${"t".repeat(65)}`,
    "**",
  ])("to %j is refused", async (to) => {
    expect(await send(undefined, to, 1)).toMatchObject({ status: 400, body: { code: "request.invalid" } });
  });

  test("refuses unknown fields and a missing address", async () => {
    for (const body of [{ to: "*", body: 1, ttlMs: 5 }, { body: 1 }, [], "text"])
      expect(await cloud().request("POST", "/v1/messages", { body })).toMatchObject({
        status: 400,
        body: { code: "request.invalid" },
      });
  });
});

describe("whose credential", () => {
  let one: Actor;
  let two: Actor;
  const keys: Record<string, string> = {};
  beforeAll(async () => {
    one = await registerSession(cloud(), { id: "one", host: "h8" });
    two = await registerSession(cloud(), { id: "two", host: "h8" });
    for (const scope of ["agent", "submit", "operate"] as const)
      keys[scope] = (await makeKey(cloud(), scope)).secret;
  });

  test.each<[string, () => string | undefined, number, ErrorCode | null]>([
    ["an agent key", () => keys["agent"], 403, "scope.insufficient"],
    ["a submit key", () => keys["submit"], 403, "scope.insufficient"],
    ["the root key", () => cloud().rootKey, 403, "scope.insufficient"],
    ["a host's token", () => one.hostToken, 403, "scope.insufficient"],
    ["another session's token", () => two.token, 403, "session.forbidden"],
    ["an operate key", () => keys["operate"], 200, null],
  ])("reads and acknowledges: %s", async (_, key, status, code) => {
    const answer = await cloud().request("GET", "/v1/sessions/one/messages", { key: key() });
    expect(answer.status).toBe(status);
    if (code === null) return;
    expect(answer.body).toMatchObject({ code });
    const ack = { key: key(), body: { cursor: "x" } };
    expect(await cloud().request("POST", "/v1/sessions/one/messages/ack", ack)).toMatchObject({
      status,
      body: { code },
    });
    if (code === "session.forbidden") return;
    expect(await send(key(), "*", 1)).toMatchObject({ status, body: { code } });
  });

  test("a cursor that is none is refused, and so is an ended session's token", async () => {
    for (const query of ["?cursor=none", `?cursor=${"x".repeat(9_000)}`]) {
      const answer = await cloud().request("GET", `/v1/sessions/one/messages${query}`, { key: one.token });
      expect(answer).toMatchObject({ status: 400, body: { code: "cursor.invalid" } });
    }
    expect(await acknowledge(one, 7)).toMatchObject({ status: 400, body: { code: "request.invalid" } });
    expect(await acknowledge(one, "")).toMatchObject({ status: 400, body: { code: "cursor.invalid" } });
    await must(cloud(), "POST", "/v1/sessions/two/end", { key: two.token, body: { reason: "completed" } });
    expect(await send(two.token, "*", 1)).toMatchObject({ status: 409 });
    expect((await send(one.token, "session:two", "for when you are back")).status).toBe(201);
    const back = await registerSession(cloud(), { id: "two", host: "h8" });
    expect(bodies(await read(back))).toContain("for when you are back");
  });
});

describe("topics of a registration", () => {
  const register = (topics: unknown) =>
    cloud().request("POST", "/v1/sessions", { body: { host: "h9", boot: "b", agent: "t", topics } });
  const names = (count: number) => Array.from({ length: count }, (_, i) => `topic-${i}`);

  test("are at most 20 words", async () => {
    expect((await register(names(TOPICS_LIMIT))).status).toBe(201);
    for (const topics of [names(TOPICS_LIMIT + 1), [""], ["a b"], ["t".repeat(65)], "t", [1]])
      expect(await register(topics)).toMatchObject({ status: 400, body: { code: "request.invalid" } });
  });
});
