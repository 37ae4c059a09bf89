import { describe, expect, it } from "vitest";
import { passTime } from "../fixtures/at-rest.ts";
import { interrupting, portsWithout, tapPorts } from "../fixtures/crash-points.ts";
import { FLEET, createWorld, must } from "../fixtures/memory-world.ts";
import { NO_RULES } from "../../shared/domain/rules.ts";
import { assignTask } from "../../shared/operations/assign-task.ts";
import { cancelTask } from "../../shared/operations/cancel-task.ts";
import { claimTasks } from "../../shared/operations/claim-tasks.ts";
import { endSession } from "../../shared/operations/end-session.ts";
import { listLoad } from "../../shared/operations/list-sessions.ts";
import { rebalanceFleet } from "../../shared/operations/rebalance-fleet.ts";
import { recoverSession } from "../../shared/operations/recover-session.ts";
import { completeTask } from "../../shared/operations/settle-task.ts";

const GIVEN_UP = { endsAs: "crashed", cause: "test", lastBeatAtMs: null } as const;
const names = (held: readonly { task: { id: string } }[]) => held.map(({ task }) => task.id);

describe("a claim", () => {
  it("never gives more than was asked for, nor more than the session's capacity", async () => {
    const world = createWorld();
    const chat = await world.register("s1", { capacity: 2 });
    await world.submit({ id: "a" }, { id: "b" }, { id: "c" });
    expect(names(await world.claim(chat, 1))).toEqual(["a"]);
    await world.beat(chat, [{ id: "s1", epoch: 1, tasks: [{ id: "a", fence: 1 }] }]);
    expect(names(await world.claim(chat, 10))).toEqual(["b"]);
    expect((await world.task("c")).state).toBe("queued");
  });

  it("gives nothing to a session without capacity, which is only watched over, and nobody else gives it anything", async () => {
    const world = createWorld();
    const watched = await world.register("s1", { capacity: 0 });
    const busy = await world.register("s2", { host: "h2", capacity: 3 });
    await world.submit({ id: "a" }, { id: "b" });
    await rebalanceFleet(world.ports, FLEET);
    expect(names(await world.claim(watched, 10))).toEqual([]);
    expect(names(await world.claim(busy, 10)).sort()).toEqual(["a", "b"]);
    const loads = await listLoad(world.ports, FLEET);
    expect(loads.find(({ sessionId }) => sessionId === "s1")).toMatchObject({
      currentTasks: 0,
      utilizationRate: 1,
    });
  });

  it("gives what the session can do, the first in order first", async () => {
    const world = createWorld();
    await world.submit(
      ...[
        { id: "low", priority: 5 },
        { id: "gpu", requires: ["gpu"] },
        { id: "high", priority: 1 },
      ],
      ...[{ id: "tpu", requires: ["gpu", "tpu"] }],
    );
    const plain = await world.register("s1", { capacity: 1 });
    expect(names(await world.claim(plain, 5))).toEqual(["high"]);
    const able = await world.register("s2", { host: "h2", capabilities: ["gpu", "x"] });
    expect(names(await world.claim(able, 5)).sort()).toEqual(["gpu", "low"]);
    expect((await world.task("tpu")).state).toBe("queued");
  });

  it("lets a task that waited four ageing steps go before any newer one", async () => {
    const world = createWorld();
    await world.submit({ id: "old", priority: 5 });
    world.advance(4 * 30_000 + 1);
    await world.submit({ id: "new", priority: 1 });
    const chat = await world.register("s1", { capacity: 1 });
    expect(names(await world.claim(chat))).toEqual(["old"]);
  });

  it("is refused to an older epoch, an ended session and one that never was", async () => {
    const world = createWorld();
    const old = await world.register("s1");
    const chat = await world.register("s1");
    expect(await claimTasks(world.ports, old.claims, 1)).toMatchObject({ refused: "session.superseded" });
    must(await endSession(world.ports, chat.claims, "s1", { reason: "completed" }));
    expect(await claimTasks(world.ports, chat.claims, 1)).toMatchObject({ refused: "session.superseded" });
    expect(await claimTasks(world.ports, { ...chat.claims, session: "s9" }, 1)).toMatchObject({
      refused: "session.not_found",
    });
  });

  it("drops entries of the ready queue that are not ready any more", async () => {
    const world = createWorld();
    await world.submit({ id: "a" }, { id: "b" });
    const deaf = portsWithout(world.ports, "workQueue.remove");
    must(await cancelTask(deaf, FLEET, "a", null));
    expect(world.logged.map(({ message }) => message)).toContain(
      "ended task left in the ready queue; whoever takes it drops it",
    );
    await world.ports.workQueue.add(FLEET, [{ taskId: "never-was", requires: [], order: 0 }]);
    const chat = await world.register("s1", { capacity: 1 });
    expect(names(await world.claim(chat))).toEqual(["b"]);
  });

  it("ends even if the ready queue shows heads that cannot be taken", async () => {
    const world = createWorld();
    const chat = await world.register("s1");
    await world.submit({ id: "a" });
    const ports = tapPorts(world.ports, (call, run) =>
      call.path === "workQueue.take" ? Promise.resolve(null) : run(),
    );
    expect(must(await claimTasks(ports, chat.claims, 1)).tasks).toEqual([]);
  });

  it("gives a task to one of two sessions that claim it at the same time", async () => {
    for (const path of ["record.sessions.commit", "record.tasks.commit", "workQueue.take"]) {
      const world = createWorld();
      await world.submit({ id: "a" });
      world.loseRedis();
      const one = await world.register("s1", { capacity: 1 });
      const two = await world.register("s2", { host: "h2", capacity: 1 });
      await world.ports.workQueue.add(FLEET, [{ taskId: "a", requires: [], order: 0 }]);
      let other: readonly { fence: number }[] = [];
      const ports = interrupting(world.ports, path, async () => {
        await world.ports.workQueue.add(FLEET, [{ taskId: "a", requires: [], order: 0 }]);
        other = await world.claim(two);
      });
      const mine = must(await claimTasks(ports, one.claims, 1)).tasks;
      expect(mine.length + other.length, path).toBe(1);
      await passTime(world, 35_000, [one, two]);
      const held = [
        ...Object.keys((await world.session("s1")).held),
        ...Object.keys((await world.session("s2")).held),
      ];
      expect(held, path).toEqual(["a"]);
    }
  });

  it("leaves nothing behind when the session is given up between reserving and confirming", async () => {
    for (const deaf of [false, true])
      for (const nth of [1, 2]) {
        const world = createWorld();
        const chat = await world.register("s1");
        await world.submit({ id: "a" });
        const paths = nth === 1 ? "record.tasks.commit" : "registry.publish";
        const ports = interrupting(deaf ? portsWithout(world.ports, "events") : world.ports, paths, () =>
          recoverSession(world.ports, FLEET, "s1", 1, GIVEN_UP),
        );
        must(await claimTasks(ports, chat.claims, 1));
        const other = await world.register("s2", { host: "h2" });
        await passTime(world, 35_000, [other]);
        expect(names(await world.claim(other)), `nth ${nth}`).toEqual(["a"]);
      }
  });

  it("tries again while others change the same session, and gives up after a bound", async () => {
    const world = createWorld();
    await world.register("s1");
    await world.submit({ id: "a" });
    for (const [losses, outcome] of [
      [3, "assigned"],
      [100, "no_room"],
    ] as const) {
      let lost = 0;
      const ports = tapPorts(world.ports, (call, run) =>
        call.path === "record.sessions.commit" && lost++ < losses ? Promise.resolve(null) : run(),
      );
      const wanted = outcome === "assigned" ? "a" : "b";
      if (wanted === "b") await world.submit({ id: "b" });
      expect((await assignTask(ports, FLEET, wanted, "s1", { starts: false, rules: NO_RULES })).outcome).toBe(
        outcome,
      );
    }
    expect(
      (await assignTask(world.ports, FLEET, "b", "s9", { starts: false, rules: NO_RULES })).outcome,
    ).toBe("no_room");
    expect(
      (await assignTask(world.ports, FLEET, "never-was", "s1", { starts: false, rules: NO_RULES })).outcome,
    ).toBe("not_ready");
  });

  it("asks to repeat when others keep changing the task it settles", async () => {
    const world = createWorld();
    const chat = await world.register("s1");
    await world.submit({ id: "a" });
    await world.claim(chat);
    const ports = tapPorts(world.ports, (call, run) =>
      call.path === "record.tasks.commit" ? Promise.resolve(null) : run(),
    );
    const done = { fence: 1, result: 1 };
    expect(await completeTask(ports, chat.claims, "a", done)).toMatchObject({ refused: "conflict.retry" });
    expect(await claimTasks(ports, chat.claims, 1)).toMatchObject({ tasks: [{ fence: 1 }] });
    expect((await world.task("a")).state).toBe("running");
  });

  it("answers with the deadline that its beats have earned", async () => {
    const world = createWorld();
    const chat = await world.register("s1");
    await world.submit({ id: "a" });
    world.advance(5_000);
    await world.beat(chat, [{ id: "s1", epoch: 1 }]);
    const earned = world.nowMs() + 30_000;
    world.advance(7_000);
    expect((await world.claim(chat))[0]?.leaseExpiresMs).toBe(earned);
    world.loseRedis();
    expect((await world.claim(chat))[0]?.leaseExpiresMs).toBe(world.nowMs() + 30_000);
  });
});

describe("a claim of large tasks", () => {
  it("has as many as fit an answer, and the next claims have the others, each once", async () => {
    const world = createWorld();
    const chat = await world.register("s1", { capacity: 60 });
    const large = "x".repeat(200_000);
    for (let i = 0; i < 45; i += 15)
      await world.submit(...Array.from({ length: 15 }, (_, n) => ({ id: `t${i + n}`, data: large })));
    const seen: string[] = [];
    for (let claims = 0; claims < 4; claims++) {
      const tasks = await world.claim(chat, 100);
      expect(JSON.stringify(tasks).length).toBeLessThan(6_000_000);
      seen.push(...tasks.map(({ task }) => task.id));
      const listed = tasks.map(({ task, fence }) => ({ id: task.id, fence }));
      await world.beat(chat, [{ id: "s1", epoch: 1, tasks: [...reports, ...listed] }]);
      reports.push(...listed);
    }
    expect(new Set(seen).size).toBe(45);
    expect(seen).toHaveLength(45);
  });
  const reports: { id: string; fence: number }[] = [];
});
