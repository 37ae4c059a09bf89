import { describe, expect, it } from "vitest";
import { type Chat, passTime, workOff } from "../fixtures/at-rest.ts";
import { crashEverywhere } from "../fixtures/crash-points.ts";
import { FLEET, type World, createWorld, must } from "../fixtures/memory-world.ts";
import { drainSession, endSession } from "../../shared/operations/end-session.ts";
import { rebalanceFleet } from "../../shared/operations/rebalance-fleet.ts";
import { recoverSession } from "../../shared/operations/recover-session.ts";
import { registerSession } from "../../shared/operations/register-session.ts";
import { rollUpGroup } from "../../shared/operations/roll-up-group.ts";
import { completeTask, failTask } from "../../shared/operations/settle-task.ts";
import { verifySession } from "../../shared/operations/verify-session.ts";

const BY = { fleet: FLEET, keyId: "key_test", keyExpiresMs: null, seed: "seed", hostToken: null };
const REQUEST = { id: "s1", host: "h1", boot: "b1", agent: "test" };

/** A session that runs `a` and is assigned `b` and `c`, which it has not started; `d` finds no room. */
async function laden() {
  const world = createWorld();
  const chat = await world.register("s1");
  await world.tick();
  await world.submit({ id: "a" }, { id: "b" }, { id: "c" }, { id: "d" });
  await world.deliver();
  await world.claim(chat);
  expect((await world.session("s1")).held).toEqual({ a: 1, b: 1, c: 1 });
  return { world, ports: world.ports, chat };
}
const IDS = ["a", "b", "c", "d"];

/** At most one session believes to hold a task, and the record agrees with it. */
async function expectOneHolder(world: World, chats: readonly Chat[]): Promise<void> {
  const fences = new Map<string, number>();
  for (const chat of chats)
    for (const { task, fence } of await world.claim(chat, 10)) {
      expect(fences.has(task.id), `two holders of ${task.id}`).toBe(false);
      fences.set(task.id, fence);
      expect(await world.task(task.id)).toMatchObject({ fence, owner: { session: chat.id } });
    }
}

