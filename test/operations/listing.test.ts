import { randomBytes } from "node:crypto";
import { describe, expect, it } from "vitest";
import { type Chat, passTime } from "../fixtures/at-rest.ts";
import { interrupting, portsWithout, tapPorts } from "../fixtures/crash-points.ts";
import { FLEET, type World, createWorld, must } from "../fixtures/memory-world.ts";
import { hashSecret, parseApiKey } from "../../shared/domain/api-key.ts";
import { cancelTask } from "../../shared/operations/cancel-task.ts";
import { checkHealth } from "../../shared/operations/check-health.ts";
import { endSession } from "../../shared/operations/end-session.ts";
import { listLoad, listSessions } from "../../shared/operations/list-sessions.ts";
import { type TaskFilter, listTasks } from "../../shared/operations/list-tasks.ts";
import { createFleet, listFleets } from "../../shared/operations/manage-fleets.ts";
import { createKey, listKeys, revokeKey } from "../../shared/operations/manage-keys.ts";
import { rollUpGroup } from "../../shared/operations/roll-up-group.ts";
import { completeTask } from "../../shared/operations/settle-task.ts";
import { submitTasks } from "../../shared/operations/submit-tasks.ts";
import { summariseProgress } from "../../shared/operations/summarise-progress.ts";

async function listAll(world: World, filter: TaskFilter, between = async () => {}): Promise<string[]> {
  const found: string[] = [];
  let cursor: string | null = null;
  do {
    const page: Awaited<ReturnType<typeof listTasks>> = await listTasks(world.ports, FLEET, filter, cursor);
    expect(page.tasks.length).toBeLessThanOrEqual(100);
    found.push(...page.tasks.map(({ id }) => id));
    cursor = page.cursor;
    await between();
  } while (cursor !== null);
  return found;
}

/** 330 tasks in three groups: submissions of a hundred, of seven and of one. */
async function crowded() {
  const world = createWorld();
  const chat = await world.register("s1", { capacity: 100 });
  const ids: string[] = [];
  const submit = async (count: number, group: string | undefined) => {
    const tasks = Array.from({ length: count }, () => ({
      id: `t${ids.length}`,
      type: "t",
      data: 0,
      group,
    })).map((task, i) => ({ ...task, id: `t${ids.length + i}` }));
    ids.push(...tasks.map(({ id }) => id));
    must(await submitTasks(world.ports, FLEET, tasks, null));
  };
  await submit(100, "g1");
  await submit(100, undefined);
  for (let i = 0; i < 10; i++) await submit(7, "g2");
  for (let i = 0; i < 60; i++) await submit(1, "g1");
  return { world, chat, ids };
}

async function completeSome(world: World, chat: Chat, count: number): Promise<string[]> {
  const claimed = await world.claim(chat, count);
  for (const { task, fence } of claimed)
    must(await completeTask(world.ports, chat.claims, task.id, { fence, result: task.id }));
  return claimed.map(({ task }) => task.id);
}

describe("listing tasks", () => {
  it("returns every task exactly once, by group and by state too", async () => {
    const { world, chat, ids } = await crowded();
    const done = await completeSome(world, chat, 40);
    await passTime(world, 35_000, [chat]);
    const all = await listAll(world, { group: null, states: null });
    expect(all).toHaveLength(ids.length);
    expect(new Set(all)).toEqual(new Set(ids));
    expect((await listAll(world, { group: "g2", states: null })).sort()).toEqual(ids.slice(200, 270).sort());
    expect(await listAll(world, { group: "nothing", states: null })).toEqual([]);
    expect((await listAll(world, { group: null, states: ["completed"] })).sort()).toEqual([...done].sort());
    const open = await listAll(world, { group: null, states: ["queued", "assigned", "running", "blocked"] });
    expect(open.sort()).toEqual(ids.filter((id) => !done.includes(id)).sort());
  });

  it("misses no task though others end and are rolled up while it goes on", async () => {
    const { world, ids } = await crowded();
    let pages = 0;
    const found = await listAll(world, { group: null, states: null }, async () => {
      if (++pages > 1) return;
      for (const id of ids.slice(0, 50)) must(await cancelTask(world.ports, FLEET, id, null));
      for (const group of ["g1", "g2", "-"]) await rollUpGroup(world.ports, FLEET, group);
    });
    expect(new Set(found)).toEqual(new Set(ids));
  });
});

