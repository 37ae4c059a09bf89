import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Key } from "../../shared/contract/fleet.ts";
import type { Task } from "../../shared/contract/task.ts";
import { useEmbeddedCloud } from "../fixtures/embedded-cloud.ts";
import { type Actor, holdTask, inAnHour, makeKey, must, registerSession } from "./cast.ts";
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

type Page = { cursor: string | null };
const get = <T>(path: string, key?: string) => must<T>(cloud(), "GET", path, { key });
const code = async (method: string, path: string, key: string, body?: unknown) =>
  ((await cloud().request(method, path, { key, body })).body as { code: string }).code;

describe("one fleet never observes another", () => {
  type Side = { key: string; session: Actor };
  let red: Side;
  let blue: Side;

  /** The same names on both sides: only the credential tells them apart. */
  async function makeSide(fleet: string): Promise<Side> {
    const { adminKey: key } = await must<{ adminKey: string }>(cloud(), "POST", "/v1/fleets", {
      key: cloud().rootKey,
      body: { id: fleet },
    });
    const session = await registerSession(
      cloud(),
      { id: "twin", host: "h1", capabilities: ["twin"] },
      { key },
    );
    await holdTask(cloud(), session, { id: "twin-task", data: fleet, group: "g" }, key);
    await must(cloud(), "POST", "/v1/tasks", {
      key,
      body: Array.from({ length: 60 }, (_, i) => ({
        id: `${fleet}-${i}`,
        type: "t",
        data: {},
        requires: ["nobody"],
        group: "g",
      })),
    });
    await must(cloud(), "POST", "/v1/tasks", {
      key,
      body: Array.from({ length: 60 }, (_, i) => ({
        id: `${fleet}-more-${i}`,
        type: "t",
        data: {},
        requires: ["nobody"],
        group: "g",
      })),
    });
    return { key, session };
  }

  beforeAll(async () => {
    red = await makeSide("red");
    blue = await makeSide("blue");
  });

  test("ids of one fleet are unknown in another", async () => {
    const { key } = blue;
    expect(await code("GET", "/v1/tasks/red-1", key)).toBe("task.not_found");
    expect(await code("POST", "/v1/tasks/red-1/cancel", key)).toBe("task.not_found");
    expect(await code("POST", "/v1/tasks/red-1/redrive", key)).toBe("task.not_found");
    expect(await code("POST", "/v1/tasks/red-1/complete", blue.session.token, { fence: 1, result: 1 })).toBe(
      "task.not_found",
    );
    expect(await code("POST", "/v1/tasks", key, { type: "t", data: 1, dependsOn: ["red-1"] })).toBe(
      "dependency.unknown",
    );
    const { keys } = await get<{ keys: Key[] }>("/v1/keys", red.key);
    expect(await code("DELETE", `/v1/keys/${keys[0]?.id ?? ""}`, key)).toBe("key.not_found");
  });

  test("equal ids are two tasks and two sessions, and what is done to one leaves the other", async () => {
    const data = async ({ key }: Side) => (await get<{ task: Task }>("/v1/tasks/twin-task", key)).task.data;
    expect(await data(red)).toBe("red");
    expect(await data(blue)).toBe("blue");
    await must(cloud(), "POST", "/v1/tasks/twin-task/complete", {
      key: red.session.token,
      body: { fence: 1, result: 1 },
    });
    await must(cloud(), "POST", "/v1/sessions/twin/drain", { key: red.key });
    expect((await get<{ task: Task }>("/v1/tasks/twin-task", blue.key)).task.state).toBe("running");
    const { session } = await get<{ session: { state: string } }>("/v1/sessions/twin", blue.key);
    expect(session.state).toBe("live");
  });

  test("lists, counts and loads show only their own", async () => {
    const { tasks } = await get<{ tasks: Task[] }>("/v1/tasks", blue.key);
    expect(tasks.length).toBeGreaterThan(0);
    expect(tasks.filter(({ id }) => !id.startsWith("blue") && id !== "twin-task")).toEqual([]);
    const { sessions } = await get<{ sessions: { id: string }[] }>("/v1/sessions", cloud().adminKey);
    expect(sessions).toEqual([]);
    expect(await get("/v1/load", blue.key)).toHaveLength(1);
    expect(await get("/v1/progress", blue.key)).toMatchObject({ totalTasks: 121, activeChats: 1 });
    expect(await get("/v1/progress", cloud().adminKey)).toMatchObject({
      totalTasks: 0,
      activeChats: 0,
      results: [],
    });
  });

  test("a token speaks in its own fleet alone, though host, boot and session have the same names", async () => {
    const beat = { host: "h1", boot: "boot-of-h1", seq: 1, sessions: [{ id: "twin", epoch: 1, tasks: [] }] };
    const answer = await must<{ sessions: { commands: unknown[] }[] }>(cloud(), "POST", "/v1/heartbeat", {
      key: blue.session.hostToken,
      body: beat,
    });
    expect(answer.sessions[0]?.commands).toEqual([{ type: "start", taskIds: ["twin-task"] }]);
    const registration = { id: "guest", host: "h1", boot: "other-boot", agent: "t" };
    const refused = await cloud().request("POST", "/v1/sessions", {
      key: red.key,
      headers: { "shim-host-token": blue.session.hostToken },
      body: registration,
    });
    expect(refused).toMatchObject({ status: 409, body: { code: "host.live" } });
  });

  test("cursors are opaque, and open only where they were made", async () => {
    const { cursor } = await get<Page>("/v1/tasks", red.key);
    if (cursor === null) throw new Error("The listing should have a second page.");
    expect(cursor).toMatch(/^[\w-]+$/);
    expect(Buffer.from(cursor, "base64url").toString("latin1")).not.toMatch(/red|group|open/);
    const at = (path: string) => `${path}${path.includes("?") ? "&" : "?"}cursor=${cursor}`;
    const { tasks } = await get<{ tasks: Task[] }>(at("/v1/tasks"), red.key);
    expect(tasks.length).toBeGreaterThan(0);
    const elsewhere: [string, string][] = [
      ["another fleet", blue.key],
      ["the default fleet", cloud().adminKey],
    ];
    for (const [where, key] of elsewhere)
      expect(await code("GET", at("/v1/tasks"), key), where).toBe("cursor.invalid");
    for (const path of ["/v1/tasks?state=queued", "/v1/tasks?group=g", "/v1/progress", "/v1/sessions"])
      expect(await code("GET", at(path), red.key), path).toBe("cursor.invalid");
    const middle = Math.floor(cursor.length / 2);
    const tampered = [
      cursor.slice(0, middle) + (cursor[middle] === "A" ? "B" : "A") + cursor.slice(middle + 1),
      cursor.slice(0, -4),
      `${cursor}AAAA`,
      "A".repeat(cursor.length),
    ];
    for (const text of tampered)
      expect(await code("GET", `/v1/tasks?cursor=${text}`, red.key), text).toBe("cursor.invalid");
  });

  test("pages together show every task once, with and without a filter", async () => {
    for (const filter of ["", "state=queued&", "group=g&", "state=queued&group=g&"]) {
      const seen: string[] = [];
      let cursor: string | null = null;
      do {
        const page: Page & { tasks: Task[] } = await get(
          `/v1/tasks?${filter}${cursor === null ? "" : `cursor=${cursor}`}`,
          blue.key,
        );
        seen.push(...page.tasks.map(({ id }) => id));
        cursor = page.cursor;
      } while (cursor !== null);
      expect(new Set(seen).size, filter).toBe(seen.length);
      expect(seen, filter).toHaveLength(filter.includes("state") ? 120 : 121);
    }
  });
});

