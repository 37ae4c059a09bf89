import { describe, expect, it } from "vitest";
import { passTime, workOff } from "../fixtures/at-rest.ts";
import { portsWithout, tapPorts } from "../fixtures/crash-points.ts";
import { FLEET, type World, createWorld, must } from "../fixtures/memory-world.ts";
import { cancelTask } from "../../shared/operations/cancel-task.ts";
import { createFleet } from "../../shared/operations/manage-fleets.ts";
import { createKey, mirrorKey, revokeKey } from "../../shared/operations/manage-keys.ts";
import { submitTasks } from "../../shared/operations/submit-tasks.ts";
import { timeoutTask } from "../../shared/operations/timeout-task.ts";

const beatOf = (chat: { id: string; epoch: number }, tasks: { id: string; fence: number }[] = []) => [
  { id: chat.id, epoch: chat.epoch, tasks },
];

describe("a tick of the sweep", () => {
  it("gives up nobody within a timeout of its last beat, and everybody who was silent for longer", async () => {
    const world = createWorld();
    const chat = await world.register("s1");
    await world.tick();
    for (let i = 0; i < 3; i++) {
      world.advance(10_000);
      await world.beat(chat, beatOf(chat));
      await world.tick();
    }
    for (let i = 0; i < 5; i++) {
      world.advance(5_000);
      await world.tick();
      expect((await world.session("s1")).state).toBe("live");
    }
    world.advance(5_000);
    await world.tick();
    expect(await world.session("s1")).toMatchObject({
      state: "crashed",
      cause: "No heartbeat for 30000 ms.",
    });
    expect((await world.session("s1")).lastBeatAtMs).toBe(world.nowMs() - 30_000);
  });

  it.each([
    ["a tick that failed", (world: World) => world.tick(true)],
    [
      "a gap of more than one timeout without a tick",
      async (world: World) => {
        world.advance(1_000);
        await world.tick();
      },
    ],
    [
      "a loss of Redis",
      async (world: World) => {
        world.loseRedis();
        await world.tick();
      },
    ],
  ])("pardons every session after %s", async (name, tick) => {
    const world = createWorld();
    await world.register("s1");
    await world.tick();
    world.advance(name.startsWith("a tick") ? 30_000 : 31_000);
    await tick(world);
    expect((await world.session("s1")).state).toBe("live");
    expect(world.logged.map(({ message }) => message)).toContain("outage: every deadline moved");
    await passTime(world, 35_000);
    expect((await world.session("s1")).state).toBe("crashed");
  });

  it("puts a task back that was taken and never assigned", async () => {
    const world = createWorld();
    await world.submit({ id: "a" });
    await world.tick();
    expect(await world.ports.workQueue.take(FLEET, [[]], "r1", world.nowMs() + 10_000)).not.toBeNull();
    world.advance(10_000);
    await world.tick();
    expect(await world.ports.workQueue.heads(FLEET)).toHaveLength(1);
  });

  it("says when nothing lives and nothing waits", async () => {
    const world = createWorld();
    expect(await world.tick()).toBe(false);
    const chat = await world.register("s1");
    expect(await world.tick()).toBe(true);
    expect(chat.epoch).toBe(1);
    await passTime(world, 35_000);
    expect(await world.tick()).toBe(false);
  });

  it("recovers every silent session but the one whose recovery fails, and that one once it can", async () => {
    const world = createWorld();
    const chats = [await world.register("s1"), await world.register("s2"), await world.register("s3")];
    await world.submit({ id: "a" }, { id: "b" }, { id: "c" });
    for (const chat of chats) await world.claim(chat);
    await world.tick();
    world.advance(30_000);
    const [poison] = Object.keys((await world.session("s1")).held);
    const ports = tapPorts(world.ports, (call, run) =>
      call.path === "record.tasks.get" && call.args[1] === poison
        ? Promise.reject(new Error("broken"))
        : run(),
    );
    await world.tick(false, ports);
    expect(world.logged.map(({ message }) => message)).toContain("left half-done; the sweep tries again");
    const states = () => Promise.all(chats.map(async ({ id }) => (await world.session(id)).state));
    expect(await states()).toEqual(["recovering", "crashed", "crashed"]);
    await passTime(world, 5_000);
    expect(await states()).toEqual(["crashed", "crashed", "crashed"]);
    await workOff(world, ["a", "b", "c"]);
  });

  it("harms no entry of the agenda by another that fails, and tries that one again", async () => {
    const world = createWorld();
    const chat = await world.register("s1");
    await world.submit({ id: "a", timeoutMs: 1_000 });
    await world.claim(chat);
    world.advance(1_000);
    const { agenda } = world.ports;
    await agenda.put([{ kind: "key", fleet: FLEET, keyId: "key_x" }], world.nowMs() - 1);
    const ports = tapPorts(world.ports, (call, run) =>
      call.path === "record.keys.get" ? Promise.reject(new Error("broken")) : run(),
    );
    await world.tick(false, ports);
    expect((await world.task("a")).state).toBe("queued");
    expect(world.logged.map(({ message }) => message)).toContain("agenda entry failed; it is tried again");
    expect(await world.ports.keyMirror.get(FLEET, "key_x")).toBeNull();
    world.advance(10_000);
    await world.tick();
    expect(await world.ports.keyMirror.get(FLEET, "key_x")).toBe("revoked");
  });

  it("fails the tick when a store does not answer an entry, which stays due", async () => {
    const world = createWorld();
    await world.ports.agenda.put([{ kind: "key", fleet: FLEET, keyId: "key_x" }], world.nowMs());
    await expect(world.tick(false, portsWithout(world.ports, "record.keys"))).rejects.toThrow("record");
    await world.tick(true);
    expect(await world.ports.keyMirror.get(FLEET, "key_x")).toBe("revoked");
  });

  it("times out a running task at its limit and not before, and leaves a later tenure alone", async () => {
    const world = createWorld();
    const chat = await world.register("s1");
    await world.submit({ id: "a", timeoutMs: 7_000 });
    await world.claim(chat);
    world.advance(5_000);
    await world.beat(chat, beatOf(chat, [{ id: "a", fence: 1 }]));
    await world.tick();
    await timeoutTask(world.ports, FLEET, "a", 1);
    expect((await world.task("a")).state).toBe("running");
    await passTime(world, 5_000, [chat], [{ id: "a", fence: 1 }]);
    expect(await world.task("a")).toMatchObject({
      state: "queued",
      attempt: 1,
      error: { code: "task.timeout" },
    });
    const { sessions } = await world.beat(chat, beatOf(chat, [{ id: "a", fence: 1 }]));
    expect(sessions[0]?.commands).toContainEqual({ type: "cancel", taskId: "a", fence: 1 });
    world.advance(2_000);
    await world.deliver();
    const rev = (await world.task("a")).rev;
    await timeoutTask(world.ports, FLEET, "a", 1);
    expect((await world.task("a")).rev).toBe(rev);
  });

  it("makes a task that timed out too often a dead letter", async () => {
    const world = createWorld();
    const chat = await world.register("s1");
    await world.submit({ id: "a", timeoutMs: 1_000, maxAttempts: 1 }, { id: "b", dependsOn: ["a"] });
    await world.claim(chat);
    await passTime(world, 5_000, [chat]);
    expect(await world.task("a")).toMatchObject({ state: "failed", effectsPending: false });
    expect(await world.task("b")).toMatchObject({ state: "failed", effectsPending: false });
  });

  it("stops a stranger that beats, and a session that beats in an old epoch's name", async () => {
    const world = createWorld();
    const chat = await world.register("s1");
    await world.tick();
    const stranger = { ...chat, id: "s9" };
    await world.beat(stranger, beatOf(stranger));
    expect(await world.ports.registry.count()).toBe(2);
    await world.tick();
    expect(await world.ports.registry.count()).toBe(1);
    const { sessions } = await world.beat(stranger, beatOf(stranger));
    expect(sessions[0]?.commands).toEqual([{ type: "stop", reason: "session.superseded" }]);
    const again = await world.register("s1");
    world.loseRedis();
    await world.beat(chat, beatOf(chat));
    await world.tick();
    expect((await world.beat(chat, beatOf(chat))).sessions[0]?.commands).toMatchObject([{ type: "stop" }]);
    expect((await world.beat(again, beatOf(again))).sessions[0]?.commands).toEqual([]);
  });

  it("keeps a place taken until the task that must stop is not reported any more", async () => {
    const world = createWorld();
    const chat = await world.register("s1");
    await world.submit({ id: "a" });
    await world.claim(chat);
    await world.beat(chat, beatOf(chat, [{ id: "a", fence: 1 }]));
    must(await cancelTask(world.ports, FLEET, "a", null));
    await passTime(world, 60_000, [chat], [{ id: "a", fence: 1 }]);
    expect((await world.session("s1")).held).toEqual({ a: 1 });
    await passTime(world, 10_000, [chat]);
    expect((await world.session("s1")).held).toEqual({});
  });

  it("frees the place of a task that was cancelled before its session ever reported it, after a while", async () => {
    const world = createWorld();
    const chat = await world.register("s1");
    await world.submit({ id: "a" });
    await world.claim(chat);
    must(await cancelTask(world.ports, FLEET, "a", null));
    await passTime(world, 15_000, [chat]);
    expect((await world.session("s1")).held).toEqual({ a: 1 });
    await passTime(world, 15_000, [chat]);
    expect((await world.session("s1")).held).toEqual({});
  });

  it("takes a task from an owner that does not hold it, and completes what an owner's end left undone", async () => {
    const world = createWorld();
    const chat = await world.register("s1");
    await world.tick();
    await world.submit({ id: "a" }, { id: "b" });
    await world.claim(chat, 2);
    const session = await world.session("s1");
    await world.ports.record.sessions.commit(session, { ...session, held: { b: 1 } });
    await passTime(world, 35_000, [chat]);
    expect(await world.task("a")).toMatchObject({
      state: "assigned",
      fence: 3,
      error: { code: "task.crash" },
    });
    await workOff(world, ["a", "b"]);
  });

  it("mirrors keys for the heartbeat: active only while the record says so", async () => {
    const world = createWorld();
    const { key } = must(await createKey(world.ports, FLEET, { scope: "agent" }));
    await mirrorKey(world.ports, FLEET, key.id);
    expect(await world.ports.keyMirror.get(FLEET, key.id)).toBe("active");
    must(await revokeKey(world.ports, FLEET, key.id));
    await mirrorKey(world.ports, FLEET, key.id);
    expect(await world.ports.keyMirror.get(FLEET, key.id)).toBe("revoked");
  });
});