describe("the progress summary", () => {
  it("sums to the total at every moment, whatever has been rolled up", async () => {
    const { world, chat, ids } = await crowded();
    let completed = 0;
    for (let round = 0; round < 8; round++) {
      const before = await summariseProgress(world.ports, FLEET, null, null);
      const { totalTasks, completedTasks, inProgressTasks, queuedTasks, failedTasks, cancelledTasks } =
        before;
      expect(completedTasks + inProgressTasks + queuedTasks + failedTasks + cancelledTasks).toBe(totalTasks);
      expect(before).toMatchObject({ totalTasks: ids.length, completedTasks: completed, activeChats: 1 });
      completed += (await completeSome(world, chat, 50)).length;
      if (round % 2 === 1) await passTime(world, 35_000, [chat]);
    }
    expect(await summariseProgress(world.ports, FLEET, "g2", null)).toMatchObject({ totalTasks: 70 });
  });

  it("returns each result once, at most a hundred at a time", async () => {
    const { world, chat } = await crowded();
    const done: string[] = [];
    for (let i = 0; i < 3; i++) done.push(...(await completeSome(world, chat, 50)));
    const results: string[] = [];
    let cursor: string | null = null;
    do {
      const page: Awaited<ReturnType<typeof summariseProgress>> = await summariseProgress(
        world.ports,
        FLEET,
        null,
        cursor,
      );
      expect(page.results.length).toBeLessThanOrEqual(100);
      for (const { taskId, result } of page.results) expect(result).toBe(taskId);
      results.push(...page.results.map(({ taskId }) => taskId));
      cursor = page.cursor;
    } while (cursor !== null);
    expect(results.sort()).toEqual(done.sort());
  });

  it("stays right when two roll-ups of one group run at the same time, or a submission comes in between", async () => {
    for (const [path, nth] of [
      ["record.groups.commit", 1],
      ["record.groups.commit", 2],
      ["record.submissions.close", 1],
      ["record.submissions.list", 1],
    ] as const)
      for (const rival of ["roll-up", "submit"]) {
        const world = createWorld();
        const chat = await world.register("s1");
        await world.submit({ id: "a" });
        await completeSome(world, chat, 1);
        const ports = interrupting(
          world.ports,
          path,
          () => (rival === "roll-up" ? rollUpGroup(world.ports, FLEET, "-") : world.submit({ id: "b" })),
          nth,
        );
        await rollUpGroup(ports, FLEET, "-");
        await passTime(world, 35_000, [chat]);
        const where = `${rival} at ${path} ${nth}`;
        const totalTasks = rival === "submit" ? 2 : 1;
        const summary = await summariseProgress(world.ports, FLEET, null, null);
        expect(summary, where).toMatchObject({ totalTasks, completedTasks: 1 });
        await completeSome(world, chat, 1);
        await passTime(world, 65_000, [chat]);
        const group = await world.ports.record.groups.get(FLEET, "-");
        expect(group, where).toMatchObject({ open: false, rolling: [], totals: { completed: totalTasks } });
      }
  });

  it("counts a submission that comes in while a group is closed by a roll-up that dies", async () => {
    const world = createWorld();
    const chat = await world.register("s1");
    await world.submit({ id: "a" });
    await completeSome(world, chat, 1);
    const racing = interrupting(world.ports, "record.groups.commit", () => world.submit({ id: "b" }));
    const dying = interrupting(racing, "record.submissions.close", () => Promise.reject(new Error("killed")));
    await expect(rollUpGroup(dying, FLEET, "-")).rejects.toThrow("killed");
    await passTime(world, 35_000, [chat]);
    await completeSome(world, chat, 1);
    await passTime(world, 65_000, [chat]);
    expect(await summariseProgress(world.ports, FLEET, null, null)).toMatchObject({
      totalTasks: 2,
      completedTasks: 2,
    });
    expect(await world.ports.record.groups.get(FLEET, "-")).toMatchObject({
      open: false,
      totals: { total: 2 },
    });
  });
});

describe("listing sessions", () => {
  it("returns every session exactly once, those that live first", async () => {
    const world = createWorld();
    const ids = Array.from({ length: 180 }, (_, i) => `s${i}`);
    for (const [i, id] of ids.entries()) {
      const chat = await world.register(id, { host: `h${i % 2}` });
      if (i % 3 === 0) must(await endSession(world.ports, chat.claims, id, { reason: "completed" }));
    }
    const states: string[] = [];
    const found: string[] = [];
    let cursor: string | null = null;
    do {
      const page: Awaited<ReturnType<typeof listSessions>> = await listSessions(world.ports, FLEET, cursor);
      found.push(...page.sessions.map(({ id }) => id));
      states.push(...page.sessions.map(({ state }) => state));
      cursor = page.cursor;
    } while (cursor !== null);
    expect(found).toHaveLength(ids.length);
    expect(new Set(found)).toEqual(new Set(ids));
    expect(states.lastIndexOf("live")).toBeLessThan(states.indexOf("ended"));
  });

  it("is empty when there are none, and one page when none has ended", async () => {
    const world = createWorld();
    expect(await listSessions(world.ports, FLEET, null)).toEqual({ sessions: [], cursor: null });
    const chat = await world.register("s1");
    expect(await listSessions(world.ports, FLEET, null)).toMatchObject({
      sessions: [{ id: "s1" }],
      cursor: null,
    });
    must(await endSession(world.ports, chat.claims, "s1", { reason: "completed" }));
    expect(await listSessions(world.ports, FLEET, null)).toMatchObject({
      sessions: [{ id: "s1" }],
      cursor: null,
    });
    expect(await listSessions(world.ports, "other", null)).toMatchObject({ sessions: [] });
  });

  it("tells how loaded each live one is", async () => {
    const world = createWorld();
    const chat = await world.register("s1", { capacity: 4 });
    await world.submit({ id: "a" });
    await world.claim(chat);
    const other = await world.register("s2");
    must(await endSession(world.ports, other.claims, "s2", { reason: "completed" }));
    expect(await listLoad(world.ports, FLEET)).toEqual([
      { sessionId: "s1", currentTasks: 1, utilizationRate: 0.25 },
    ]);
  });
});

