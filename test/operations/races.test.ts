import { describe, expect, it } from "vitest";
import { passTime, workOff } from "../fixtures/at-rest.ts";
import { interrupting, portsWithout, tapPorts } from "../fixtures/crash-points.ts";
import { FLEET, type World, createWorld, must } from "../fixtures/memory-world.ts";
import { isRefusal } from "../../shared/contract/errors.ts";
import { PLACEMENTS_LIMIT } from "../../shared/contract/limits.ts";
import { cancelTask } from "../../shared/operations/cancel-task.ts";
import { claimTasks } from "../../shared/operations/claim-tasks.ts";
import { dispatchReady } from "../../shared/operations/dispatch-ready.ts";
import { drainSession, endSession, refuseEnd } from "../../shared/operations/end-session.ts";
import { rebalanceFleet } from "../../shared/operations/rebalance-fleet.ts";
import { recoverSession } from "../../shared/operations/recover-session.ts";
import { redriveTask } from "../../shared/operations/redrive-task.ts";
import { rollUpGroup } from "../../shared/operations/roll-up-group.ts";
import { completeTask, failTask, releaseTask } from "../../shared/operations/settle-task.ts";
import { settleSession } from "../../shared/operations/settle-session.ts";
import { submitTasks } from "../../shared/operations/submit-tasks.ts";
import { summariseProgress } from "../../shared/operations/summarise-progress.ts";
import { getTask } from "../../shared/operations/view-task.ts";

const GIVEN_UP = { endsAs: "crashed", cause: "test", lastBeatAtMs: null } as const;
const NO = { error: { message: "no" }, retryable: false };

/** Nobody's commit of this document ever wins. */
function alwaysLosing(world: World, path: string) {
  return tapPorts(world.ports, (call, run) => (call.path === path ? Promise.resolve(null) : run()));
}

async function running() {
  const world = createWorld();
  const chat = await world.register("s1");
  await world.tick();
  await world.submit({ id: "a" });
  await world.claim(chat);
  return { world, chat };
}

