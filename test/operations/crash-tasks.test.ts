import { describe, expect, it } from "vitest";
import { workOff } from "../fixtures/at-rest.ts";
import { crashEverywhere } from "../fixtures/crash-points.ts";
import { FLEET, createWorld, must } from "../fixtures/memory-world.ts";
import { cancelTask } from "../../shared/operations/cancel-task.ts";
import { claimTasks } from "../../shared/operations/claim-tasks.ts";
import { dispatchReady } from "../../shared/operations/dispatch-ready.ts";
import { redriveTask } from "../../shared/operations/redrive-task.ts";
import { completeTask, failTask, releaseTask } from "../../shared/operations/settle-task.ts";
import { submitTasks } from "../../shared/operations/submit-tasks.ts";
import { summariseProgress } from "../../shared/operations/summarise-progress.ts";
import { timeoutTask } from "../../shared/operations/timeout-task.ts";

const TASKS = [
  { id: "c", type: "t", data: {}, dependsOn: ["a", "b"] },
  { id: "a", type: "t", data: {}, group: "g1" },
  { id: "b", type: "t", data: { long: "x".repeat(1_000) } },
  { id: "d", type: "t", data: {}, dependsOn: ["c"], group: "g1" },
];
const IDS = ["a", "b", "c", "d"];

/** A session that runs `a`, with `b` waiting, `c` blocked by both and `d` by `c`. */
async function working() {
  const world = createWorld();
  const chat = await world.register("s1");
  await world.tick();
  await world.submit({ id: "a", maxAttempts: 2 }, { id: "b" }, { id: "c", dependsOn: ["a", "b"] });
  await world.submit({ id: "d", dependsOn: ["c"] });
  const [held] = await world.claim(chat);
  expect(held?.task.id).toBe("a");
  return { world, ports: world.ports, chat };
}

