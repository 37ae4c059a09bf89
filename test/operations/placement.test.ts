import { describe, expect, it } from "vitest";
import { MOVED_REST_MS } from "../../shared/domain/balance.ts";
import { isOwned } from "../../shared/domain/task-transitions.ts";
import { cancelTask } from "../../shared/operations/cancel-task.ts";
import { claimTasks } from "../../shared/operations/claim-tasks.ts";
import { drainSession, endSession } from "../../shared/operations/end-session.ts";
import { pauseTasks } from "../../shared/operations/manage-rules.ts";
import { rebalanceFleet, setBalancing } from "../../shared/operations/rebalance-fleet.ts";
import { completeTask, failTask } from "../../shared/operations/settle-task.ts";
import type { Ports } from "../../shared/ports/ports.ts";
import { type Chat, expectConsistent, passTime, workOff } from "../fixtures/at-rest.ts";
import { crashEverywhere, interrupting, tapPorts } from "../fixtures/crash-points.ts";
import { FLEET, type World, createWorld, must } from "../fixtures/memory-world.ts";

const ownerOf = async (world: World, id: string) => {
  const task = await world.task(id);
  return isOwned(task) ? task.owner.session : null;
};
const heldBy = async (world: World, id: string) => Object.keys((await world.session(id)).held).sort();

async function threeSessions() {
  const world = createWorld();
  const chats = {
    s1: await world.register("s1"),
    s2: await world.register("s2", { host: "h2", boot: "b2" }),
    s3: await world.register("s3", { host: "h2", boot: "b2", capabilities: ["gpu"] }),
  };
  return { world, ...chats };
}

describe("a preferred place", () => {
  it("is taken while it has room, and anywhere else is as good when it has none", async () => {
    const { world } = await threeSessions();
    await world.submit(...["a", "b", "c", "d"].map((id) => ({ id, affinity: { session: "s2" } })));
    await world.submit({ id: "e", affinity: { host: "h2" }, requires: ["gpu"] });
    await world.deliver();
    expect(await heldBy(world, "s2")).toEqual(["a", "b", "c"]);
    expect(await ownerOf(world, "d")).not.toBe("s2");
    expect(await ownerOf(world, "e")).toBe("s3");
  });

  it("that is gone, draining or lacks what is required makes no task wait", async () => {
    const { world, s2 } = await threeSessions();
    must(await drainSession(world.ports, FLEET, "s1"));
    must(await endSession(world.ports, s2.claims, "s2", { reason: "stopped" }));
    await world.submit(
      { id: "a", affinity: { session: "s1" } },
      { id: "b", affinity: { session: "s2", host: "nowhere" } },
    );
    await world.deliver();
    expect(await heldBy(world, "s3")).toEqual(["a", "b"]);
  });

  it("by key is the session that had its key last", async () => {
    const { world, s1, s2 } = await threeSessions();
    const chats: Record<string, Chat> = { s1, s2 };
    await world.submit({ id: "k1", key: "k", affinity: { session: "s2" } });
    await world.deliver();
    expect(await ownerOf(world, "k1")).toBe("s2");
    await world.submit({ id: "k2", key: "k", affinity: { key: true } });
    await world.deliver();
    const [held] = await world.claim(chats["s2"] ?? s2);
    await world.submit({ id: "x" }, { id: "y" });
    must(
      await failTask(world.ports, s2.claims, "k1", {
        fence: held?.fence ?? 0,
        error: { message: "no" },
        retryable: false,
      }),
    );
    await world.deliver();
    expect(await ownerOf(world, "k2")).toBe("s2");
  });
});

describe("a preferred host", () => {
  it("offers its sessions the least loaded first, equal ones by name", async () => {
    const world = createWorld();
    for (const id of ["b", "a", "c"]) await world.register(id, { host: "h2", boot: "b2" });
    for (const id of ["t1", "t2", "t3", "t4"]) {
      await world.submit({ id, affinity: { host: "h2" } });
      await world.deliver();
    }
    expect(await Promise.all(["t1", "t2", "t3", "t4"].map((id) => ownerOf(world, id)))).toEqual([
      "a",
      "b",
      "c",
      "a",
    ]);
  });
});