describe("of two requests at the same time", () => {
  it("one starts a waiting task, and both tell its holder the same fence and attempt", async () => {
    const world = createWorld();
    const chat = await world.register("s1");
    await world.submit({ id: "a" });
    await world.deliver();
    let other: unknown;
    const ports = interrupting(world.ports, "record.tasks.commit", async () => {
      other = await world.claim(chat);
    });
    const mine = must(await claimTasks(ports, chat.claims, 1)).tasks;
    expect(other).toMatchObject([{ fence: 1, task: { attempt: 1 } }]);
    for (const { fence, task } of mine) expect([fence, task.attempt]).toEqual([1, 1]);
    expect((await world.task("a")).attempt).toBe(1);
  });

  it("the first end wins, and the other learns it: complete, fail, release, cancel, crash and time-out", async () => {
    const ends = {
      complete: (w: World, c: Awaited<ReturnType<typeof running>>["chat"], ports = w.ports) =>
        completeTask(ports, c.claims, "a", { fence: 1, result: 1 }),
      fail: (w: World, c: Awaited<ReturnType<typeof running>>["chat"], ports = w.ports) =>
        failTask(ports, c.claims, "a", { fence: 1, ...NO }),
      release: (w: World, c: Awaited<ReturnType<typeof running>>["chat"], ports = w.ports) =>
        releaseTask(ports, c.claims, "a", { fence: 1 }),
      cancel: (w: World, _c: unknown, ports = w.ports) => cancelTask(ports, FLEET, "a", null),
      crash: (w: World, _c: unknown, ports = w.ports) => recoverSession(ports, FLEET, "s1", 1, GIVEN_UP),
    };
    const names = Object.keys(ends) as (keyof typeof ends)[];
    for (const loser of names)
      for (const winner of names) {
        const { world, chat } = await running();
        let state = "";
        const ports = interrupting(world.ports, "record.tasks.commit", async () => {
          await ends[winner](world, chat);
          ({ state } = await world.task("a"));
        });
        await ends[loser](world, chat, ports);
        const ended = ["completed", "failed", "cancelled"].includes(state);
        const where = `${loser} after ${winner}`;
        if (ended) expect((await world.task("a")).state, where).toBe(state);
        expect((await world.task("a")).attempt, where).toBeLessThanOrEqual(1);
        const { totalTasks } = await summariseProgress(world.ports, FLEET, null, null);
        expect(totalTasks, where).toBe(1);
        await workOff(world, ["a"]);
      }
  });

  it("one redrives a dead letter", async () => {
    const { world, chat } = await running();
    must(await failTask(world.ports, chat.claims, "a", { fence: 1, ...NO }));
    const ports = interrupting(world.ports, "record.tasks.commit", () =>
      redriveTask(world.ports, FLEET, "a"),
    );
    must(await redriveTask(ports, FLEET, "a"));
    expect(await world.task("a")).toMatchObject({ state: "queued", redrives: 1 });
    await workOff(world, ["a"]);
  });

  it("none is told a success that was not committed, when others keep winning", async () => {
    const { world, chat } = await running();
    const ports = alwaysLosing(world, "record.tasks.commit");
    const refusals = [
      await cancelTask(ports, FLEET, "a", null),
      await failTask(ports, chat.claims, "a", { fence: 1, ...NO }),
      await releaseTask(ports, chat.claims, "a", { fence: 1 }),
    ];
    for (const refusal of refusals) expect(refusal).toMatchObject({ refused: "conflict.retry" });
    must(await failTask(world.ports, chat.claims, "a", { fence: 1, ...NO }));
    expect(await redriveTask(ports, FLEET, "a")).toMatchObject({ refused: "conflict.retry" });
    const sessions = alwaysLosing(world, "record.sessions.commit");
    expect(await drainSession(sessions, FLEET, "s1")).toMatchObject({ refused: "conflict.retry" });
    expect(await recoverSession(sessions, FLEET, "s1", 1, GIVEN_UP)).toBeNull();
  });

  it("a recovery that cannot requeue a task says so, and a later one finishes it", async () => {
    const { world } = await running();
    const ports = alwaysLosing(world, "record.tasks.commit");
    await expect(recoverSession(ports, FLEET, "s1", 1, GIVEN_UP)).rejects.toThrow("could not be requeued");
    expect(await world.session("s1")).toMatchObject({ state: "recovering", held: { a: 1 } });
    await workOff(world, ["a"]);
  });

  it("two recoveries of one session return each task once", async () => {
    for (const path of ["record.tasks.commit", "record.sessions.commit", "registry.forget"])
      for (const nth of [1, 2]) {
        const { world } = await running();
        const rival = () => recoverSession(world.ports, FLEET, "s1", 1, GIVEN_UP);
        await recoverSession(interrupting(world.ports, path, rival, nth), FLEET, "s1", 1, GIVEN_UP);
        expect(await world.session("s1")).toMatchObject({ state: "crashed", epoch: 2, held: {} });
        expect(await world.task("a")).toMatchObject({ state: "queued", attempt: 1, fence: 2 });
      }
  });

  it("a reservation that is being settled never becomes an assignment", async () => {
    for (const nth of [1, 2]) {
      const world = createWorld();
      const chat = await world.register("s1");
      await world.submit({ id: "a" });
      const settle = () => settleSession(world.ports, FLEET, "s1");
      const ports = interrupting(world.ports, "record.tasks.commit", settle, nth);
      must(await claimTasks(ports, chat.claims, 1));
      await passTime(world, 35_000, [chat]);
      expect((await world.claim(chat)).map(({ task }) => task.id)).toEqual(["a"]);
      expect(await world.task("a")).toMatchObject({ attempt: 1, owner: { session: "s1" } });
    }
  });

  it("a reservation is not let go of while its task changes", async () => {
    const world = createWorld();
    const chat = await world.register("s1");
    await world.submit({ id: "a" });
    const session = await world.session("s1");
    await world.ports.record.sessions.commit(session, { ...session, held: { a: 1, gone: 4 } });
    const ports = interrupting(world.ports, "record.tasks.commit", async () => {
      const other = await world.register("s2", { host: "h2" });
      await world.claim(other);
    });
    await settleSession(ports, FLEET, "s1");
    expect((await world.session("s1")).held).not.toHaveProperty("gone");
    expect((await world.task("a")).fence).toBe(1);
    expect(await settleSession(world.ports, FLEET, "s1")).toBe(false);
    expect((await world.session("s1")).held).toEqual({});
    expect(chat.epoch).toBe(1);
    expect(await settleSession(world.ports, FLEET, "s9")).toBe(false);
  });

  it("an event hands out nothing twice when somebody else empties the queue under it", async () => {
    const world = createWorld();
    await world.register("s1");
    await world.submit({ id: "a" });
    let taken = 0;
    const ports = tapPorts(world.ports, (call, run) =>
      call.path === "workQueue.take" && ++taken < 3 ? Promise.resolve(null) : run(),
    );
    const event = { type: "tasks.ready", fleet: FLEET, taskIds: ["a", "a", "never-was"] } as const;
    await dispatchReady(ports, { ...event, taskIds: [...event.taskIds] });
    await dispatchReady(world.ports, { ...event, taskIds: [...event.taskIds] });
    expect(await world.task("a")).toMatchObject({ state: "assigned", fence: 1 });
  });

  it("an event that comes too early is sent back for later", async () => {
    const { world, chat } = await running();
    must(await failTask(world.ports, chat.claims, "a", { fence: 1, error: { message: "no" } }));
    world.pending.length = 0;
    await dispatchReady(world.ports, { type: "tasks.ready", fleet: FLEET, taskIds: ["a"] });
    expect(world.pending).toHaveLength(1);
    expect((await world.task("a")).state).toBe("queued");
    world.advance(1_000);
    await world.deliver();
    expect((await world.task("a")).state).toBe("assigned");
  });
});