describe("a function killed at any effect of a session's life", () => {
  it("registers once when the registration is repeated with its Idempotency-Key", async () => {
    const points = await crashEverywhere({
      prepare: async () => {
        const world = createWorld();
        await world.submit({ id: "a" });
        return { world, ports: world.ports };
      },
      act: (_, ports) => registerSession(ports, BY, REQUEST),
      async check({ world }) {
        const chat = await world.register("s1", {}, "seed");
        expect(chat.epoch).toBe(1);
        await passTime(world, 40_000, [chat]);
        expect(await world.session("s1")).toMatchObject({ state: "live", epoch: 1, restarts: 0 });
        expect((await world.claim(chat)).map(({ task }) => task.id)).toEqual(["a"]);
        await workOff(world, ["a"]);
      },
    });
    expect(points).toBeGreaterThan(4);
  });

  it("gives a session that was registered but never answered its timeout, then its work to others", async () => {
    await crashEverywhere({
      prepare: async () => {
        const world = createWorld();
        await world.submit({ id: "a" });
        return { world, ports: world.ports };
      },
      act: (_, ports) => registerSession(ports, BY, REQUEST),
      async check({ world, ports }) {
        await workOff(world, ["a"]);
        const session = await ports.record.sessions.get(FLEET, "s1");
        expect(session === null || session.state === "crashed").toBe(true);
      },
    });
  });

  it("restarts a session with a higher epoch and returns what its predecessor held", async () => {
    const points = await crashEverywhere({
      prepare: laden,
      act: (_, ports) => registerSession(ports, BY, REQUEST),
      async check({ world, ports, chat }) {
        const restarted = must(await registerSession(ports, BY, REQUEST));
        expect(restarted.session.epoch).toBeGreaterThan(chat.epoch);
        expect(await completeTask(ports, chat.claims, "a", { fence: 1, result: 1 })).toMatchObject({
          refused: "lease.stale",
        });
        await workOff(world, IDS);
      },
    });
    expect(points).toBeGreaterThan(15);
  });

  it("gives up a host's old sessions when a new boot of it registers", async () => {
    const points = await crashEverywhere({
      prepare: laden,
      act: ({ chat }, ports) =>
        registerSession(ports, { ...BY, hostToken: chat.hostClaims }, { ...REQUEST, id: "s2", boot: "b2" }),
      async check({ world, ports, chat }) {
        const by = { ...BY, hostToken: chat.hostClaims };
        must(await registerSession(ports, by, { ...REQUEST, id: "s2", boot: "b2" }));
        await workOff(world, IDS);
        expect((await world.session("s1")).state).toBe("crashed");
      },
    });
    expect(points).toBeGreaterThan(15);
  });

  it("returns all tasks of a crashed session, whoever finishes its recovery", async () => {
    const giving = { endsAs: "crashed", cause: "test", lastBeatAtMs: null } as const;
    for (const repeats of [true, false]) {
      const points = await crashEverywhere({
        prepare: laden,
        act: (_, ports) => recoverSession(ports, FLEET, "s1", 1, giving),
        async check({ world, ports }) {
          if (repeats) {
            expect((await recoverSession(ports, FLEET, "s1", 1, giving))?.state).toBe("crashed");
            expect((await world.session("s1")).held).toEqual({});
          }
          await workOff(world, IDS);
          expect(await world.task("a")).toMatchObject({ state: "completed", attempt: 2 });
          expect(await world.task("b")).toMatchObject({ state: "completed", attempt: 1 });
        },
      });
      expect(points).toBeGreaterThan(8);
    }
  });

  it("ends a session once, whether the request is repeated or not", async () => {
    for (const repeats of [true, false])
      await crashEverywhere({
        prepare: laden,
        act: ({ chat }, ports) => endSession(ports, chat.claims, "s1", { reason: "stopped" }),
        async check({ world, ports, chat }) {
          if (repeats) {
            const { session } = must(await endSession(ports, chat.claims, "s1", { reason: "stopped" }));
            expect(session).toMatchObject({ state: "ended", epoch: 2, currentTasks: 0 });
          }
          await workOff(world, IDS);
        },
      });
  });

  it("drains a session: what waited goes to others, what runs may finish", async () => {
    const points = await crashEverywhere({
      prepare: laden,
      act: (_, ports) => drainSession(ports, FLEET, "s1"),
      async check({ world, ports, chat }) {
        must(await drainSession(ports, FLEET, "s1"));
        expect(await world.session("s1")).toMatchObject({ state: "draining" });
        must(await completeTask(ports, chat.claims, "a", { fence: 1, result: 1 }));
        await workOff(world, IDS);
        expect(await world.task("a")).toMatchObject({ attempt: 1, settledBy: { session: "s1" } });
      },
    });
    expect(points).toBeGreaterThan(8);
  });

  it("moves a waiting assignment so that never two sessions hold it", async () => {
    const points = await crashEverywhere({
      prepare: async () => {
        const ready = await laden();
        return { ...ready, other: await ready.world.register("s2", { host: "h2", capacity: 2 }) };
      },
      act: (_, ports) => rebalanceFleet(ports, FLEET),
      async check({ world, chat, other }) {
        await expectOneHolder(world, [other, chat]);
        await passTime(world, 40_000, [chat, other]);
        await workOff(world, IDS);
      },
    });
    expect(points).toBeGreaterThan(4);
  });

  it("adds a submission to its group's totals exactly once", async () => {
    const points = await crashEverywhere({
      prepare: async () => {
        const ready = await laden();
        const { world, chat } = ready;
        must(await completeTask(world.ports, chat.claims, "a", { fence: 1, result: 1 }));
        for (const id of ["b", "c", "d"]) {
          await world.claim(chat);
          must(
            await failTask(world.ports, chat.claims, id, {
              fence: (await world.task(id)).fence,
              error: { message: "no" },
              retryable: false,
            }),
          );
        }
        return ready;
      },
      act: (_, ports) => rollUpGroup(ports, FLEET, "-"),
      async check({ world, ports }) {
        await workOff(world, IDS);
        expect(await ports.record.groups.get(FLEET, "-")).toMatchObject({
          open: false,
          rolling: [],
          totals: { total: 4, completed: 1, failed: 3, cancelled: 0 },
        });
        await rollUpGroup(ports, FLEET, "-");
        expect((await ports.record.groups.get(FLEET, "-"))?.totals.total).toBe(4);
      },
    });
    expect(points).toBeGreaterThan(2);
  });

  it("finishes with a later tick what a killed tick began: recovery, effects, balance, takes", async () => {
    const points = await crashEverywhere({
      prepare: async () => {
        const ready = await laden();
        const { world, ports } = ready;
        await world.register("s2", { host: "h2", capacity: 2 });
        await ports.workQueue.take(FLEET, [[]], "abandoned", world.nowMs() + 1_000);
        await ports.agenda.put([{ kind: "effects", fleet: FLEET, task: "a" }], world.nowMs());
        world.advance(31_000);
        await ports.agenda.setStamp(world.nowMs() - 1_000);
        return ready;
      },
      act: ({ world }, ports) => world.tick(false, ports),
      check: ({ world }) => workOff(world, IDS),
    });
    expect(points).toBeGreaterThan(15);
  });

  it("rebuilds Redis with later ticks when it dies rebuilding it", async () => {
    const points = await crashEverywhere({
      prepare: async () => {
        const ready = await laden();
        ready.world.loseRedis();
        ready.world.pending.length = 0;
        return ready;
      },
      act: ({ world }, ports) => world.tick(false, ports),
      async check({ world, chat }) {
        await passTime(world, 5_000, [chat]);
        expect((await world.session("s1")).state).toBe("live");
        await workOff(world, IDS);
      },
    });
    expect(points).toBeGreaterThan(4);
  });

  it("finishes a recovery that it finds while verifying a beat", async () => {
    const giving = { endsAs: "ended", cause: "test", lastBeatAtMs: null } as const;
    await crashEverywhere({
      prepare: async () => {
        const ready = await laden();
        await crashedRecovery(ready.ports, giving);
        return ready;
      },
      act: (_, ports) => verifySession(ports, { fleet: FLEET, host: "h1", session: "s1", epoch: 1 }),
      check: ({ world }) => workOff(world, IDS),
    });
  });
});

/** Leaves the session as a function does that is killed right after it gave it up. */
async function crashedRecovery(
  ports: World["ports"],
  giving: Parameters<typeof recoverSession>[4],
): Promise<void> {
  const session = await ports.record.sessions.get(FLEET, "s1");
  if (!session) throw new Error("no session s1");
  await ports.record.sessions.commit(session, {
    ...session,
    ...giving,
    state: "recovering",
    epoch: session.epoch + 1,
  });
}
