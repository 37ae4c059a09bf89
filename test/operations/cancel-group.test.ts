import { describe, expect, it } from "vitest";
import { cancelGroup } from "../../shared/operations/cancel-group.ts";
import { redriveTask } from "../../shared/operations/redrive-task.ts";
import { rollUpGroup } from "../../shared/operations/roll-up-group.ts";
import { failTask } from "../../shared/operations/settle-task.ts";
import { summariseProgress } from "../../shared/operations/summarise-progress.ts";
import type { Ports } from "../../shared/ports/ports.ts";
import { passTime, workOff } from "../fixtures/at-rest.ts";
import { crashEverywhere, interrupting, tapPorts } from "../fixtures/crash-points.ts";
import { FLEET, type World, createWorld, must } from "../fixtures/memory-world.ts";

/** Cancels to the end, as a client does that follows the cursor. */
async function cancelAll(ports: Ports, group: string, between = async () => {}) {
  let cancelled = 0;
  let requests = 0;
  let cursor: string | null = null;
  do {
    const answer: Awaited<ReturnType<typeof cancelGroup>> = await cancelGroup(
      ports,
      FLEET,
      { group },
      cursor,
    );
    ({ cursor } = must(answer));
    cancelled += must(answer).cancelled;
    requests++;
    await between();
  } while (cursor !== null);
  return { cancelled, requests };
}

const statesOf = async (world: World, ids: readonly string[]) =>
  Object.fromEntries(
    await Promise.all(ids.map(async (id) => [id, (await world.task(id)).state] as const)),
  ) as Record<string, string>;

const many = (count: number, group: string) =>
  Array.from({ length: count }, (_, n) => ({ id: `${group}-${n}`, group }));

/** A group with tasks in every state, one of another group that waits for one of it, and one of neither. */
async function mixed() {
  const world = createWorld();
  const chat = await world.register("s1", { capacity: 3 });
  await world.tick();
  await world.submit({ id: "failed", group: "g", maxAttempts: 1 });
  const [first] = await world.claim(chat);
  expect(first?.task.id).toBe("failed");
  must(await failTask(world.ports, chat.claims, "failed", { fence: 1, error: { message: "no" } }));
  await world.submit({ id: "running", group: "g" });
  await world.claim(chat);
  await world.submit({ id: "blocked", group: "g", dependsOn: ["running"] });
  await world.submit({ id: "last", group: "g", dependsOn: ["blocked"] });
  await world.submit({ id: "queued", group: "g", requires: ["nobody"] });
  await world.submit({ id: "outside", group: "other", dependsOn: ["queued"] });
  await world.submit({ id: "survivor", group: "other", dependsOn: [{ id: "blocked", onFailure: "run" }] });
  return { world, ports: world.ports, chat };
}
const MIXED = ["failed", "running", "blocked", "last", "queued", "outside", "survivor"];
const AFTER = {
  failed: "failed",
  ...{ running: "cancelled", blocked: "cancelled", last: "cancelled", queued: "cancelled" },
  outside: "failed",
  survivor: "queued",
};

