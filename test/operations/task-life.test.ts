import { describe, expect, it } from "vitest";
import { FLEET, createWorld, must } from "../fixtures/memory-world.ts";
import { completeTask, failTask, releaseTask, reportProgress } from "../../shared/operations/settle-task.ts";
import { summariseProgress } from "../../shared/operations/summarise-progress.ts";
import { cancelTask } from "../../shared/operations/cancel-task.ts";
import { redriveTask } from "../../shared/operations/redrive-task.ts";
import { rebalanceFleet } from "../../shared/operations/rebalance-fleet.ts";
import { recoverSession } from "../../shared/operations/recover-session.ts";

describe("a task's life", () => {
  it("goes from submission through a claim to completion, and the answer carries the next task", async () => {
    const world = createWorld();
    const session = await world.register("s1");
    await world.submit({ id: "a" }, { id: "b" });
    await world.deliver();
    expect((await world.session("s1")).held).toEqual({ a: 1, b: 1 });
    const [held] = await world.claim(session);
    expect(held).toMatchObject({
      task: { id: "a", state: "running", attempt: 1, sessionId: "s1" },
      fence: 1,
    });
    const done = must(
      await completeTask(world.ports, session.claims, "a", { fence: 1, result: { ok: true } }),
    );
    expect(done.task).toMatchObject({ state: "completed", result: { ok: true } });
    expect(done.next).toMatchObject({ task: { id: "b", state: "running" }, fence: 1 });
    expect((await world.session("s1")).held).toEqual({ b: 1 });
    const summary = await summariseProgress(world.ports, FLEET, null, null);
    expect(summary).toMatchObject({
      totalTasks: 2,
      completedTasks: 1,
      inProgressTasks: 1,
      queuedTasks: 0,
      activeChats: 1,
    });
  });

  it("gives a lost claim's answer again with the same fence and no new attempt", async () => {
    const world = createWorld();
    const session = await world.register("s1");
    await world.submit({ id: "a" });
    const [first] = await world.claim(session);
    const [again] = await world.claim(session);
    expect(again).toEqual(first);
    await world.beat(session, [{ id: "s1", epoch: 1, tasks: [{ id: "a", fence: 1 }] }]);
    expect(await world.claim(session)).toEqual([]);
  });

  it("gives a task again whose session never lists it and has reported nothing of it for a timeout", async () => {
    const world = createWorld();
    const session = await world.register("s1");
    await world.submit({ id: "a" });
    const [first] = await world.claim(session);
    must(await reportProgress(world.ports, session.claims, "a", { fence: 1, percent: 10 }));
    const beatFor = async (forMs: number) => {
      for (let passedMs = 0; passedMs < forMs; passedMs += 10_000) {
        world.advance(10_000);
        await world.beat(session, [{ id: "s1", epoch: 1 }]);
      }
    };
    await beatFor(30_000);
    expect(await world.claim(session)).toEqual([]);
    await beatFor(10_000);
    expect(await world.claim(session)).toMatchObject([
      { task: { id: "a", attempt: first?.task.attempt }, fence: 1 },
    ]);
    must(await reportProgress(world.ports, session.claims, "a", { fence: 1, percent: 20 }));
    expect(await world.claim(session)).toEqual([]);
  });

  it("answers an identical replay alike and refuses another body", async () => {
    const world = createWorld();
    const session = await world.register("s1");
    await world.submit({ id: "a" });
    await world.claim(session);
    const first = must(await completeTask(world.ports, session.claims, "a", { fence: 1, result: 1 }));
    expect(must(await completeTask(world.ports, session.claims, "a", { fence: 1, result: 1 }))).toEqual(
      first,
    );
    expect(await completeTask(world.ports, session.claims, "a", { fence: 1, result: 2 })).toMatchObject({
      refused: "task.finished",
    });
    expect(
      await failTask(world.ports, session.claims, "a", { fence: 1, error: { message: "x" } }),
    ).toMatchObject({ refused: "task.finished" });
    expect(await reportProgress(world.ports, session.claims, "a", { fence: 1, percent: 5 })).toMatchObject({
      refused: "lease.stale",
    });
  });

  it("returns a dead session's tasks within its timeout and a tick, with a higher fence, and refuses the zombie", async () => {
    const world = createWorld();
    const zombie = await world.register("s1");
    await world.tick();
    await world.submit({ id: "a" });
    await world.claim(zombie);
    const other = await world.register("s2", { host: "h2" });
    for (let i = 0; i < 7; i++) {
      world.advance(5_000);
      await world.beat(other, [{ id: "s2", epoch: 1 }]);
      await world.tick();
    }
    expect(await world.session("s1")).toMatchObject({ state: "crashed", epoch: 2, held: {} });
    await world.deliver();
    const [held] = await world.claim(other);
    expect(held).toMatchObject({ task: { id: "a", attempt: 2 }, fence: 3 });
    expect(await completeTask(world.ports, zombie.claims, "a", { fence: 1, result: 0 })).toMatchObject({
      refused: "lease.stale",
    });
    const answer = await world.beat(zombie, [{ id: "s1", epoch: 1, tasks: [{ id: "a", fence: 1 }] }]);
    expect(answer.sessions).toEqual([
      { id: "s1", commands: [{ type: "stop", reason: "session.superseded" }] },
    ]);
    expect(must(await completeTask(world.ports, other.claims, "a", { fence: 3, result: 0 })).task.state).toBe(
      "completed",
    );
  });

  it("retries a failed attempt after a backoff and ends as a dead letter that a redrive returns", async () => {
    const world = createWorld();
    const session = await world.register("s1");
    await world.submit({ id: "a", maxAttempts: 2 });
    const [first] = await world.claim(session);
    const failed = must(
      await failTask(world.ports, session.claims, "a", {
        fence: first?.fence ?? 0,
        error: { message: "no" },
      }),
    );
    expect(failed.task).toMatchObject({ state: "queued", error: { message: "no" } });
    expect(await world.claim(session)).toEqual([]);
    world.advance(2_000);
    await world.deliver();
    const [second] = await world.claim(session);
    expect(second?.task.attempt).toBe(2);
    const dead = must(
      await failTask(world.ports, session.claims, "a", {
        fence: second?.fence ?? 0,
        error: { message: "no" },
      }),
    );
    expect(dead.task.state).toBe("failed");
    expect(await summariseProgress(world.ports, FLEET, null, null)).toMatchObject({
      totalTasks: 1,
      failedTasks: 1,
      queuedTasks: 0,
    });
    expect(must(await redriveTask(world.ports, FLEET, "a")).task).toMatchObject({
      state: "queued",
      attempt: 0,
    });
    expect(await summariseProgress(world.ports, FLEET, null, null)).toMatchObject({
      totalTasks: 1,
      failedTasks: 0,
      queuedTasks: 1,
    });
    const [third] = await world.claim(session);
    must(await completeTask(world.ports, session.claims, "a", { fence: third?.fence ?? 0, result: null }));
    for (let i = 0; i < 3; i++) {
      world.advance(31_000);
      await world.tick();
      expect(await summariseProgress(world.ports, FLEET, null, null)).toMatchObject({
        totalTasks: 1,
        completedTasks: 1,
        failedTasks: 0,
        queuedTasks: 0,
      });
    }
    expect(await world.ports.record.groups.get(FLEET, "-")).toMatchObject({
      open: false,
      totals: { total: 1, completed: 1, failed: 0 },
    });
  });

  it("starts dependents when the last dependency completes and fails them when one fails", async () => {
    const world = createWorld();
    const session = await world.register("s1", { capacity: 5 });
    await world.submit(
      { id: "c", dependsOn: ["a", "b"] },
      { id: "a" },
      { id: "b" },
      { id: "d", dependsOn: ["c"] },
    );
    expect((await world.task("c")).state).toBe("blocked");
    const [a, b] = await world.claim(session, 2);
    must(await completeTask(world.ports, session.claims, a?.task.id ?? "", { fence: 1, result: 1 }));
    expect((await world.task("c")).state).toBe("blocked");
    const done = must(
      await completeTask(world.ports, session.claims, b?.task.id ?? "", { fence: 1, result: 1 }),
    );
    expect(done.next?.task.id).toBe("c");
    must(
      await failTask(world.ports, session.claims, "c", {
        fence: done.next?.fence ?? 0,
        error: { message: "no" },
        retryable: false,
      }),
    );
    expect(await world.task("d")).toMatchObject({
      state: "failed",
      error: { code: "dependency.failed" },
      effectsPending: false,
    });
    expect(await redriveTask(world.ports, FLEET, "d")).toMatchObject({ refused: "dependency.failed" });
    must(await redriveTask(world.ports, FLEET, "c"));
    expect(must(await redriveTask(world.ports, FLEET, "d")).task.state).toBe("blocked");
    const [again] = await world.claim(session);
    must(await completeTask(world.ports, session.claims, "c", { fence: again?.fence ?? 0, result: 1 }));
    expect((await world.task("d")).state).not.toBe("blocked");
  });

  it("cancels a running task at once and frees its place when its holder has stopped", async () => {
    const world = createWorld();
    const session = await world.register("s1");
    await world.submit({ id: "a" });
    await world.claim(session);
    await world.beat(session, [{ id: "s1", epoch: 1, tasks: [{ id: "a", fence: 1 }] }]);
    expect(must(await cancelTask(world.ports, FLEET, "a", "enough")).task).toMatchObject({
      state: "cancelled",
      error: { message: "enough" },
    });
    expect(await completeTask(world.ports, session.claims, "a", { fence: 1, result: 1 })).toMatchObject({
      refused: "task.cancelled",
    });
    await world.tick();
    expect((await world.session("s1")).held).toEqual({ a: 1 });
    const answer = await world.beat(session, [{ id: "s1", epoch: 1, tasks: [{ id: "a", fence: 1 }] }]);
    expect(answer.sessions[0]?.commands).toEqual([{ type: "cancel", taskId: "a", fence: 1 }]);
    must(await releaseTask(world.ports, session.claims, "a", { fence: 1 }));
    expect((await world.session("s1")).held).toEqual({});
  });

  it("survives the loss of all of Redis and all events", async () => {
    const world = createWorld();
    const session = await world.register("s1");
    await world.tick();
    await world.submit({ id: "a" }, { id: "b" }, { id: "c" }, { id: "d" }, { id: "e", dependsOn: ["a"] });
    const [a] = await world.claim(session);
    world.pending.length = 0;
    world.loseRedis();
    world.advance(5_000);
    await world.tick();
    const answer = await world.beat(session, [
      { id: "s1", epoch: 1, tasks: [{ id: "a", fence: a?.fence ?? 0 }] },
    ]);
    expect(answer.sessions[0]?.commands).toMatchObject([{ type: "start" }]);
    const done = must(await completeTask(world.ports, session.claims, "a", { fence: 1, result: 1 }));
    const seen = ["a", done.next?.task.id];
    let next = done.next;
    while (next) {
      const answered = must(
        await completeTask(world.ports, session.claims, next.task.id, { fence: next.fence, result: 1 }),
      );
      next = answered.next;
      if (next) seen.push(next.task.id);
    }
    expect(seen.sort()).toEqual(["a", "b", "c", "d", "e"]);
  });

  it("moves waiting assignments until loads differ by at most one, and says what it moved", async () => {
    const world = createWorld();
    await world.register("s1");
    await world.submit({ id: "a" }, { id: "b" }, { id: "c" });
    await world.deliver();
    await world.register("s2");
    const { moved } = await rebalanceFleet(world.ports, FLEET);
    expect(moved).toMatchObject([{ from: "s1", to: "s2" }]);
    expect([
      Object.keys((await world.session("s1")).held).length,
      Object.keys((await world.session("s2")).held).length,
    ]).toEqual([2, 1]);
    const [taskId] = moved.map((move) => move.taskId);
    expect(await world.task(taskId ?? "")).toMatchObject({
      fence: 2,
      owner: { session: "s2" },
      state: "assigned",
    });
  });

  it("counts an attempt only when a session crashes after starting it", async () => {
    const world = createWorld();
    await world.register("s1");
    await world.submit({ id: "a" });
    await world.deliver();
    await recoverSession(world.ports, FLEET, "s1", 1, {
      endsAs: "crashed",
      cause: "test",
      lastBeatAtMs: null,
    });
    expect(await world.task("a")).toMatchObject({ state: "queued", attempt: 0, placements: 1, fence: 2 });
  });
});
