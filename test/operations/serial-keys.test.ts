import { describe, expect, it } from "vitest";
import { tenuresOf } from "../../shared/domain/semaphore.ts";
import { isOwned } from "../../shared/domain/task-transitions.ts";
import { cancelTask } from "../../shared/operations/cancel-task.ts";
import { claimTasks } from "../../shared/operations/claim-tasks.ts";
import { dispatchReady } from "../../shared/operations/dispatch-ready.ts";
import { endSession } from "../../shared/operations/end-session.ts";
import { rebalanceFleet } from "../../shared/operations/rebalance-fleet.ts";
import { completeTask, failTask, releaseTask } from "../../shared/operations/settle-task.ts";
import { settleSession } from "../../shared/operations/settle-session.ts";
import { type Chat, expectConsistent, passTime, workOff } from "../fixtures/at-rest.ts";
import { crashEverywhere, interrupting, portsWithout, tapPorts } from "../fixtures/crash-points.ts";
import { FLEET, type World, createWorld, must } from "../fixtures/memory-world.ts";

const KEY = "branch:main";
const FAILURE = { error: { message: "no" }, retryable: true };
const IDS = ["a", "b", "c", "d"] as const;

/** Tasks of one key that sessions hold, owned or not yet let go of. */
async function heldOf(world: World, ids: readonly string[] = IDS): Promise<string[]> {
  const live = await world.ports.record.sessions.list(FLEET, "live", null, 100);
  const sessions = await world.ports.record.sessions.getMany(FLEET, live.items);
  return sessions.flatMap(({ held }) => Object.keys(held)).filter((id) => ids.includes(id));
}

async function permits(world: World, id = `key:${KEY}`) {
  const semaphore = await world.ports.record.semaphores.get(FLEET, id);
  return semaphore ? tenuresOf(semaphore) : [];
}

/** Two hosts, and tasks of one key, submitted in order. */
async function serialWorld(ids: readonly string[] = IDS) {
  const world = createWorld();
  const chats = [await world.register("s1"), await world.register("s2", { host: "h2", boot: "b2" })];
  for (const id of ids) {
    await world.submit({ id, key: KEY, data: {} });
    world.advance(1);
  }
  await world.deliver();
  const [first, second] = chats;
  if (!first || !second) throw new Error("Nobody registered.");
  return { world, first, second };
}

const owner = async (world: World, id: string) => {
  const task = await world.task(id);
  return isOwned(task) ? task.owner.session : null;
};

/** Finishes tasks as long as any is handed out; returns them in order. */
async function finishAll(world: World, chats: readonly Chat[]): Promise<string[]> {
  const done: string[] = [];
  for (let idle = 0; idle < 2;) {
    idle++;
    for (const chat of chats)
      for (const { task, fence } of await world.claim(chat, 3)) {
        expect(await heldOf(world)).toEqual([task.id]);
        must(await completeTask(world.ports, chat.claims, task.id, { fence, result: 1 }));
        done.push(task.id);
        idle = 0;
      }
    await passTime(world, 5_000, chats);
  }
  return done;
}