describe("a required place", () => {
  it("is waited for, without keeping others of the same capabilities waiting", async () => {
    const { world, s1 } = await threeSessions();
    must(await endSession(world.ports, s1.claims, "s1", { reason: "stopped" }));
    await world.submit(
      { id: "a", affinity: { session: "s1", required: true } },
      { id: "b", affinity: { host: "h2", required: true } },
      { id: "c" },
    );
    await world.deliver();
    expect((await world.task("a")).state).toBe("queued");
    expect(["s2", "s3"]).toContain(await ownerOf(world, "b"));
    expect(["s2", "s3"]).toContain(await ownerOf(world, "c"));
    const again = await world.register("s1");
    expect((await world.claim(again)).map(({ task }) => task.id)).toEqual(["a"]);
  });

  it("is not left by a rebalance or by stealing, and is found again after Redis was lost", async () => {
    const { world, s1, s2, s3 } = await threeSessions();
    await world.submit(...["a", "b", "c"].map((id) => ({ id, affinity: { session: "s1", required: true } })));
    await world.deliver();
    expect(await heldBy(world, "s1")).toEqual(["a", "b", "c"]);
    expect((await rebalanceFleet(world.ports, FLEET)).moved).toEqual([]);
    expect(await world.claim(s2)).toEqual([]);
    await world.submit({ id: "d", affinity: { host: "h2", required: true }, requires: ["gpu"] });
    world.loseRedis();
    await passTime(world, 40_000, [s1, s2, s3]);
    expect(await ownerOf(world, "d")).toBe("s3");
  });

  it("leaves nothing in the ready queue when its task is cancelled there", async () => {
    const { world } = await threeSessions();
    await world.submit({ id: "a", affinity: { session: "nobody", required: true } });
    expect(await world.ports.workQueue.heads(FLEET)).toMatchObject([{ requires: ["session=nobody"] }]);
    must(await cancelTask(world.ports, FLEET, "a", null));
    expect(await world.ports.workQueue.heads(FLEET)).toEqual([]);
  });
});

describe("the policy performance", () => {
  it("gives work to who is expected to finish it first, and a newcomer its share", async () => {
    const world = createWorld();
    await setBalancing(world.ports, FLEET, { policy: "performance" });
    const fast = await world.register("fast", { capacity: 6 });
    const slow = await world.register("slow", { host: "h2", boot: "b2", capacity: 6 });
    for (let i = 0; i < 8; i++)
      for (const [chat, ms] of [
        [fast, 1_000],
        [slow, 9_000],
      ] as const) {
        await world.submit({ id: `${chat.id}${i}`, affinity: { session: chat.id, required: true } });
        const [held] = await world.claim(chat);
        world.advance(ms);
        must(
          await completeTask(world.ports, chat.claims, `${chat.id}${i}`, {
            fence: held?.fence ?? 0,
            result: 1,
          }),
        );
      }
    await world.submit(...Array.from({ length: 3 }, (_, i) => ({ id: `t${i}` })));
    await world.deliver();
    expect(await heldBy(world, "fast")).toEqual(["t0", "t1", "t2"]);
    await world.register("new", { host: "h3", boot: "b3" });
    await world.submit({ id: "t9" });
    await world.deliver();
    expect(await ownerOf(world, "t9")).toBe("new");
  });

  it("counts crashes and failures against a session, each once, and nothing in other fleets", async () => {
    const world = createWorld();
    const chat = await world.register("s1");
    await world.submit({ id: "a" });
    const [first] = await world.claim(chat);
    must(
      await failTask(world.ports, chat.claims, "a", { fence: first?.fence ?? 0, error: { message: "x" } }),
    );
    expect(await world.ports.record.performances.get(FLEET, "s1")).toBeNull();
    await setBalancing(world.ports, FLEET, { policy: "performance" });
    await passTime(world, 10_000, [chat]);
    const [second] = await world.claim(chat);
    const failure = { fence: second?.fence ?? 0, error: { message: "x" } };
    must(await failTask(world.ports, chat.claims, "a", failure));
    must(await failTask(world.ports, chat.claims, "a", failure));
    await passTime(world, 10_000, [chat]);
    await world.claim(chat);
    must(await endSession(world.ports, chat.claims, "s1", { reason: "crashed" }));
    const record = await world.ports.record.performances.get(FLEET, "s1");
    expect(record?.types).toMatchObject([{ type: "t", success: 0 }]);
    expect(record?.counted).toHaveLength(2);
  });
});

it("an attempt that others' changes keep from being counted is left out, and its end stands", async () => {
  const world = createWorld();
  await setBalancing(world.ports, FLEET, { policy: "performance" });
  await setBalancing(world.ports, FLEET, {});
  const chat = await world.register("s1");
  await world.submit({ id: "a" });
  const [held] = await world.claim(chat);
  const losing = tapPorts(world.ports, (call, run) =>
    call.path === "record.performances.commit" ? Promise.resolve(null) : run(),
  );
  must(await completeTask(losing, chat.claims, "a", { fence: held?.fence ?? 0, result: 1 }));
  expect((await world.task("a")).state).toBe("completed");
  expect(await world.ports.record.performances.get(FLEET, "s1")).toBeNull();
  expect(world.logged.map(({ message }) => message)).toContain("an attempt was not counted");
});

