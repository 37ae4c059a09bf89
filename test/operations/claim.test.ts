import { describe, expect, it } from "vitest";
import { passTime } from "../fixtures/at-rest.ts";
import { interrupting, portsWithout, tapPorts } from "../fixtures/crash-points.ts";
import { FLEET, createWorld, must } from "../fixtures/memory-world.ts";
import { isRefusal } from "../../shared/contract/errors.ts";
import { TASK_RESULT_BYTES_LIMIT } from "../../shared/contract/limits.ts";
import { NO_RULES } from "../../shared/domain/rules.ts";
import { assignTask } from "../../shared/operations/assign-task.ts";
import { cancelTask } from "../../shared/operations/cancel-task.ts";
import { claimTasks } from "../../shared/operations/claim-tasks.ts";
import { drainSession, endSession } from "../../shared/operations/end-session.ts";
import { rebalanceFleet, setBalancing } from "../../shared/operations/rebalance-fleet.ts";
import { recoverSession } from "../../shared/operations/recover-session.ts";
import { redriveTask } from "../../shared/operations/redrive-task.ts";
import { completeTask, failTask, releaseTask, reportProgress } from "../../shared/operations/settle-task.ts";
import { getTask } from "../../shared/operations/view-task.ts";

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

describe("a holder", () => {
  it("may complete with a result of exactly the limit, and not a byte more", async () => {
    const world = createWorld();
    const chat = await world.register("s1");
    await world.submit({ id: "a" });
    await world.claim(chat);
    const result = "x".repeat(TASK_RESULT_BYTES_LIMIT - 2);
    expect(
      await completeTask(world.ports, chat.claims, "a", { fence: 1, result: `${result}x` }),
    ).toMatchObject({
      refused: "result.too_large",
    });
    expect(must(await completeTask(world.ports, chat.claims, "a", { fence: 1, result })).task.result).toBe(
      result,
    );
  });

  it("is refused what it does not hold, and learns nothing of who does", async () => {
    const world = createWorld();
    const chat = await world.register("s1");
    const other = await world.register("s2", { host: "h2" });
    await world.submit({ id: "a" });
    await world.claim(chat);
    const attempts = [
      completeTask(world.ports, other.claims, "a", { fence: 1, result: 1 }),
      failTask(world.ports, other.claims, "a", { fence: 1, error: { message: "x" } }),
      releaseTask(world.ports, other.claims, "a", { fence: 1 }),
      reportProgress(world.ports, chat.claims, "a", { fence: 2, percent: 1 }),
      completeTask(world.ports, chat.claims, "a", { fence: 2, result: 1 }),
    ];
    for (const refused of await Promise.all(attempts)) {
      expect(refused).toMatchObject({ refused: "lease.stale" });
      expect(JSON.stringify(refused)).not.toContain('s1" holds');
    }
    expect(await completeTask(world.ports, chat.claims, "b", { fence: 1, result: 1 })).toMatchObject({
      refused: "task.not_found",
    });
    expect(await world.task("a")).toMatchObject({ state: "running", fence: 1 });
  });

  it("reports progress, which is shown, and what its beats say is shown before it", async () => {
    const world = createWorld();
    const chat = await world.register("s1");
    await world.submit({ id: "a" });
    await world.claim(chat);
    const told = must(
      await reportProgress(world.ports, chat.claims, "a", { fence: 1, percent: 10, message: "m" }),
    );
    expect(told.task.progress).toEqual({ percent: 10, message: "m" });
    const rev = (await world.task("a")).rev;
    must(await reportProgress(world.ports, chat.claims, "a", { fence: 1, percent: 10, message: "m" }));
    expect((await world.task("a")).rev).toBe(rev);
    await world.beat(chat, [
      { id: "s1", epoch: 1, tasks: [{ id: "a", fence: 1, percent: 42, message: "beat" }] },
    ]);
    expect(await getTask(world.ports, FLEET, "a")).toMatchObject({
      progress: { percent: 42, message: "beat" },
    });
    await world.beat(chat, [{ id: "s1", epoch: 1, tasks: [{ id: "a", fence: 9, percent: 99 }] }]);
    expect(await getTask(world.ports, FLEET, "a")).toMatchObject({ progress: { percent: 10 } });
  });

  it("gets no next task when its completion is repeated after it was given up", async () => {
    const world = createWorld();
    const chat = await world.register("s1");
    await world.submit({ id: "a" }, { id: "b" });
    await world.claim(chat);
    const done = { fence: 1, result: 1 };
    must(await completeTask(world.ports, chat.claims, "a", done));
    await recoverSession(world.ports, FLEET, "s1", 1, GIVEN_UP);
    expect(must(await completeTask(world.ports, chat.claims, "a", done))).toMatchObject({
      ...{ task: { state: "completed" }, next: null },
    });
  });

  it("that releases a task it was told to stop frees its place, and repeating it is the same", async () => {
    const world = createWorld();
    const chat = await world.register("s1");
    await world.submit({ id: "a" });
    await world.claim(chat);
    must(await cancelTask(world.ports, FLEET, "a", null));
    for (let i = 0; i < 2; i++)
      expect(must(await releaseTask(world.ports, chat.claims, "a", { fence: 1 })).task.state).toBe(
        "cancelled",
      );
    expect((await world.session("s1")).held).toEqual({});
  });
});