describe("the rebuild of Redis", () => {
  it("covers all fleets and all pages of their sessions and tasks, and tasks keep their order", async () => {
    const world = createWorld();
    const { ports } = world;
    for (const id of ["f1", "f2"]) must(await createFleet(ports, { id }, null));
    for (const fleet of [FLEET, "f1", "f2"])
      for (let batch = 0; batch < (fleet === "f2" ? 1 : 3); batch++) {
        const tasks = Array.from({ length: 100 }, (_, i) => ({ id: `t${batch}-${i}`, type: "t", data: 0 }));
        must(await submitTasks(ports, fleet, tasks, null));
        world.advance(1);
      }
    for (let i = 0; i < 210; i++) await world.register(`s${i}`, { host: `h${i % 3}` }, null, "f2");
    world.loseRedis();
    for (let i = 0; i < 3; i++) {
      world.advance(1);
      await world.tick();
    }
    expect(await ports.registry.count()).toBe(210);
    expect(await ports.workQueue.heads(FLEET)).toMatchObject([{ taskId: "t0-0" }]);
    expect(await ports.workQueue.heads("f1")).toMatchObject([{ taskId: "t0-0" }]);
    const desired = await ports.registry.desired("f2", ["s0", "s209"]);
    expect(desired.map((document) => document?.epoch)).toEqual([1, 1]);
  });

  it("goes on where its budget of one tick ended", async () => {
    const world = createWorld();
    for (const id of ["f1", "f2"]) must(await createFleet(world.ports, { id }, null));
    for (const fleet of [FLEET, "f1", "f2"]) await world.register("s1", {}, null, fleet);
    world.loseRedis();
    const slow = tapPorts(world.ports, async (call, run) => {
      if (call.path === "record.tasks.listOpen") world.advance(4_000);
      return run();
    });
    await world.tick(false, slow);
    expect(await world.tick(false, slow)).toBe(true);
    for (let i = 0; i < 3; i++) await world.tick(false, slow);
    const stamps = await Promise.all(
      [FLEET, "f1", "f2"].map((fleet) => world.ports.registry.desired(fleet, ["s1"])),
    );
    expect(stamps.every(([document]) => document?.state === "live")).toBe(true);
  });
});