describe("tasks of one key", () => {
  it("run one after another, in order, whoever has room", async () => {
    const { world, first, second } = await serialWorld();
    expect(await heldOf(world)).toEqual(["a"]);
    expect(await finishAll(world, [first, second])).toEqual(["a", "b", "c", "d"]);
    expect(await permits(world)).toEqual([]);
    await expectConsistent(world, IDS);
  });

  it("do not keep others back", async () => {
    const { world, first } = await serialWorld();
    await world.submit({ id: "other", key: "x" }, { id: "free" });
    await world.deliver();
    const ids = (await world.claim(first, 3)).map(({ task }) => task.id);
    const others = await world.session("s2");
    expect([...ids, ...Object.keys(others.held)].sort()).toEqual(["a", "free", "other"]);
  });

  it("follow each other at once: complete hands the next to whoever completed", async () => {
    const { world, first, second } = await serialWorld();
    const chat = (await owner(world, "a")) === "s1" ? first : second;
    const [held] = await world.claim(chat);
    const answer = must(
      await completeTask(world.ports, chat.claims, "a", { fence: held?.fence ?? 0, result: 1 }),
    );
    expect(answer.next?.task.id).toBe("b");
  });

  it("wait until a failed, released or crashed attempt is over, and the same task may go on", async () => {
    for (const how of ["fail", "release", "crash"] as const) {
      const { world, first, second } = await serialWorld(["a", "b"]);
      const chat = (await owner(world, "a")) === "s1" ? first : second;
      const fence = (await world.claim(chat))[0]?.fence ?? 0;
      if (how === "fail")
        must(await failTask(world.ports, chat.claims, "a", { fence, error: { message: "x" } }));
      if (how === "release") must(await releaseTask(world.ports, chat.claims, "a", { fence }));
      if (how === "crash") must(await endSession(world.ports, chat.claims, chat.id, { reason: "crashed" }));
      await world.deliver();
      expect(await heldOf(world)).toHaveLength(1);
      const alive = how === "crash" ? [chat === first ? second : first] : [first, second];
      expect((await finishAll(world, alive)).sort()).toEqual(["a", "b"]);
      expect(await permits(world)).toEqual([]);
    }
  });

  it("wait for a cancelled one's session to stop working on it", async () => {
    const { world, first, second } = await serialWorld();
    const chat = (await owner(world, "a")) === "s1" ? first : second;
    const other = chat === first ? second : first;
    const fence = (await world.claim(chat))[0]?.fence ?? 0;
    const listed = [{ id: "a", fence }];
    await world.beat(chat, [{ id: chat.id, epoch: 1, tasks: listed }]);
    must(await cancelTask(world.ports, FLEET, "a", null));
    for (let i = 0; i < 8; i++) {
      world.advance(5_000);
      await world.beat(chat, [{ id: chat.id, epoch: 1, tasks: listed }]);
      await world.beat(other, [{ id: other.id, epoch: 1 }]);
      await world.tick();
      await world.deliver();
      expect(await heldOf(world)).toEqual(["a"]);
    }
    await passTime(world, 30_000, [chat, other], []);
    expect(await heldOf(world)).toEqual(["b"]);
  });

  it("wait for the lease of a silent session's to end", async () => {
    const { world, first, second } = await serialWorld();
    const chat = (await owner(world, "a")) === "s1" ? first : second;
    const other = chat === first ? second : first;
    await world.claim(chat);
    await passTime(world, 25_000, [other]);
    expect(await heldOf(world)).toEqual(["a"]);
    await passTime(world, 15_000, [other]);
    expect(await heldOf(world)).toHaveLength(1);
    expect((await permits(world)).map(({ session }) => session)).toEqual([other.id]);
  });

  it("are found again after Redis was lost", async () => {
    const { world, first, second } = await serialWorld();
    world.loseRedis();
    expect(await finishAll(world, [first, second])).toEqual(["a", "b", "c", "d"]);
  });

  it("go on though the one that was let through is cancelled before it is handed out", async () => {
    const { world, first, second } = await serialWorld();
    const chat = (await owner(world, "a")) === "s1" ? first : second;
    const fence = (await world.claim(chat))[0]?.fence ?? 0;
    const lost = portsWithout(world.ports, "workQueue.take", "workQueue.remove");
    await completeTask(lost, chat.claims, "a", { fence, result: 1 }).catch(() => null);
    must(await cancelTask(portsWithout(world.ports, "workQueue.remove"), FLEET, "b", null));
    await world.deliver();
    expect(await heldOf(world)).toEqual(["c"]);
  });

  it("do not stand in the way of others, however many there are", async () => {
    const world = createWorld();
    await world.register("s1");
    const many = Array.from({ length: 500 }, (_, i) => ({ id: `k${i}`, key: KEY }));
    for (let i = 0; i < many.length; i += 100) await world.submit(...many.slice(i, i + 100));
    expect(await world.ports.workQueue.heads(FLEET)).toMatchObject([{ taskId: "k0" }]);
    const waiting = await world.ports.heldBack.first(FLEET, `key:${KEY}`, 1_000);
    // Each of five submissions puts its first into the queue.
    expect(waiting).toHaveLength(495);
    await world.submit({ id: "other" });
    const [event] = world.pending.slice(-1);
    world.pending.length = 0;
    if (event) world.pending.push(event);
    await world.deliver();
    expect(Object.keys((await world.session("s1")).held).sort()).toEqual(["k0", "other"]);
  });

  it("wait behind the first that asks for the same capabilities, and not behind one that nobody can take", async () => {
    const world = createWorld();
    await world.register("s1");
    await world.submit(
      { id: "a", key: KEY, requires: ["gpu"] },
      { id: "b", key: KEY },
      { id: "c", key: KEY },
    );
    await world.deliver();
    expect(await heldOf(world)).toEqual(["b"]);
  });

  it("stay where they wait when the key is taken again while they are let through", async () => {
    const world = createWorld();
    const chat = await world.register("s1", { capabilities: ["gpu"], capacity: 5 });
    await world.submit({ id: "a", key: KEY });
    const [held] = await world.claim(chat);
    await world.submit({ id: "b", key: KEY, requires: ["gpu"] });
    world.advance(1);
    await world.submit({ id: "c", key: KEY });
    world.pending.length = 0;
    const ports = tapPorts(world.ports, async (call, run) => {
      const done = await run();
      // Whoever looks right after they entered the queue gives the key to the first, and holds the other back again.
      if (call.path === "workQueue.add")
        await dispatchReady(world.ports, { type: "tasks.ready", fleet: FLEET, taskIds: [] });
      return done;
    });
    must(await failTask(ports, chat.claims, "a", { ...FAILURE, fence: held?.fence ?? 0 }));
    expect(await heldOf(world)).toEqual(["b"]);
    expect((await world.ports.heldBack.first(FLEET, `key:${KEY}`, 9)).map(({ taskId }) => taskId)).toEqual([
      "c",
    ]);
  });

  it("go on past one that nobody can take, as soon as the key is free", async () => {
    const world = createWorld();
    const chat = await world.register("s1");
    await world.submit({ id: "a", key: KEY });
    const [held] = await world.claim(chat);
    await world.submit({ id: "b", key: KEY, requires: ["gpu"] }, { id: "c", key: KEY });
    await world.deliver();
    const { next } = must(
      await completeTask(world.ports, chat.claims, "a", { fence: held?.fence ?? 0, result: 1 }),
    );
    expect(next?.task.id).toBe("c");
  });

  it("go on though the first of them is cancelled while it waits in the queue", async () => {
    const world = createWorld();
    await world.submit({ id: "a", key: KEY }, { id: "b", key: KEY }, { id: "c", key: KEY });
    must(await cancelTask(world.ports, FLEET, "a", null));
    expect(await world.ports.workQueue.heads(FLEET)).toMatchObject([{ taskId: "b" }]);
    await world.register("s1");
    await world.deliver();
    expect(await heldOf(world)).toEqual(["b"]);
  });

  it("move with their permit while they wait, and never overlap", async () => {
    const world = createWorld();
    const busy = await world.register("s1");
    await world.submit({ id: "a", key: KEY }, { id: "x" }, { id: "y" });
    await world.deliver();
    await world.register("s2", { host: "h2", boot: "b2" });
    const started = await world.claim(busy, 1);
    const { moved } = await rebalanceFleet(world.ports, FLEET);
    expect(moved.length).toBeGreaterThan(0);
    const holder = await owner(world, "a");
    expect(await permits(world)).toEqual([
      { task: "a", session: holder, fence: (await world.task("a")).fence },
    ]);
    expect(started).toHaveLength(1);
    await workOff(world, ["a", "x", "y"]);
    expect(await permits(world)).toEqual([]);
  });
});

