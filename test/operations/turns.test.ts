import { describe, expect, it } from "vitest";
import type { TaskIn } from "../../shared/contract/records.ts";
import { NO_RULES } from "../../shared/domain/rules.ts";
import { assignTask } from "../../shared/operations/assign-task.ts";
import { claimTasks } from "../../shared/operations/claim-tasks.ts";
import { dispatchReady } from "../../shared/operations/dispatch-ready.ts";
import { endSession } from "../../shared/operations/end-session.ts";
import { failTask } from "../../shared/operations/settle-task.ts";
import { passTime } from "../fixtures/at-rest.ts";
import { interrupting } from "../fixtures/crash-points.ts";
import { FLEET, type World, createWorld, must } from "../fixtures/memory-world.ts";

const names = (held: Awaited<ReturnType<World["claim"]>>) => held.map(({ task }) => task.id);

describe("a task that its last holder still has to stop", () => {
  /** The only session reports a task that ran out of time: nobody else can have it, and it not before it stopped it. */
  async function stopping() {
    const world = createWorld();
    const chat = await world.register("s1", { capacity: 3 });
    await world.submit({ id: "late", timeoutMs: 1_000 });
    await world.claim(chat);
    await passTime(world, 5_000, [chat], [{ id: "late", fence: 1 }]);
    world.advance(2_000);
    await world.deliver();
    expect(await world.task("late")).toMatchObject({ state: "queued" });
    expect((await world.session("s1")).stopping).toHaveProperty("late");
    return { world, chat };
  }

  it("keeps nobody behind it from the places that are free", async () => {
    const { world, chat } = await stopping();
    await world.submit({ id: "a" }, { id: "b" });
    expect((await world.ports.workQueue.heads(FLEET)).map(({ taskId }) => taskId)).toEqual(["late"]);
    expect(names(await world.claim(chat, 3))).toEqual(["a", "b"]);
    const { world: other } = await stopping();
    await other.submit({ id: "a" }, { id: "b" });
    await other.deliver();
    expect(Object.keys((await other.session("s1")).held).sort()).toEqual(["a", "b", "late"]);
  });

  it("keeps its place in the queue, and is had again once it was stopped", async () => {
    const { world, chat } = await stopping();
    await world.submit({ id: "a" });
    await world.deliver();
    expect((await world.ports.workQueue.heads(FLEET)).map(({ taskId }) => taskId)).toEqual(["late"]);
    await passTime(world, 35_000, [chat]);
    expect(await world.task("late")).toMatchObject({ state: "assigned", owner: { session: "s1" } });
  });
});

it("what came later has no turn because others of its requirements were first when the queues were looked at", async () => {
  const world = createWorld();
  const chat = await world.register("s1", { capacity: 1, capabilities: ["gpu"] });
  await world.submit({ id: "first", requires: ["gpu"] });
  world.advance(1_000);
  await world.submit({ id: "second" });
  world.advance(600_000);
  await world.beat(chat, [{ id: "s1", epoch: 1 }]);
  await world.submit({ id: "last", requires: ["gpu"] });
  // Somebody who turns out to have no room takes the first for a moment.
  const { workQueue, chance } = world.ports;
  const ports = interrupting(world.ports, "workQueue.take", async () => {
    await workQueue.take(FLEET, [["gpu"]], chance.id(), world.nowMs() + 10_000);
  });
  await dispatchReady(ports, { type: "tasks.ready", fleet: FLEET, taskIds: ["last"] });
  expect((await world.task("last")).state).toBe("queued");
  expect(await world.task("second")).toMatchObject({ state: "assigned", owner: { session: "s1" } });
  expect(must(await claimTasks(world.ports, chat.claims, 1)).tasks).toHaveLength(1);
});

describe("a take that was left behind", () => {
  async function taken() {
    const world = createWorld();
    await world.submit({ id: "a" });
    const { workQueue, chance } = world.ports;
    const left = await workQueue.take(FLEET, [[]], chance.id(), world.nowMs() + 10_000);
    expect(left?.taskId).toBe("a");
    return world;
  }
  const waiting = async ({ ports }: World) =>
    (await ports.workQueue.heads(FLEET)).map(({ taskId }) => taskId);

  it("gives its task back to the queue", async () => {
    const world = await taken();
    world.advance(10_001);
    await world.tick();
    expect(await waiting(world)).toEqual(["a"]);
  });

  it("does not put back what was given out meanwhile", async () => {
    const world = await taken();
    const chat = await world.register("s1", { capacity: 1 });
    await assignTask(world.ports, FLEET, "a", "s1", { starts: false, rules: NO_RULES });
    await world.submit({ id: "b" });
    world.advance(10_001);
    await world.beat(chat, [{ id: "s1", epoch: 1 }]);
    await world.tick();
    expect(await waiting(world)).toEqual(["b"]);
    expect(await world.ports.workQueue.expired(world.nowMs(), 10)).toEqual([]);
  });

  it("puts what came back meanwhile where it belongs now, which may be after all others", async () => {
    const world = await taken();
    const chat = await world.register("s1", { capacity: 1 });
    const assigned = await assignTask(world.ports, FLEET, "a", "s1", { starts: true, rules: NO_RULES });
    await world.submit({ id: "b" });
    if (assigned.outcome !== "assigned") throw new Error(assigned.outcome);
    const { fence } = assigned.task;
    must(await failTask(world.ports, chat.claims, "a", { fence, error: { message: "not yet" } }));
    const { notBeforeMs } = (await world.task("a")) as TaskIn<"queued">;
    must(await endSession(world.ports, chat.claims, "s1", { reason: "stopped" }));
    // What the repair would mend is mended before.
    await world.tick();
    world.advance(Math.max(notBeforeMs - world.nowMs(), 10_001));
    await world.tick();
    expect(await waiting(world)).toEqual(["b"]);
    await world.ports.workQueue.remove(FLEET, { taskId: "b", requires: [] });
    expect(await world.ports.workQueue.heads(FLEET)).toMatchObject([
      { taskId: "a", order: notBeforeMs + 60_000 },
    ]);
  });
});

it("a queued name of which the record knows nothing is dropped, and keeps nobody from what is behind it", async () => {
  const world = createWorld();
  await world.register("s1", { capacity: 1 });
  await world.ports.workQueue.add(FLEET, [{ taskId: "ghost", requires: [], order: 0 }]);
  await world.submit({ id: "a" });
  await world.deliver();
  expect(await world.task("a")).toMatchObject({ state: "assigned" });
  expect(await world.ports.workQueue.heads(FLEET)).toEqual([]);
});