describe("cancelling", () => {
  it.each(["blocked", "queued", "assigned", "running"])("ends a %s task once and for all", async (state) => {
    const world = createWorld();
    const chat = await world.register("s1", { capacity: 1 });
    await world.submit({ id: "first" }, { id: "a", dependsOn: state === "blocked" ? ["first"] : [] });
    if (state === "assigned" || state === "running") {
      must(await cancelTask(world.ports, FLEET, "first", null));
      await world.deliver();
    }
    if (state === "running") await world.claim(chat);
    expect((await world.task("a")).state).toBe(state);
    const { fence } = await world.task("a");
    expect(must(await cancelTask(world.ports, FLEET, "a", "why")).task).toMatchObject({
      ...{ state: "cancelled", error: { code: "task.cancelled", message: "why" } },
    });
    expect((await world.task("a")).fence).toBe(fence + 1);
    expect(must(await cancelTask(world.ports, FLEET, "a", "again")).task.error?.message).toBe("why");
    await passTime(world, 60_000, [chat]);
    expect(await world.task("a")).toMatchObject({ state: "cancelled", effectsPending: false });
    expect(names(await world.claim(chat, 5))).not.toContain("a");
    expect(await redriveTask(world.ports, FLEET, "a")).toMatchObject({ refused: "task.not_failed" });
  });

  it("loses to an end that came first, and is refused of what never was", async () => {
    const world = createWorld();
    const chat = await world.register("s1");
    await world.submit({ id: "a" });
    await world.claim(chat);
    const ports = interrupting(world.ports, "record.tasks.commit", () =>
      completeTask(world.ports, chat.claims, "a", { fence: 1, result: 1 }),
    );
    expect(await cancelTask(ports, FLEET, "a", null)).toMatchObject({ refused: "task.finished" });
    expect(await cancelTask(ports, FLEET, "b", null)).toMatchObject({ refused: "task.not_found" });
    expect(await redriveTask(ports, FLEET, "b")).toMatchObject({ refused: "task.not_found" });
  });
});

describe("rebalancing", () => {
  const laden = async () => {
    const world = createWorld();
    const chat = await world.register("s1", { capacity: 6 });
    await world.submit(...["a", "b", "c", "d"].map((id) => ({ id })));
    await world.deliver();
    return { world, chat, other: await world.register("s2", { host: "h2" }) };
  };
  const loads = async (world: Awaited<ReturnType<typeof laden>>["world"]) =>
    Promise.all(["s1", "s2"].map(async (id) => Object.keys((await world.session(id)).held).length));

  it("moves nothing that its session has started", async () => {
    const { world, chat } = await laden();
    await world.claim(chat, 4);
    expect(await rebalanceFleet(world.ports, FLEET)).toEqual({ moved: [], waiting: false });
  });

  it("neither loses nor doubles a task that is claimed, cancelled or drained away while it moves", async () => {
    for (const path of [
      "record.tasks.get",
      "record.sessions.commit",
      "record.tasks.commit",
      "record.sessions.get",
    ])
      for (const nth of [1, 2, 3])
        for (const event of ["claim", "cancel", "drain", "crash"]) {
          const { world, chat, other } = await laden();
          const happened: string[] = [];
          const meanwhile = async () => {
            happened.push(event);
            if (event === "claim") await world.claim(chat, 6);
            if (event === "cancel") must(await cancelTask(world.ports, FLEET, "a", null));
            if (event === "drain") must(await drainSession(world.ports, FLEET, "s2"));
            if (event === "crash") await recoverSession(world.ports, FLEET, "s2", 1, GIVEN_UP);
          };
          const where = `${event} at ${path} ${nth}`;
          await rebalanceFleet(interrupting(world.ports, path, meanwhile, nth), FLEET);
          const claimed = [
            await claimTasks(world.ports, chat.claims, 6),
            await claimTasks(world.ports, other.claims, 6),
          ];
          const held = claimed.flatMap((answer) => (isRefusal(answer) ? [] : names(answer.tasks)));
          expect(new Set(held).size, where).toBe(held.length);
          const third = await world.register("s3", { host: "h3", capacity: 9 });
          const live = event === "crash" && happened.length > 0 ? [chat, third] : [chat, other, third];
          await passTime(world, 35_000, live);
          const all: string[] = [];
          for (const session of live) all.push(...names(await world.claim(session, 9)));
          const wanted = event === "cancel" && happened.length > 0 ? ["b", "c", "d"] : ["a", "b", "c", "d"];
          expect(all.sort(), where).toEqual(wanted);
        }
  });

  it("is done by the sweep unless it was set off, and goes on once it is set on", async () => {
    const { world, chat, other } = await laden();
    await setBalancing(world.ports, FLEET, { auto: false });
    await passTime(world, 40_000, [chat, other]);
    expect(await loads(world)).toEqual([4, 0]);
    await setBalancing(world.ports, FLEET, { auto: true });
    await setBalancing(world.ports, FLEET, { auto: true });
    await passTime(world, 40_000, [chat, other]);
    expect(await loads(world)).toEqual([2, 2]);
  });

  it("says so when the fleet's settings cannot be changed", async () => {
    const { world } = await laden();
    const ports = tapPorts(world.ports, (call, run) =>
      call.path === "record.fleets.commit" ? Promise.resolve(null) : run(),
    );
    await expect(setBalancing(ports, FLEET, { auto: false })).rejects.toThrow("could not be changed");
  });
});