describe("a permit", () => {
  it("that a slow function acquired after its place was given up is taken back", async () => {
    const world = createWorld();
    const chat = await world.register("s1");
    await world.submit({ id: "a", key: KEY }, { id: "b", key: KEY });
    const tenure = { a: { s1: 7 } };
    await world.ports.record.semaphores.commit(null, {
      v: 1,
      rev: 0,
      fleet: FLEET,
      id: `key:${KEY}`,
      permits: tenure,
    });
    await world.deliver();
    expect(await heldOf(world)).toEqual([]);
    await passTime(world, 70_000, [chat]);
    expect(await heldOf(world)).toHaveLength(1);
  });

  it("of a semaphore that others keep changing stays with its place, and both go later", async () => {
    const { world, first, second } = await serialWorld(["a", "b"]);
    const chat = (await owner(world, "a")) === "s1" ? first : second;
    const fence = (await world.claim(chat))[0]?.fence ?? 0;
    const losing = tapPorts(world.ports, (call, run) =>
      call.path === "record.semaphores.commit" ? Promise.resolve(null) : run(),
    );
    must(await completeTask(losing, chat.claims, "a", { fence, result: 1 }));
    expect(await heldOf(world)).toEqual(["a"]);
    expect(await permits(world)).toHaveLength(1);
    await passTime(world, 70_000, [first, second]);
    expect(await heldOf(world)).toEqual(["b"]);
    await workOff(world, ["a", "b"]);
    expect(await permits(world)).toEqual([]);
  });

  it("of a dead session whose semaphore is too busy keeps it recovering, until a later tick releases both", async () => {
    const { world, first, second } = await serialWorld(["a", "b"]);
    const chat = (await owner(world, "a")) === "s1" ? first : second;
    const other = chat === first ? second : first;
    await world.claim(chat);
    const losing = tapPorts(world.ports, (call, run) =>
      call.path === "record.semaphores.commit" ? Promise.resolve(null) : run(),
    );
    await expect(endSession(losing, chat.claims, chat.id, { reason: "crashed" })).rejects.toThrow(
      "could not be released",
    );
    expect((await world.session(chat.id)).state).toBe("recovering");
    expect(await permits(world)).toHaveLength(1);
    await passTime(world, 70_000, [other]);
    expect((await world.session(chat.id)).state).toBe("crashed");
    expect(await permits(world)).toMatchObject([{ session: other.id }]);
  });

  it("goes back when its place was given up before it was acquired", async () => {
    const world = createWorld();
    const chat = await world.register("s1");
    const other = await world.register("s2", { host: "h2", boot: "b2" });
    await world.submit({ id: "a", key: KEY });
    const ports = interrupting(world.ports, "record.semaphores.commit", async () => {
      await settleSession(world.ports, FLEET, "s1");
      await world.ports.workQueue.add(FLEET, [{ taskId: "a", requires: [], order: 0 }]);
      const [held] = await world.claim(other);
      must(await failTask(world.ports, other.claims, "a", { ...FAILURE, fence: held?.fence ?? 0 }));
    });
    expect(must(await claimTasks(ports, chat.claims, 1)).tasks).toEqual([]);
    expect(await permits(world)).toEqual([]);
  });

  it("is given once though two functions hand out two tasks of the key at the same moment", async () => {
    const world = createWorld();
    await world.register("s1");
    await world.register("s2", { host: "h2", boot: "b2" });
    await world.submit({ id: "a", key: KEY }, { id: "b", key: KEY });
    const { tick } = world;
    const ports = interrupting(world.ports, "record.semaphores.commit", () => tick());
    await world.tick(false, ports);
    await world.deliver();
    expect(await heldOf(world)).toHaveLength(1);
    expect(await permits(world)).toHaveLength(1);
    await workOff(world, ["a", "b"]);
  });
});

