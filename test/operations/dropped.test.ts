import { describe, expect, it } from "vitest";
import { settleSession } from "../../shared/operations/settle-session.ts";
import { completeTask } from "../../shared/operations/settle-task.ts";
import { takeDropped } from "../../shared/operations/take-dropped.ts";
import { isOwned } from "../../shared/domain/task-transitions.ts";
import { isRefusal } from "../../shared/contract/errors.ts";
import { expectConsistent, passTime, workOff } from "../fixtures/at-rest.ts";
import { crashEverywhere, interrupting } from "../fixtures/crash-points.ts";
import { FLEET, createWorld, must } from "../fixtures/memory-world.ts";

const LONG_MS = 70_000;

async function startedWorld(maxAttempts = 3) {
  const world = createWorld();
  const chat = await world.register("s1");
  await world.submit({ id: "a", maxAttempts });
  const [held] = await world.claim(chat);
  if (!held) throw new Error("Nothing was claimed.");
  const listing = [{ id: "s1", epoch: 1, tasks: [{ id: "a", fence: held.fence }] }];
  return { world, chat, fence: held.fence, list: () => world.beat(chat, listing) };
}

describe("a session that lives and does not work on what it started", () => {
  it("loses it after a timeout if it lists its work, and its attempt is spent", async () => {
    const { world, chat, fence } = await startedWorld();
    await passTime(world, 20_000, [chat], [{ id: "a", fence }]);
    expect((await world.task("a")).state).toBe("running");
    await passTime(world, LONG_MS, [chat], []);
    const task = await world.task("a");
    expect(task).toMatchObject({ attempt: 1, error: { code: "task.dropped" } });
    expect(task.fence).toBeGreaterThan(fence);
    const late = await completeTask(world.ports, chat.claims, "a", { fence, result: 1 });
    expect(isRefusal(late) && late.refused).toBe("lease.stale");
    await expectConsistent(world, ["a"]);
  });

  it("keeps it if it has never listed a task", async () => {
    const { world, chat, fence } = await startedWorld();
    await passTime(world, LONG_MS, [chat], []);
    await passTime(world, LONG_MS, [chat]);
    must(await completeTask(world.ports, chat.claims, "a", { fence, result: 1 }));
  });

  it("makes it a dead letter with its last attempt", async () => {
    const { world, chat, list } = await startedWorld(1);
    await list();
    await passTime(world, LONG_MS, [chat], []);
    expect(await world.task("a")).toMatchObject({ state: "failed", error: { code: "task.dropped" } });
    expect((await world.session("s1")).held).toEqual({});
  });

  it("is told nothing when it settles the task at that very moment", async () => {
    const { world, chat, fence } = await startedWorld();
    const task = await world.task("a");
    if (!isOwned(task)) throw new Error("It does not run.");
    const ports = interrupting(world.ports, "record.tasks.get", () =>
      completeTask(world.ports, chat.claims, "a", { fence, result: 1 }),
    );
    await takeDropped(ports, task);
    expect((await world.task("a")).state).toBe("completed");
  });

  it("keeps it if Redis has fallen back to a report of before it was started", async () => {
    const { world, chat, list } = await startedWorld();
    await list();
    await world.submit({ id: "b" });
    const [other] = await world.claim(chat, 1);
    const earlier = await world.ports.registry.reported(FLEET, ["s1"]);
    const both = [{ id: "a", fence: 1 }, ...(other ? [{ id: "b", fence: other.fence }] : [])];
    await passTime(world, LONG_MS, [chat], both);
    const [report] = earlier;
    if (report) await world.ports.registry.report(FLEET, "s1", report);
    await settleSession(world.ports, FLEET, "s1");
    await settleSession(world.ports, FLEET, "s1");
    expect((await world.task("b")).state).toBe("running");
    await passTime(world, LONG_MS, [chat], both);
    expect((await world.task("b")).state).toBe("running");
    expect((await world.session("s1")).askedAtMs).toBeNull();
  });

  it("keeps it if a claim hands it out again while the session is asked", async () => {
    const { world, chat, list } = await startedWorld();
    await list();
    const silent = [{ id: "s1", epoch: 1, tasks: [] }];
    await world.beat(chat, silent);
    world.advance(31_000);
    await settleSession(world.ports, FLEET, "s1");
    expect((await world.session("s1")).askedAtMs).not.toBeNull();
    expect((await world.claim(chat)).map(({ task }) => task.id)).toEqual(["a"]);
    world.advance(21_000);
    await world.beat(chat, silent);
    await settleSession(world.ports, FLEET, "s1");
    expect((await world.task("a")).state).toBe("running");
  });

  it("is not handed it out again while it is taken away", async () => {
    const { world, chat, list } = await startedWorld();
    await list();
    const silent = [{ id: "s1", epoch: 1, tasks: [] }];
    await world.beat(chat, silent);
    world.advance(31_000);
    await settleSession(world.ports, FLEET, "s1");
    world.advance(21_000);
    await world.beat(chat, silent);
    let claimed: string[] | null = null;
    const ports = interrupting(world.ports, "record.tasks.commit", async () => {
      claimed = (await world.claim(chat)).map(({ task }) => task.id);
    });
    await settleSession(ports, FLEET, "s1");
    expect(claimed).toEqual([]);
    expect(await world.task("a")).toMatchObject({ state: "queued", error: { code: "task.dropped" } });
  });

  it("loses it wholly, wherever the sweep is killed", async () => {
    for (const maxAttempts of [1, 3]) {
      const deaths = await crashEverywhere({
        prepare: async () => {
          const { world, chat, list } = await startedWorld(maxAttempts);
          await list();
          await world.beat(chat, [{ id: "s1", epoch: 1, tasks: [] }]);
          world.advance(31_000);
          await settleSession(world.ports, FLEET, "s1");
          world.advance(21_000);
          await world.beat(chat, [{ id: "s1", epoch: 1, tasks: [] }]);
          return world;
        },
        act: (_world, ports) => settleSession(ports, FLEET, "s1"),
        check: (world) => workOff(world, ["a"]),
      });
      expect(deaths).toBeGreaterThan(2);
    }
  });
});
