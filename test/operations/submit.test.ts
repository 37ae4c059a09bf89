import { describe, expect, it } from "vitest";
import { interrupting, portsWithout } from "../fixtures/crash-points.ts";
import { passTime } from "../fixtures/at-rest.ts";
import { FLEET, createWorld, must } from "../fixtures/memory-world.ts";
import { SUBMIT_TASKS_LIMIT, TASK_DATA_BYTES_LIMIT } from "../../shared/contract/limits.ts";
import type { TaskSubmission } from "../../shared/contract/task.ts";
import { cancelTask } from "../../shared/operations/cancel-task.ts";
import { newFleet } from "../../shared/operations/fleet-of.ts";
import { completeTask, failTask } from "../../shared/operations/settle-task.ts";
import { submitTasks } from "../../shared/operations/submit-tasks.ts";
import { summariseProgress } from "../../shared/operations/summarise-progress.ts";
import { getTask } from "../../shared/operations/view-task.ts";

const task = (id: string, more: Partial<TaskSubmission> = {}) => ({ type: "t", data: {}, id, ...more });

describe("a submission", () => {
  it("is the same task when it is repeated, and refused when the id names another", async () => {
    const { ports } = createWorld();
    const first = must(await submitTasks(ports, FLEET, [task("a", { data: { x: 1, y: 2 } })], null));
    const again = must(
      await submitTasks(ports, FLEET, [task("a", { data: { y: 2, x: 1 }, priority: 3 })], null),
    );
    expect(again).toEqual(first);
    expect(await submitTasks(ports, FLEET, [task("b"), task("a")], null)).toMatchObject({
      refused: "task.exists",
    });
    expect(await ports.record.tasks.get(FLEET, "b")).toBeNull();
  });

  it("names tasks without an id alike for the same Idempotency-Key, and anew without one", async () => {
    const { ports } = createWorld();
    const unnamed = [
      { type: "t", data: 1 },
      { type: "t", data: 1 },
    ];
    const ids = async (seed: string | null) =>
      must(await submitTasks(ports, FLEET, unnamed, seed)).tasks.map(({ id }) => id);
    const first = await ids("once");
    expect(new Set(first).size).toBe(2);
    expect(await ids("once")).toEqual(first);
    expect((await ids(null)).some((id) => first.includes(id))).toBe(false);
  });

  it("takes as many tasks as its limit, counts each, and refuses one more", async () => {
    const { ports } = createWorld();
    const many = Array.from({ length: SUBMIT_TASKS_LIMIT + 1 }, (_, i) => task(`t${i}`));
    expect(await submitTasks(ports, FLEET, many, null)).toMatchObject({ refused: "batch.too_large" });
    expect(await ports.record.tasks.get(FLEET, "t0")).toBeNull();
    must(await submitTasks(ports, FLEET, many.slice(1), null));
    expect(await summariseProgress(ports, FLEET, null, null)).toMatchObject({
      totalTasks: SUBMIT_TASKS_LIMIT,
    });
  });

  it("takes data of exactly its limit, and refuses a byte more", async () => {
    const { ports } = createWorld();
    const data = "x".repeat(TASK_DATA_BYTES_LIMIT - 2);
    expect(await submitTasks(ports, FLEET, [task("a", { data: `${data}x` })], null)).toMatchObject({
      refused: "data.too_large",
    });
    const [taken] = must(await submitTasks(ports, FLEET, [task("a", { data })], null)).tasks;
    expect(taken?.data).toBe(data);
  });

  it.each([
    ["nothing", [], "request.invalid"],
    ["two tasks of one id", [task("a"), task("a")], "batch.duplicate_id"],
    ["a dependency that does not exist", [task("a", { dependsOn: ["gone"] })], "dependency.unknown"],
    ["a task that waits for itself", [task("a", { dependsOn: ["a"] })], "dependency.cycle"],
    ["a cycle", [task("a", { dependsOn: ["b"] }), task("b", { dependsOn: ["a"] })], "dependency.cycle"],
  ])("with %s changes nothing", async (_, tasks, code) => {
    const { ports } = createWorld();
    expect(await submitTasks(ports, FLEET, tasks, null)).toMatchObject({ refused: code });
    expect(await ports.record.tasks.get(FLEET, "a")).toBeNull();
    expect(await ports.record.groups.get(FLEET, "-")).toBeNull();
  });

  it("of a fleet never depends on a task of another", async () => {
    const { ports } = createWorld();
    must(await submitTasks(ports, "other", [task("theirs")], null));
    expect(await submitTasks(ports, FLEET, [task("a", { dependsOn: ["theirs"] })], null)).toMatchObject({
      refused: "dependency.unknown",
    });
    expect(await getTask(ports, FLEET, "theirs")).toMatchObject({ refused: "task.not_found" });
  });

  it("starts at once what depends only on tasks that have completed, and fails what depends on one that has not", async () => {
    const world = createWorld();
    const chat = await world.register("s1");
    await world.submit({ id: "done" }, { id: "broken" }, { id: "off" });
    const held = new Map((await world.claim(chat, 3)).map((entry) => [entry.task.id, entry.fence]));
    must(await completeTask(world.ports, chat.claims, "done", { fence: held.get("done") ?? 0, result: 1 }));
    const no = { error: { message: "no" }, retryable: false };
    must(await failTask(world.ports, chat.claims, "broken", { fence: held.get("broken") ?? 0, ...no }));
    must(await cancelTask(world.ports, FLEET, "off", null));
    const states = await world.submit(
      { id: "a", dependsOn: ["done"] },
      { id: "b", dependsOn: ["done", "broken"] },
      { id: "c", dependsOn: ["off"] },
      { id: "d", dependsOn: ["b"] },
    );
    expect(states.map(({ state }) => state)).toEqual(["queued", "failed", "failed", "failed"]);
    expect(await world.task("b")).toMatchObject({
      effectsPending: false,
      error: { code: "dependency.failed" },
    });
    expect(await summariseProgress(world.ports, FLEET, null, null)).toMatchObject({
      ...{ totalTasks: 7, completedTasks: 1, failedTasks: 4, cancelledTasks: 1, queuedTasks: 1 },
    });
  });

  it("misses no dependency that ends while it is being linked", async () => {
    for (const path of ["record.edges.add", "record.tasks.strike", "record.tasks.getMany"])
      for (const nth of [1, 2]) {
        const world = createWorld();
        const chat = await world.register("s1");
        await world.submit({ id: "a" });
        const [a] = await world.claim(chat);
        const finish = () => completeTask(world.ports, chat.claims, "a", { fence: a?.fence ?? 0, result: 1 });
        const ports = interrupting(world.ports, path, finish, nth);
        must(await submitTasks(ports, FLEET, [task("b", { dependsOn: ["a"] })], null));
        await finish();
        expect((await world.task("b")).state, `${path} ${nth}`).not.toBe("blocked");
      }
  });

  it("of a task that somebody else submits at the same time is that task, or refused if it differs", async () => {
    for (const [data, outcome] of [
      [{}, "tasks"],
      [{ other: 1 }, "refused"],
    ] as const) {
      const world = createWorld();
      const ports = interrupting(world.ports, "record.tasks.commit", () =>
        submitTasks(world.ports, FLEET, [task("a", { data })], null),
      );
      expect(await submitTasks(ports, FLEET, [task("x"), task("a")], null)).toHaveProperty(outcome);
    }
  });

  it("counts each task once when it overlaps an earlier one, or is repeated after its items were given up", async () => {
    const world = createWorld();
    const chat = await world.register("s1");
    await world.tick();
    await world.submit({ id: "a" }, { id: "b" });
    await world.submit({ id: "b" }, { id: "c" });
    expect(await summariseProgress(world.ports, FLEET, null, null)).toMatchObject({
      totalTasks: 3,
      queuedTasks: 3,
    });

    const dies = interrupting(world.ports, "record.payloads.put", () => Promise.reject(new Error("killed")));
    await expect(submitTasks(dies, FLEET, [task("d"), task("e")], null)).rejects.toThrow("killed");
    await passTime(world, 11 * 60_000, [chat]);
    must(await submitTasks(world.ports, FLEET, [task("d"), task("e")], null));
    await passTime(world, 70_000, [chat]);
    expect((await summariseProgress(world.ports, FLEET, null, null)).totalTasks).toBe(5);
  });

  it("is acknowledged once it is in the record, whether Redis and the queues answer or not", async () => {
    const world = createWorld();
    const ports = portsWithout(world.ports, "registry", "workQueue", "agenda", "events");
    must(await submitTasks(ports, FLEET, [task("a"), task("b", { dependsOn: ["a"] })], null));
    const chat = await world.register("s1");
    await world.tick();
    expect((await world.claim(chat)).map((held) => held.task.id)).toEqual(["a"]);
  });

  it("fails when the record does not answer, and says which store", async () => {
    const { ports } = createWorld();
    await expect(submitTasks(portsWithout(ports, "record.tasks"), FLEET, [task("a")], null)).rejects.toThrow(
      "record.tasks.getMany does not answer",
    );
  });

  it("is refused while the fleet's quota is used up by the last count, but a repeat is not", async () => {
    const world = createWorld();
    const chat = await world.register("s1");
    await world.ports.record.fleets.commit(null, { ...newFleet(FLEET, "standard", 0), openTasksQuota: 2 });
    await world.submit({ id: "a" }, { id: "b" });
    await passTime(world, 35_000, [chat]);
    expect(await submitTasks(world.ports, FLEET, [task("c")], null)).toMatchObject({
      refused: "quota.exceeded",
    });
    must(await submitTasks(world.ports, FLEET, [task("a")], null));
    const [held] = await world.claim(chat);
    must(
      await completeTask(world.ports, chat.claims, held?.task.id ?? "", {
        fence: held?.fence ?? 0,
        result: 1,
      }),
    );
    await passTime(world, 35_000, [chat]);
    must(await submitTasks(world.ports, FLEET, [task("c")], null));
  });
});