describe("a function killed at any effect", () => {
  it("while it hands out, settles and follows up serial tasks leaves neither an overlap nor a permit", async () => {
    const died = await crashEverywhere({
      prepare: async () => {
        const world = createWorld();
        const chat = await world.register("s1");
        await world.submit({ id: "a", key: KEY }, { id: "b", key: KEY }, { id: "c", key: KEY });
        return { ...world, chat };
      },
      act: async (world, ports) => {
        await world.tick(false, ports);
        const { tasks } = must(await claimTasks(ports, world.chat.claims, 1));
        const [held] = tasks;
        if (!held) return;
        expect(await heldOf(world)).toHaveLength(1);
        must(await completeTask(ports, world.chat.claims, held.task.id, { fence: held.fence, result: 1 }));
      },
      check: async (world) => {
        expect((await heldOf(world)).length).toBeLessThanOrEqual(2);
        const running = (await world.ports.record.tasks.getMany(FLEET, ["a", "b", "c"])).filter(isOwned);
        expect(running.length).toBeLessThanOrEqual(1);
        await serialOff(world, ["a", "b", "c"]);
      },
    });
    expect(died).toBeGreaterThan(20);
  });

  it("while it gives up a session with a serial task leaves the key free", async () => {
    await crashEverywhere({
      prepare: async () => (await serialWorld(["a", "b"])).world,
      act: async (world, ports) => {
        world.advance(40_000);
        await world.tick(false, ports);
      },
      check: (world) => serialOff(world, ["a", "b"]),
    });
  });
});

/** As `workOff`, one task at a time, as a key has it. */
async function serialOff(world: World, ids: readonly string[]): Promise<void> {
  await workOff(world, ids);
  expect(await permits(world)).toEqual([]);
}