describe("a task that was given back too often", () => {
  const almostSpent = async () => {
    const world = createWorld();
    const chat = await world.register("s1");
    await world.tick();
    await world.submit({ id: "a" }, { id: "b", dependsOn: ["a"] });
    const task = await world.task("a");
    await world.ports.record.tasks.commit(task, { ...task, placements: PLACEMENTS_LIMIT - 1 });
    return { world, chat };
  };
  const expectDead = async (world: World) => {
    expect(await world.task("a")).toMatchObject({ state: "failed", error: { code: "placements.spent" } });
    await passTime(world, 35_000);
    expect(await world.task("b")).toMatchObject({ state: "failed", effectsPending: false });
    expect(await summariseProgress(world.ports, FLEET, null, null)).toMatchObject({
      totalTasks: 2,
      failedTasks: 2,
    });
  };

  it("is a dead letter when its session drains", async () => {
    const { world } = await almostSpent();
    await world.deliver();
    must(await drainSession(world.ports, FLEET, "s1"));
    await expectDead(world);
  });

  it("is a dead letter when the session it moves to is given up meanwhile", async () => {
    const { world } = await almostSpent();
    await world.submit({ id: "c" });
    await world.deliver();
    await world.register("s2", { host: "h2" });
    const ports = interrupting(world.ports, "record.tasks.commit", () =>
      recoverSession(world.ports, FLEET, "s2", 1, GIVEN_UP),
    );
    expect(await rebalanceFleet(ports, FLEET)).toMatchObject({ moved: [] });
    must(await cancelTask(world.ports, FLEET, "c", null));
    expect(await world.task("a")).toMatchObject({ state: "failed", error: { code: "placements.spent" } });
    expect(await world.task("b")).toMatchObject({ state: "failed", effectsPending: false });
  });

  it("is a dead letter when the repair finds that its owner does not hold it", async () => {
    const { world, chat } = await almostSpent();
    await world.deliver();
    const session = await world.session("s1");
    await world.ports.record.sessions.commit(session, { ...session, held: {} });
    await passTime(world, 35_000, [chat]);
    await expectDead(world);
  });
});