describe("keys and fleets", () => {
  it("keeps no secret, shows it once, and revokes for good", async () => {
    const world = createWorld();
    const id = () => randomBytes(16).toString("base64url");
    const ports = { ...world.ports, chance: { ...world.ports.chance, id } };
    const { key, secret } = must(await createKey(ports, FLEET, { scope: "operate", name: "n" }));
    expect(parseApiKey(secret)).toEqual({ fleet: FLEET, id: key.id });
    const stored = await ports.record.keys.get(FLEET, key.id);
    expect(stored?.secretHash).toBe(hashSecret(secret));
    expect(JSON.stringify(stored)).not.toContain(secret);
    expect((await listKeys(ports, FLEET)).keys).toEqual([key]);
    const revoked = must(await revokeKey(ports, FLEET, key.id));
    expect(revoked.key.revokedAt).not.toBeNull();
    expect(must(await revokeKey(ports, FLEET, key.id))).toEqual(revoked);
    expect(await revokeKey(ports, FLEET, "key_none")).toMatchObject({ refused: "key.not_found" });
    expect(await revokeKey(ports, "other", key.id)).toMatchObject({ refused: "key.not_found" });
  });

  it("asks to repeat a revocation that others keep overtaking", async () => {
    const { ports } = createWorld();
    const { key } = must(await createKey(ports, FLEET, { scope: "agent" }));
    const busy = tapPorts(ports, (call, run) =>
      call.path === "record.keys.commit" ? Promise.resolve(null) : run(),
    );
    expect(await revokeKey(busy, FLEET, key.id)).toMatchObject({ refused: "conflict.retry" });
    await expect(createKey(busy, FLEET, { scope: "agent" })).rejects.toThrow("the same id");
  });

  it("makes no key that has expired already", async () => {
    const world = createWorld();
    const at = (ms: number) => new Date(world.nowMs() + ms).toISOString();
    expect(await createKey(world.ports, FLEET, { scope: "agent", expiresAt: at(0) })).toMatchObject({
      refused: "request.invalid",
    });
    expect(
      must(await createKey(world.ports, FLEET, { scope: "agent", expiresAt: at(1) })).key.expiresAt,
    ).toBe(at(1));
  });

  it("makes a fleet once, with a key that may do all of it, though the first try died before the key", async () => {
    const { ports } = createWorld();
    const dying = interrupting(ports, "record.keys.commit", () => Promise.reject(new Error("killed")));
    await expect(createFleet(dying, { id: "f1", profile: "fast" }, null)).rejects.toThrow("killed");
    const made = must(await createFleet(ports, { id: "f1", profile: "fast" }, null));
    expect(made.fleet).toMatchObject({ id: "f1", profile: "fast", autoBalance: true });
    expect((await listKeys(ports, "f1")).keys).toMatchObject([{ scope: "admin" }]);
    for (const id of ["f1", FLEET])
      expect(await createFleet(ports, { id }, null)).toMatchObject({ refused: "fleet.exists" });
    expect((await listFleets(ports)).fleets.map(({ id }) => id).sort()).toEqual([FLEET, "f1"]);
  });
});

describe("a fleet made again with its Idempotency-Key", () => {
  it("tells the same first key until that is revoked or there is another", async () => {
    const { ports } = createWorld();
    const made = must(await createFleet(ports, { id: "f1" }, "seed"));
    expect(must(await createFleet(ports, { id: "f1" }, "seed")).adminKey).toBe(made.adminKey);
    expect(await createFleet(ports, { id: "f1" }, "other")).toMatchObject({ refused: "fleet.exists" });
    const [first] = (await listKeys(ports, "f1")).keys;
    must(await revokeKey(ports, "f1", first?.id ?? ""));
    expect(await createFleet(ports, { id: "f1" }, "seed")).toMatchObject({ refused: "fleet.exists" });
  });
});

describe("health", () => {
  it("is good while both stores answer, and names the one that does not", async () => {
    const { ports } = createWorld();
    expect(await checkHealth(ports)).toMatchObject({
      ok: true,
      checks: { record: { ok: true }, redis: { ok: true } },
    });
    expect(await checkHealth(portsWithout(ports, "agenda"))).toMatchObject({
      ...{ ok: false, checks: { record: { ok: true }, redis: { ok: false, detail: "It did not answer." } } },
    });
  });
});