describe("hysteresis", () => {
  /** `s1` has finished what was left to it; what was moved to `s2` waits there. */
  async function moved() {
    const world = createWorld();
    const first = await world.register("s1", { capacity: 6 });
    await world.submit(...["a", "b", "c", "d"].map((id) => ({ id })));
    await world.deliver();
    await world.register("s2", { host: "h2", boot: "b2", capacity: 6 });
    expect((await rebalanceFleet(world.ports, FLEET, true)).moved).toHaveLength(2);
    // Failures: the answer to a completion would carry what waits elsewhere.
    const failure = { error: { message: "no" }, retryable: false };
    for (const { task, fence } of await world.claim(first, 2))
      must(await failTask(world.ports, first.claims, task.id, { fence, ...failure }));
    expect(await heldBy(world, "s1")).toEqual([]);
    expect(await heldBy(world, "s2")).toHaveLength(2);
    return world;
  }

  it("lets a task that was moved rest for a minute, and not longer", async () => {
    const world = await moved();
    world.advance(MOVED_REST_MS - 1);
    expect((await rebalanceFleet(world.ports, FLEET, true)).moved).toEqual([]);
    world.advance(1);
    expect((await rebalanceFleet(world.ports, FLEET, true)).moved).toMatchObject([{ from: "s2", to: "s1" }]);
    expect((await rebalanceFleet(world.ports, FLEET, true)).moved).toEqual([]);
  });

  it("does not keep an operator's request from balancing at once", async () => {
    const world = await moved();
    expect((await rebalanceFleet(world.ports, FLEET)).moved).toMatchObject([{ from: "s2", to: "s1" }]);
    expect(await heldBy(world, "s1")).toHaveLength(1);
    expect((await rebalanceFleet(world.ports, FLEET)).moved).toEqual([]);
  });
});