describe("the root key", () => {
  test("makes fleets and the keys of the default fleet, and does nothing else", async () => {
    const key = cloud().rootKey;
    const made = await must<{ key: Key; secret: string }>(cloud(), "POST", "/v1/keys", {
      key,
      body: { scope: "admin" },
    });
    expect((await get<{ keys: Key[] }>("/v1/keys", made.secret)).keys).toContainEqual(made.key);
    await must(cloud(), "DELETE", `/v1/keys/${made.key.id}`, { key });
    for (const path of ["/v1/tasks", "/v1/sessions", "/v1/progress", "/v1/load"])
      expect(await code("GET", path, key), path).toBe("scope.insufficient");
    expect(await code("POST", "/v1/tasks", key, { type: "t", data: 1 })).toBe("scope.insufficient");
  });

  test("gives a new fleet an admin key that may do all of its fleet, and only there", async () => {
    const { adminKey: key } = await must<{ adminKey: string }>(cloud(), "POST", "/v1/fleets", {
      key: cloud().rootKey,
      body: { id: "green" },
    });
    await must(cloud(), "POST", "/v1/tasks", { key, body: { type: "t", data: 1 } });
    expect(await get("/v1/progress", key)).toMatchObject({ totalTasks: 1 });
    expect(await code("GET", "/v1/fleets", key)).toBe("scope.insufficient");
  });
});

describe("API keys", () => {
  test("their secrets are told once, and never listed nor stored readably", async () => {
    const key = await makeKey(cloud(), "submit");
    const listing = await cloud().request("GET", "/v1/keys");
    const text = JSON.stringify(listing.body);
    expect(text).toContain(key.id);
    expect(text).not.toContain(key.secret);
    expect(text).not.toContain(key.secret.split(".").at(-1));
    expect(text).not.toMatch(/hash/i);
  });

  test("a revoked key is refused with the next request, and stays listed as revoked", async () => {
    const key = await makeKey(cloud(), "submit");
    await get("/v1/tasks", key.secret);
    await must(cloud(), "DELETE", `/v1/keys/${key.id}`);
    expect(await code("GET", "/v1/tasks", key.secret)).toBe("auth.revoked");
    const { keys } = await get<{ keys: Key[] }>("/v1/keys");
    expect(keys.find(({ id }) => id === key.id)?.revokedAt).toEqual(expect.any(String));
  });

  test("a key counts until it expires, and not after", async () => {
    const key = await makeKey(cloud(), "submit", { expiresAt: inAnHour() });
    await get("/v1/tasks", key.secret);
    await stores.expireKey(key.id, Date.now());
    expect(await code("GET", "/v1/tasks", key.secret)).toBe("auth.revoked");
  });

  test("an admin's key may revoke itself, and the root key makes another", async () => {
    const key = await makeKey(cloud(), "admin");
    await must(cloud(), "DELETE", `/v1/keys/${key.id}`, { key: key.secret });
    expect(await code("GET", "/v1/keys", key.secret)).toBe("auth.revoked");
    await makeKey(cloud(), "admin", { as: cloud().rootKey });
  });
});
