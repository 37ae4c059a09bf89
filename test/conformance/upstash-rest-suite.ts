import { createHash, randomUUID } from "node:crypto";
import { Redis } from "@upstash/redis";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startRedis } from "../../infra/local/redis.ts";
import type { RedisEngine, RedisServer } from "../../infra/local/redis.ts";
import { startUpstashRest } from "../../infra/local/upstash-rest.ts";
import type { UpstashRest } from "../../infra/local/upstash-rest.ts";

/** What handlers rely on from Upstash, asked by its own client of the embedded REST server over one engine. */
export function describeUpstashRest(engine: RedisEngine): void {
  let server: RedisServer;
  let rest: UpstashRest;
  let client: Redis;
  const commands: string[] = [];
  const key = (name: string) => `${name}:${randomUUID()}`;
  const connect = (
    options: { token?: string; responseEncoding?: false; enableAutoPipelining?: boolean } = {},
  ) =>
    new Redis({
      url: rest.url,
      token: rest.token,
      automaticDeserialization: false,
      enableTelemetry: false,
      retry: false,
      ...options,
    });
  const post = (
    path: string,
    body?: string | Uint8Array<ArrayBuffer>,
    headers: Record<string, string> = {},
  ) =>
    fetch(`${rest.url}${path}`, {
      method: "POST",
      body,
      headers: { authorization: `Bearer ${rest.token}`, ...headers },
    });

  beforeAll(async () => {
    server = await startRedis({ engine });
    rest = await startUpstashRest({
      redis: server,
      token: "conformance",
      onCommand: (name) => commands.push(name),
    });
    client = connect();
  });
  afterAll(async () => {
    await rest.close();
    await server.close();
  });

  describe("commands", () => {
    test("strings keep their text, numbers count and expiry is set", async () => {
      const name = key("string");
      expect(await client.set(name, "grüße, 世界 🚀", { ex: 100 })).toBe("OK");
      expect(await client.get(name)).toBe("grüße, 世界 🚀");
      expect(await client.ttl(name)).toBeGreaterThan(95);
      expect(await client.set(name, "other", { nx: true })).toBeNull();
      expect(await client.mget(name, key("absent"))).toEqual(["grüße, 世界 🚀", null]);
      expect(await client.incrby(key("counter"), 41)).toBe(41);
      expect(await client.del(name)).toBe(1);
    });

    test("hashes keep every field, and an absent hash is empty", async () => {
      const name = key("hash");
      expect(await client.hset(name, { rev: "3", doc: '{"a":[1]}' })).toBe(2);
      expect(await client.hgetall(name)).toEqual(["rev", "3", "doc", '{"a":[1]}']);
      expect(await client.hget(name, "doc")).toBe('{"a":[1]}');
      expect(await client.hgetall(key("absent"))).toEqual([]);
    });

    test("ZADD XX GT CH neither revives a removed member nor lowers a score, and its count falls short", async () => {
      const name = key("deadlines");
      await client.zadd(name, { score: 100, member: "a" }, { score: 100, member: "b" });
      const renew = (score: number) =>
        client.zadd(name, { xx: true, gt: true, ch: true }, { score, member: "a" }, { score, member: "b" });
      expect(await renew(200)).toBe(2);
      expect(await renew(150)).toBe(0);
      expect(await client.zrem(name, "b")).toBe(1);
      expect(await renew(300)).toBe(1);
      expect(await client.zscore(name, "b")).toBeNull();
      expect(await client.zrange(name, 0, 300, { byScore: true, withScores: true })).toEqual(["a", "300"]);
      expect(await client.zrange(name, "-inf", "(300", { byScore: true, offset: 0, count: 10 })).toEqual([]);
    });

    test("lists and sets keep their order and members", async () => {
      const [list, set] = [key("list"), key("set")];
      expect(await client.rpush(list, "1", "2", "3")).toBe(3);
      expect(await client.lrange(list, 0, -1)).toEqual(["1", "2", "3"]);
      expect(await client.lmove(list, key("moved"), "left", "right")).toBe("1");
      expect(await client.sadd(set, "x", "y", "x")).toBe(2);
      expect(new Set(await client.smembers(set))).toEqual(new Set(["x", "y"]));
    });

    test("streams are read from a position, by groups and acknowledged", async () => {
      const name = key("stream");
      const first = await client.xadd(name, "*", { body: "one" });
      await client.xadd(name, "*", { body: "two" });
      expect(await client.xlen(name)).toBe(2);
      expect(await client.exec(["XRANGE", name, `(${first}`, "+"])).toEqual([
        [expect.stringMatching(/^\d+-\d+$/), ["body", "two"]],
      ]);
      await client.xgroup(name, { type: "CREATE", group: "g", id: "0" });
      const read = (await client.xreadgroup("g", "c", name, ">", { count: 1 })) as [
        string,
        [string, string[]][],
      ][];
      expect(read).toEqual([[name, [[first, ["body", "one"]]]]]);
      expect(await client.xack(name, "g", first)).toBe(1);
    });
  });

  describe("many at once", () => {
    test("a pipeline answers in order and one failure harms no other", async () => {
      const name = key("pipeline");
      const replies = await client
        .pipeline()
        .set(name, "text")
        .lpush(name, "x")
        .get(name)
        .exec({ keepErrors: true });
      expect(replies.map(({ result }) => result)).toEqual(["OK", undefined, "text"]);
      expect(replies[1].error).toMatch(/^WRONGTYPE/);
    });

    test("calls of one tick reach Redis as one request when the client pipelines by itself", async () => {
      const auto = connect({ enableAutoPipelining: true });
      const names = Array.from({ length: 20 }, () => key("auto"));
      expect(await Promise.all(names.map((name, index) => auto.set(name, String(index))))).toEqual(
        names.map(() => "OK"),
      );
      expect(await Promise.all(names.map((name) => auto.get(name)))).toEqual(
        names.map((_, index) => String(index)),
      );
    });

    test("a transaction's commands are not mixed with other requests", async () => {
      const name = key("transaction");
      const rounds = Array.from({ length: 20 }, () =>
        client.multi().incr(name).incr(name).get(name).exec<[number, number, string]>(),
      );
      for (const [first, second, text] of await Promise.all(rounds)) {
        expect(second).toBe(first + 1);
        expect(text).toBe(String(second));
      }
    });

    test("a transaction with a command that Redis refuses to queue changes nothing", async () => {
      const name = key("discarded");
      const response = await post("/multi-exec", JSON.stringify([["set", name, "1"], ["get"]]));
      expect(response.status).toBe(400);
      expect(((await response.json()) as { error: string }).error).toMatch(/wrong number of arguments/);
      expect(await client.get(name)).toBeNull();
      expect(await client.set(name, "still works")).toBe("OK");
    });
  });

  describe("scripts", () => {
    const script = 'return cjson.encode({ key = KEYS[1], arg = ARGV[1], was = redis.call("GET", KEYS[1]) })';
    const hash = (text: string) => createHash("sha1").update(text).digest("hex");

    test("EVAL sees keys and arguments, EVALSHA runs what was loaded", async () => {
      const name = key("script");
      await client.set(name, "before");
      const expected = { key: name, arg: "x", was: "before" };
      expect(JSON.parse(await client.eval(script, [name], ["x"]))).toEqual(expected);
      expect(await client.scriptLoad(script)).toBe(hash(script));
      expect(JSON.parse(await client.evalsha(hash(script), [name], ["x"]))).toEqual(expected);
    });

    test("an unknown hash answers NOSCRIPT, also after Redis lost everything", async () => {
      const text = `${script} -- ${randomUUID()}`;
      await expect(client.evalsha(hash(text), ["k"], ["x"])).rejects.toThrow(/NOSCRIPT/);
      await client.scriptLoad(text);
      await server.flushAll();
      await expect(client.evalsha(hash(text), ["k"], ["x"])).rejects.toThrow(/NOSCRIPT/);
    });

    test("Upstash's script flags are accepted and the hash is that of the script as it was sent", async () => {
      const flagged = `#!lua flags=allow-key-locking\n${script}`;
      await expect(client.evalsha(hash(flagged), ["k"], ["x"])).rejects.toThrow(/NOSCRIPT/);
      expect(JSON.parse(await client.eval(flagged, ["k"], ["x"]))).toMatchObject({ key: "k" });
      expect(JSON.parse(await client.evalsha(hash(flagged), ["k"], ["x"]))).toMatchObject({ key: "k" });
      expect(await client.scriptLoad(flagged)).toBe(hash(flagged));
      await server.flushAll();
      await expect(client.evalsha(hash(flagged), ["k"], ["x"])).rejects.toThrow(/NOSCRIPT/);
    });

    test("a script's own error reaches the caller", async () => {
      await expect(client.eval('return redis.error_reply("lease.stale")', [], [])).rejects.toThrow(
        /lease\.stale/,
      );
      await expect(client.eval("this is not Lua", [], [])).rejects.toThrow(/compil|script/i);
    });
  });

  describe("publish and subscribe", () => {
    test("subscribers get what is published on their channel, and pattern subscribers theirs", async () => {
      const channel = key("channel");
      const direct = client.subscribe<string>(channel);
      const pattern = client.psubscribe<string>(`${channel.slice(0, -4)}*`);
      const heard: string[] = [];
      direct.on("message", ({ message }) => heard.push(`direct ${message}`));
      pattern.on("pmessage", ({ message, channel: from }) =>
        heard.push(`pattern ${from === channel} ${message}`),
      );
      await expect.poll(() => client.publish(channel, "probe")).toBe(2);
      await client.publish(channel, '{"text":"ä, b, c"}');
      await expect.poll(() => heard).toContain('direct {"text":"ä, b, c"}');
      await expect.poll(() => heard.some((line) => line.startsWith("pattern true"))).toBe(true);
      await Promise.all([direct.unsubscribe(), pattern.unsubscribe()]);
      await expect.poll(() => client.publish(channel, "nobody")).toBe(0);
    });
  });

  describe("encoding", () => {
    test("bytes that are not UTF-8 survive both ways under base64", async () => {
      const name = key("binary");
      const bytes = new Uint8Array([0, 255, 254, 10, 13, 128, 34, 92]);
      expect(await (await post(`/set/${name}?EX=60`, bytes)).json()).toEqual({ result: "OK" });
      const response = await post("/", JSON.stringify(["get", name]), { "upstash-encoding": "base64" });
      expect(await response.json()).toEqual({ result: Buffer.from(bytes).toString("base64") });
      expect(await client.ttl(name)).toBeGreaterThan(0);
    });

    test("base64 and plain answers mean the same to the client", async () => {
      const name = key("encoded");
      const plain = connect({ responseEncoding: false });
      await client.hset(name, { text: "ünï", json: '{"a":1}' });
      expect(await client.hgetall(name)).toEqual(await plain.hgetall(name));
      expect(await client.zadd(key("z"), { score: 1.5, member: "m" })).toBe(1);
    });

    test("path-style commands take arguments from the path, the body and the query", async () => {
      const name = key("path");
      expect(await (await post(`/set/${name}/a%2Fb%20c?EX=100`)).json()).toEqual({ result: "OK" });
      const got = await fetch(`${rest.url}/get/${name}?_token=${rest.token}`);
      expect(await got.json()).toEqual({ result: "a/b c" });
      expect(await client.ttl(name)).toBeGreaterThan(95);
    });
  });

  describe("refusals", () => {
    test("a missing or wrong token is 401 and runs nothing", async () => {
      const before = commands.length;
      expect((await fetch(rest.url, { method: "POST", body: '["ping"]' })).status).toBe(401);
      await expect(connect({ token: "wrong" }).ping()).rejects.toThrow(/WRONGPASS/);
      expect(commands).toHaveLength(before);
    });

    test.each([
      "subscribe x",
      "blpop x 0",
      "multi",
      "select 1",
      "shutdown",
      "client reply off",
      "xread block 0 streams s 0",
    ])("%s is refused, alone, in a pipeline and in a transaction", async (line) => {
      const command = line.split(" ");
      expect((await post("/", JSON.stringify(command))).status).toBe(400);
      const [reply] = (await (await post("/pipeline", JSON.stringify([command]))).json()) as {
        error: string;
      }[];
      expect(reply?.error).toMatch(/not available/);
      expect((await post("/multi-exec", JSON.stringify([command]))).status).toBe(400);
      expect(await client.ping()).toBe("PONG");
    });

    test("Redis's own errors are 400 with its text, and other methods are 405", async () => {
      const name = key("text");
      await client.set(name, "x");
      await expect(client.lpush(name, "y")).rejects.toThrow(/WRONGTYPE Operation against a key/);
      const unknown = await post("/", '["nosuchcommand"]');
      expect([unknown.status, await unknown.json()]).toEqual([
        400,
        { error: expect.stringMatching(/^ERR unknown command/) as string },
      ]);
      expect((await fetch(rest.url, { method: "DELETE" })).status).toBe(405);
    });

    test.each(["", "{}", "[]", '["set","k",null]', "not json"])("the body %j is refused", async (body) => {
      const response = await post("/", body);
      expect(response.status).toBe(400);
      expect(await response.json()).toEqual({ error: expect.stringMatching(/^ERR /) as string });
    });
  });

  test("every command is counted once as it reaches Redis, in pipelines and transactions too", async () => {
    const name = key("counted");
    const before = commands.length;
    await client.set(name, "1");
    await client.pipeline().get(name).incr(name).exec();
    await client.multi().get(name).del(name).exec();
    expect(commands.slice(before)).toEqual(["SET", "GET", "INCR", "GET", "DEL"]);
  });

  test("an outage cuts requests, and answers come again after it", async () => {
    rest.setReachable(false);
    await expect(client.ping()).rejects.toThrow();
    rest.setReachable(true);
    expect(await client.ping()).toBe("PONG");
  });
}