describe("an idle session that asks", () => {
  const laden = async () => {
    const world = createWorld();
    const busy = await world.register("s1", { capacity: 4 });
    await world.submit(...["a", "b", "c"].map((id) => ({ id })));
    await world.deliver();
    await world.claim(busy, 1);
    const idle = await world.register("s2", { host: "h2", boot: "b2" });
    return { ...world, busy, idle };
  };

  it("takes over what waits longest with the most loaded, and starts it", async () => {
    const world = await laden();
    const [stolen] = await world.claim(world.idle);
    expect(stolen?.task).toMatchObject({ state: "running", attempt: 1 });
    expect(await ownerOf(world, stolen?.task.id ?? "")).toBe("s2");
    await expectConsistent(world, ["a", "b", "c"]);
    const [another] = await world.claim(world.idle);
    expect(another?.task.id).toBe(stolen?.task.id);
  });

  it("costs a fleet where nothing waits one look at Redis and none at other sessions", async () => {
    const world = createWorld();
    const idle = await world.register("s1");
    await world.register("s2", { host: "h2", boot: "b2" });
    const asked: string[] = [];
    const watched: Ports = {
      ...world.ports,
      agenda: {
        ...world.ports.agenda,
        has: (entry) => {
          asked.push(entry.kind);
          return world.ports.agenda.has(entry);
        },
      },
      record: {
        ...world.ports.record,
        sessions: {
          ...world.ports.record.sessions,
          list: (...page) => {
            asked.push("sessions");
            return world.ports.record.sessions.list(...page);
          },
        },
      },
    };
    expect(must(await claimTasks(watched, idle.claims, 1)).tasks).toEqual([]);
    expect(asked).toEqual(["balance"]);
  });

  it("takes nothing that is paused or that it cannot do, nothing from one that holds a single task, and nothing where balancing is off", async () => {
    const world = await laden();
    must(await pauseTasks(world.ports, FLEET, { type: "t" }));
    expect(await world.claim(world.idle)).toEqual([]);
    const unbalanced = await laden();
    await setBalancing(unbalanced.ports, FLEET, { auto: false });
    expect(await unbalanced.claim(unbalanced.idle)).toEqual([]);
    await setBalancing(unbalanced.ports, FLEET, { auto: true });
    expect(await unbalanced.claim(unbalanced.idle)).toHaveLength(1);
    const other = createWorld();
    await other.register("s1", { capabilities: ["gpu"] });
    await other.submit({ id: "a", requires: ["gpu"] }, { id: "b", requires: ["gpu"] });
    await other.deliver();
    const plain = await other.register("s2", { host: "h2", boot: "b2" });
    expect(await other.claim(plain)).toEqual([]);
  });

  it("never gets a task that its holder starts at the same moment", async () => {
    for (const path of [
      "record.tasks.get",
      "record.sessions.commit",
      "record.tasks.commit",
      "record.sessions.get",
    ])
      for (const nth of [1, 2, 3]) {
        const world = await laden();
        const ports = interrupting(world.ports, path, () => world.claim(world.busy, 4), nth);
        const mine = must(await claimTasks(ports, world.idle.claims, 1)).tasks.map(({ task }) => task.id);
        const theirs = await heldBy(world, "s1");
        for (const id of mine) expect(await ownerOf(world, id), `${path} ${nth}`).toBe("s2");
        expect(
          mine.filter((id) => theirs.includes(id)),
          `${path} ${nth}`,
        ).toEqual([]);
        await expectConsistent(world, ["a", "b", "c"]);
      }
  });

  it("takes over the permit of a key with its task, wherever its function is killed", async () => {
    const deaths = await crashEverywhere({
      prepare: async () => {
        const world = createWorld();
        const busy = await world.register("s1", { capacity: 4 });
        await world.submit({ id: "a" }, { id: "b", key: "k" });
        await world.deliver();
        await world.claim(busy, 1);
        await world.submit({ id: "c", key: "k" });
        await world.deliver();
        const idle = await world.register("s2", { host: "h2", boot: "b2" });
        return { ...world, busy, idle };
      },
      act: (world, ports) => claimTasks(ports, world.idle.claims, 1),
      async check(world) {
        const owned = await Promise.all(["b", "c"].map((id) => ownerOf(world, id)));
        expect(owned.filter((owner) => owner !== null).length).toBeLessThan(2);
        await workOff(world, ["a", "b", "c"]);
      },
    });
    expect(deaths).toBeGreaterThan(6);
  });

  it("loses nothing, wherever its function is killed", async () => {
    const deaths = await crashEverywhere({
      prepare: laden,
      act: (world, ports) => claimTasks(ports, world.idle.claims, 1),
      check: (world) => workOff(world, ["a", "b", "c"]),
    });
    expect(deaths).toBeGreaterThan(4);
  });

  it("looks at the most loaded first, and at equal ones by name", async () => {
    const world = createWorld();
    for (const id of ["s2", "s1", "s3"]) await world.register(id, { host: id, boot: id });
    const place = (session: string, count: number) =>
      world.submit(
        ...Array.from({ length: count }, (_, i) => ({ id: `${session}-${i}`, affinity: { session } })),
      );
    await place("s3", 3);
    await place("s2", 2);
    await place("s1", 2);
    await world.deliver();
    const thieves = [];
    for (const id of ["x1", "x2", "x3"]) thieves.push(await world.register(id, { host: id, boot: id }));
    const from: string[] = [];
    for (const thief of thieves)
      from.push(...(await world.claim(thief)).map(({ task }) => task.id.slice(0, 2)));
    expect(from[0]).toBe("s3");
    expect(from.slice(1).sort()).toEqual(["s1", "s2"].slice(0, from.length - 1).sort());
  });

  it("takes nothing while the fleet is paused, and nothing when it is drained meanwhile", async () => {
    const paused = await laden();
    must(await pauseTasks(paused.ports, FLEET, {}));
    expect(await paused.claim(paused.idle)).toEqual([]);
    const draining = await laden();
    const ports = interrupting(draining.ports, "agenda.has", () => drainSession(draining.ports, FLEET, "s2"));
    expect(must(await claimTasks(ports, draining.idle.claims, 1)).tasks).toEqual([]);
    await expectConsistent(draining, ["a", "b", "c"]);
  });

  it("leaves a task that is cancelled between its move and its start", async () => {
    const world = await laden();
    let moves = 0;
    const ports = interrupting(
      world.ports,
      "record.tasks.commit",
      async (call) => {
        const [task] = call.args as [{ id: string }];
        moves++;
        must(await cancelTask(world.ports, FLEET, task.id, null));
      },
      2,
    );
    const { tasks } = must(await claimTasks(ports, world.idle.claims, 1));
    expect(moves).toBe(1);
    for (const { task } of tasks) expect(await ownerOf(world, task.id)).toBe("s2");
    await passTime(world, 70_000, [world.busy, world.idle], []);
    await expectConsistent(world, ["a", "b", "c"]);
  });
});