describe("a function killed at any effect", () => {
  it("loses nothing of a submission that is repeated, and counts each task once at once", async () => {
    const points = await crashEverywhere({
      prepare: async () => {
        const world = createWorld();
        return { world, ports: world.ports };
      },
      act: (_, ports) => submitTasks(ports, FLEET, TASKS, "seed"),
      async check({ world, ports }) {
        const again = must(await submitTasks(ports, FLEET, TASKS, "seed"));
        expect(again.tasks.map(({ id }) => id)).toEqual(["c", "a", "b", "d"]);
        expect(await summariseProgress(ports, FLEET, null, null)).toMatchObject({
          totalTasks: 4,
          queuedTasks: 4,
        });
        await workOff(world, IDS);
        expect((await world.task("d")).state).toBe("completed");
      },
    });
    expect(points).toBeGreaterThan(12);
  });

  it("leaves a submission that is never repeated to the sweep, which hands out what was accepted", async () => {
    await crashEverywhere({
      prepare: async () => {
        const world = createWorld();
        return { world, ports: world.ports };
      },
      act: (_, ports) => submitTasks(ports, FLEET, TASKS, "seed"),
      async check({ world, ports }) {
        world.pending.length = 0;
        world.advance(11 * 60_000);
        const accepted = (await ports.record.tasks.getMany(FLEET, IDS)).map(({ id }) => id);
        await workOff(world, accepted);
      },
    });
  });

  it("leaves a task to be assigned again when it dies assigning it", async () => {
    const points = await crashEverywhere({
      prepare: async () => {
        const world = createWorld();
        await world.register("s1", { capacity: 2 });
        await world.tick();
        await world.submit({ id: "a" }, { id: "b" }, { id: "c" });
        return { world, ports: world.ports };
      },
      act: (_, ports) =>
        dispatchReady(ports, { type: "tasks.ready", fleet: FLEET, taskIds: ["a", "b", "c"] }),
      check: ({ world }) => workOff(world, ["a", "b", "c"]),
    });
    expect(points).toBeGreaterThan(8);
  });

  it("gives a claim that is repeated the tasks that the dead one had started", async () => {
    const points = await crashEverywhere({
      prepare: async () => {
        const world = createWorld();
        const chat = await world.register("s1");
        await world.tick();
        await world.submit({ id: "a" }, { id: "b" });
        return { world, ports: world.ports, chat };
      },
      act: ({ chat }, ports) => claimTasks(ports, chat.claims, 2),
      async check({ world, chat }) {
        for (let i = 0; i < 8; i++) {
          world.advance(5_000);
          await world.beat(chat, [{ id: "s1", epoch: 1 }]);
          await world.tick();
        }
        const held = await world.claim(chat, 2);
        expect(held.map(({ task }) => [task.id, task.attempt])).toEqual([
          ["a", 1],
          ["b", 1],
        ]);
        await workOff(world, ["a", "b"]);
      },
    });
    expect(points).toBeGreaterThan(6);
  });

  it("completes once when the holder repeats its completion", async () => {
    const points = await crashEverywhere({
      prepare: working,
      act: ({ chat }, ports) => completeTask(ports, chat.claims, "a", { fence: 1, result: 1 }),
      async check({ world, chat }) {
        const again = must(await completeTask(world.ports, chat.claims, "a", { fence: 1, result: 1 }));
        expect(again.task).toMatchObject({ state: "completed", result: 1, attempt: 1 });
        await workOff(world, IDS);
        expect((await world.task("d")).state).toBe("completed");
      },
    });
    expect(points).toBeGreaterThan(5);
  });

  it("has the effects of an end run by the sweep when nobody repeats the request", async () => {
    await crashEverywhere({
      prepare: working,
      act: ({ chat }, ports) => completeTask(ports, chat.claims, "a", { fence: 1, result: 1 }),
      async check({ world }) {
        await workOff(world, IDS);
        expect((await world.task("d")).state).toBe("completed");
      },
    });
  });

  it("fails the dependents of a dead letter, and theirs", async () => {
    const points = await crashEverywhere({
      prepare: working,
      act: ({ chat }, ports) =>
        failTask(ports, chat.claims, "a", { fence: 1, error: { message: "no" }, retryable: false }),
      async check({ world, chat }) {
        must(
          await failTask(world.ports, chat.claims, "a", {
            fence: 1,
            error: { message: "no" },
            retryable: false,
          }),
        );
        await workOff(world, IDS);
        for (const id of ["a", "c", "d"]) expect((await world.task(id)).state).toBe("failed");
      },
    });
    expect(points).toBeGreaterThan(8);
  });

  it("retries a failed attempt exactly once, whether or not the holder repeats its report", async () => {
    for (const repeats of [true, false])
      await crashEverywhere({
        prepare: working,
        act: ({ chat }, ports) => failTask(ports, chat.claims, "a", { fence: 1, error: { message: "no" } }),
        async check({ world, chat }) {
          if (repeats)
            must(await failTask(world.ports, chat.claims, "a", { fence: 1, error: { message: "no" } }));
          await workOff(world, IDS);
          expect(await world.task("a")).toMatchObject({ state: "completed", attempt: 2 });
        },
      });
  });

  it("gives a released task back without spending its attempt", async () => {
    await crashEverywhere({
      prepare: working,
      act: ({ chat }, ports) => releaseTask(ports, chat.claims, "a", { fence: 1 }),
      async check({ world, chat }) {
        must(await releaseTask(world.ports, chat.claims, "a", { fence: 1 }));
        await workOff(world, IDS);
        expect(await world.task("a")).toMatchObject({ state: "completed", attempt: 1 });
      },
    });
  });

  it("cancels once, and a holder that still reports the task is told to stop and keeps its place till then", async () => {
    const points = await crashEverywhere({
      prepare: async () => {
        const ready = await working();
        await ready.world.beat(ready.chat, [{ id: "s1", epoch: 1, tasks: [{ id: "a", fence: 1 }] }]);
        return ready;
      },
      act: (_, ports) => cancelTask(ports, FLEET, "a", null),
      async check({ world, chat }) {
        const wasCancelled = (await world.task("a")).state === "cancelled";
        const commands = [];
        for (let i = 0; i < 8; i++) {
          world.advance(5_000);
          await world.tick();
          const { sessions } = await world.beat(chat, [
            { id: "s1", epoch: 1, tasks: [{ id: "a", fence: 1 }] },
          ]);
          commands.push(...(sessions[0]?.commands ?? []));
        }
        if (wasCancelled) {
          expect(commands).toContainEqual({ type: "cancel", taskId: "a", fence: 1 });
          expect((await world.session("s1")).held).toHaveProperty("a");
        }
        await workOff(world, IDS);
        expect((await world.task("a")).state).toBe(wasCancelled ? "cancelled" : "completed");
      },
    });
    expect(points).toBeGreaterThan(8);
  });

  it("redrives once, and counts a redriven task once", async () => {
    const points = await crashEverywhere({
      prepare: async () => {
        const ready = await working();
        const { world, chat } = ready;
        must(
          await failTask(world.ports, chat.claims, "a", {
            fence: 1,
            error: { message: "no" },
            retryable: false,
          }),
        );
        return ready;
      },
      act: (_, ports) => redriveTask(ports, FLEET, "a"),
      async check({ world }) {
        const redriven = (await world.task("a")).redrives === 1;
        await workOff(world, IDS);
        expect((await world.task("a")).state).toBe(redriven ? "completed" : "failed");
      },
    });
    expect(points).toBeGreaterThan(4);
  });

  it("counts a redriven task whose redrive died and which then ends before any repair", async () => {
    const points = await crashEverywhere({
      prepare: async () => {
        const world = createWorld();
        const chat = await world.register("s1");
        await world.submit({ id: "a" }, { id: "b", dependsOn: ["a"] });
        const [a] = await world.claim(chat);
        const no = { error: { message: "no" }, retryable: false };
        must(await failTask(world.ports, chat.claims, "a", { fence: a?.fence ?? 0, ...no }));
        must(await redriveTask(world.ports, FLEET, "a"));
        return { world, ports: world.ports, chat };
      },
      act: (_, ports) => redriveTask(ports, FLEET, "b"),
      async check({ world, chat }) {
        for (let next = (await world.claim(chat))[0] ?? null; next;) {
          const { fence, task } = next;
          ({ next } = must(await completeTask(world.ports, chat.claims, task.id, { fence, result: 1 })));
        }
        const { redrives } = await world.task("b");
        await workOff(world, ["a", "b"]);
        expect((await world.task("b")).state).toBe(redrives === 1 ? "completed" : "failed");
      },
    });
    expect(points).toBeGreaterThan(3);
  });

  it("times a task out once, and its holder loses it", async () => {
    const points = await crashEverywhere({
      prepare: async () => {
        const world = createWorld();
        const chat = await world.register("s1");
        await world.submit({ id: "a", timeoutMs: 1_000, maxAttempts: 2 });
        await world.claim(chat);
        world.advance(2_000);
        return { world, ports: world.ports, chat };
      },
      act: (_, ports) => timeoutTask(ports, FLEET, "a", 1),
      async check({ world, chat }) {
        await timeoutTask(world.ports, FLEET, "a", 1);
        expect(await completeTask(world.ports, chat.claims, "a", { fence: 1, result: 1 })).toMatchObject({
          refused: "lease.stale",
        });
        await workOff(world, ["a"]);
        expect(await world.task("a")).toMatchObject({ state: "completed", attempt: 2 });
      },
    });
    expect(points).toBeGreaterThan(4);
  });
});