describe("what the sweep finds half-done", () => {
  it("is finished though Redis lost the deadline of a session that was being given up", async () => {
    const { world } = await running();
    const dying = interrupting(world.ports, "record.tasks.commit", () => Promise.reject(new Error("killed")));
    await expect(recoverSession(dying, FLEET, "s1", 1, GIVEN_UP)).rejects.toThrow("killed");
    world.loseRedis();
    await passTime(world, 5_000);
    expect(await world.session("s1")).toMatchObject({ state: "crashed", cause: "test", held: {} });
    await workOff(world, ["a"]);
  });

  it("is an end that its submission has not noted: a roll-up notes it, and counts it once", async () => {
    const { world, chat } = await running();
    const deaf = portsWithout(world.ports, "record.submissions.mark");
    const done = { fence: 1, result: 1 };
    await expect(completeTask(deaf, chat.claims, "a", done)).rejects.toThrow("does not answer");
    for (let i = 0; i < 3; i++) await rollUpGroup(world.ports, FLEET, "-");
    expect(await world.ports.record.groups.get(FLEET, "-")).toMatchObject({
      open: false,
      totals: { total: 1 },
    });
    expect(must(await completeTask(world.ports, chat.claims, "a", done)).task.state).toBe("completed");
    await workOff(world, ["a"]);
    await rollUpGroup(world.ports, FLEET, "never-was");
  });

  it("is counted once at every moment of a roll-up that dies", async () => {
    for (const [path, nth] of [
      ["record.submissions.close", 1],
      ["record.groups.commit", 2],
    ] as const) {
      const { world, chat } = await running();
      must(await completeTask(world.ports, chat.claims, "a", { fence: 1, result: 1 }));
      const dying = interrupting(world.ports, path, () => Promise.reject(new Error("killed")), nth);
      await expect(rollUpGroup(dying, FLEET, "-")).rejects.toThrow("killed");
      const expected = { totalTasks: 1, completedTasks: 1, queuedTasks: 0 };
      expect(await summariseProgress(world.ports, FLEET, null, null)).toMatchObject(expected);
      await rollUpGroup(world.ports, FLEET, "-");
      expect(await summariseProgress(world.ports, FLEET, null, null)).toMatchObject(expected);
    }
  });

  it("is an end whose effects its own session's next claim carries out, without waiting for the sweep", async () => {
    const { world, chat } = await running();
    await world.submit({ id: "b", dependsOn: ["a"] });
    const deaf = portsWithout(world.ports, "record.submissions.mark");
    await expect(completeTask(deaf, chat.claims, "a", { fence: 1, result: 1 })).rejects.toThrow();
    expect((await world.session("s1")).held).toEqual({ a: 1 });
    expect((await world.claim(chat)).map(({ task }) => task.id)).toEqual(["b"]);
    expect((await world.session("s1")).held).toEqual({ b: 1 });
    expect(await summariseProgress(world.ports, FLEET, null, null)).toMatchObject({ completedTasks: 1 });
  });

  it("is an end whose effects an entry of the agenda asks for", async () => {
    const { world, chat } = await running();
    await world.submit({ id: "b", dependsOn: ["a"] });
    const deaf = portsWithout(world.ports, "record.submissions.mark");
    await expect(completeTask(deaf, chat.claims, "a", { fence: 1, result: 1 })).rejects.toThrow();
    const entries = ["a", "b", "never-was"].map((task) => ({ kind: "effects", fleet: FLEET, task }) as const);
    await world.ports.agenda.put(entries, world.nowMs());
    await world.tick();
    expect((await world.task("b")).state).not.toBe("blocked");
  });
});

describe("payloads", () => {
  it("come back as they were sent, also when nothing was sent, and evidence beside the result", async () => {
    const world = createWorld();
    const chat = await world.register("s1");
    must(await submitTasks(world.ports, FLEET, [{ id: "a", type: "t", data: undefined }], null));
    const [held] = await world.claim(chat);
    expect(held?.task.data).toBeNull();
    const long = { text: "x".repeat(2_000) };
    must(await completeTask(world.ports, chat.claims, "a", { fence: 1, result: undefined, evidence: long }));
    const task = await getTask(world.ports, FLEET, "a");
    if (isRefusal(task)) throw new Error(task.detail);
    expect(task.result).toBeNull();
    expect(task).toMatchObject({ evidence: long });
  });
});

describe("who may end a session", () => {
  it("is known before its request is read", async () => {
    const { world, chat } = await running();
    expect(await refuseEnd(world.ports, chat.claims, "s1")).toBeNull();
    expect(await refuseEnd(world.ports, { ...chat.claims, host: "h9" }, "s1")).toMatchObject({
      refused: "session.forbidden",
    });
    must(await endSession(world.ports, chat.claims, "s1", { reason: "completed" }));
  });
});