describe("cancelling a group", () => {
  it("cancels what has not ended, also what waits for another of the group; others follow their policies", async () => {
    const { world, ports, chat } = await mixed();
    expect(await cancelAll(ports, "g")).toEqual({ cancelled: 4, requests: 1 });
    const after = await statesOf(world, MIXED);
    expect(after).toMatchObject({ ...AFTER, survivor: expect.stringMatching(/queued|assigned/) as string });
    expect((await world.session("s1")).stopping).toHaveProperty("running");
    expect(
      (await world.beat(chat, [{ id: "s1", epoch: 1, tasks: [{ id: "running", fence: 1 }] }])).sessions[0]
        ?.commands,
    ).toEqual(expect.arrayContaining([expect.objectContaining({ type: "cancel", taskId: "running" })]));
    expect(await cancelAll(ports, "g")).toEqual({ cancelled: 0, requests: 1 });
    expect(await cancelAll(ports, "nothing")).toEqual({ cancelled: 0, requests: 1 });
    await workOff(world, MIXED);
    expect(await statesOf(world, MIXED)).toEqual({ ...AFTER, survivor: "completed" });
  });

  it("cancels tasks without a group by the name they are counted under, and no others", async () => {
    const world = createWorld();
    await world.submit({ id: "a" }, { id: "b", group: "g" });
    expect(await cancelAll(world.ports, "-")).toMatchObject({ cancelled: 1 });
    expect(await statesOf(world, ["a", "b"])).toEqual({ a: "cancelled", b: "queued" });
  });

  it("does a bounded part in one request, and all of it in several, though submissions are rolled up meanwhile", async () => {
    const world = createWorld();
    for (const task of many(130, "g")) await world.submit(task);
    await world.submit(...many(100, "g").map((task) => ({ ...task, id: `late-${task.id}` })));
    const outside = [0, 64, 129].map((n) => ({ id: `after-${n}`, dependsOn: [`g-${n}`] }));
    await world.submit(...outside);
    const { cancelled, requests } = await cancelAll(world.ports, "g", async () => {
      for (let i = 0; i < 6; i++) await rollUpGroup(world.ports, FLEET, "g");
    });
    expect(cancelled).toBe(230);
    expect(requests).toBeGreaterThan(3);
    for (const { id } of outside) expect((await world.task(id)).state, id).toBe("failed");
    await passTime(world, 35_000);
    expect(await summariseProgress(world.ports, FLEET, "g", null)).toMatchObject({
      totalTasks: 230,
      cancelledTasks: 230,
    });
  });

  it("stops in good time when the stores are slow", async () => {
    const world = createWorld();
    for (const task of many(50, "g")) await world.submit(task);
    const slow = tapPorts(world.ports, (_, run) => {
      world.advance(100);
      return run();
    });
    const beganMs = world.nowMs();
    const answer = must(await cancelGroup(slow, FLEET, { group: "g" }, null));
    expect(world.nowMs() - beganMs).toBeLessThan(10_000);
    expect(answer.cancelled).toBeLessThan(50);
    expect(answer.cursor).not.toBeNull();
  });

  it("cancels a redriven task, wherever it was counted before", async () => {
    const { world, ports } = await mixed();
    await passTime(world, 35_000);
    must(await redriveTask(ports, FLEET, "failed"));
    await cancelAll(ports, "g");
    expect(await statesOf(world, MIXED)).toMatchObject({ ...AFTER, failed: "cancelled", survivor: "queued" });
  });

  it("leaves an end that came first, and asks to repeat what others keep changing", async () => {
    const world = createWorld();
    const { ports } = world;
    const chat = await world.register("s1");
    await world.submit({ id: "running", group: "g" });
    await world.claim(chat);
    const racing = interrupting(ports, "record.tasks.commit", () =>
      failTask(ports, chat.claims, "running", { fence: 1, error: { message: "no" }, retryable: false }),
    );
    expect(await cancelAll(racing, "g")).toMatchObject({ cancelled: 0 });
    expect((await world.task("running")).state).toBe("failed");
    await world.submit({ id: "busy", group: "g2" });
    const busy = tapPorts(ports, (call, run) =>
      call.path === "record.tasks.commit" ? Promise.resolve(null) : run(),
    );
    expect(await cancelGroup(busy, FLEET, { group: "g2" }, null)).toMatchObject({
      refused: "conflict.retry",
    });
  });

  it("harms no other task when one's effects break, and the sweep tells the rest", async () => {
    const world = createWorld();
    await world.submit(...many(3, "g"), { id: "after", dependsOn: ["g-1"] });
    const breaking = tapPorts(world.ports, (call, run) =>
      call.path === "record.submissions.mark" && call.args[3] === 1
        ? Promise.reject(new Error("broken"))
        : run(),
    );
    await cancelAll(breaking, "g");
    expect((await world.task("after")).state).toBe("blocked");
    await passTime(world, 35_000);
    expect((await world.task("after")).state).toBe("failed");
    expect(await summariseProgress(world.ports, FLEET, "g", null)).toMatchObject({ cancelledTasks: 3 });
  });
});

describe("a function killed at any effect of cancelling a group", () => {
  it("is finished by repeating the request, and cancels nothing twice", async () => {
    const points = await crashEverywhere({
      prepare: mixed,
      act: (_, ports) => cancelGroup(ports, FLEET, { group: "g", reason: "stop" }, null),
      async check({ world, ports }) {
        await cancelAll(ports, "g");
        await workOff(world, MIXED);
        expect(await statesOf(world, MIXED)).toEqual({ ...AFTER, survivor: "completed" });
        for (const id of ["running", "blocked", "last", "queued"])
          expect((await world.task(id)).fence, id).toBe(id === "running" ? 2 : 1);
      },
    });
    expect(points).toBeGreaterThan(15);
  });

  it("leaves everything consistent though nobody repeats it", async () => {
    await crashEverywhere({
      prepare: mixed,
      act: (_, ports) => cancelGroup(ports, FLEET, { group: "g" }, null),
      check: ({ world }) => workOff(world, MIXED),
    });
  });
});
