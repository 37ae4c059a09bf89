import { describe, expect, it } from "vitest";
import { RETENTION_MS_DEFAULT } from "../../shared/contract/limits.ts";
import type { PayloadRef } from "../../shared/contract/records.ts";
import { cancelTask } from "../../shared/operations/cancel-task.ts";
import { createFleet, listFleets } from "../../shared/operations/manage-fleets.ts";
import { changeRetention, readRetention } from "../../shared/operations/manage-retention.ts";
import { redriveTask } from "../../shared/operations/redrive-task.ts";
import { completeTask, failTask } from "../../shared/operations/settle-task.ts";
import { submitTasks } from "../../shared/operations/submit-tasks.ts";
import { getTask } from "../../shared/operations/view-task.ts";
import type { Ports } from "../../shared/ports/ports.ts";
import { workOff } from "../fixtures/at-rest.ts";
import { crashEverywhere, tapPorts } from "../fixtures/crash-points.ts";
import { FLEET, type World, createWorld, must } from "../fixtures/memory-world.ts";

const DAY_MS = 86_400_000;
const LONG = { text: "x".repeat(1_000) };

/** Ports that note what is let go: payloads by their keys, edges as `dependency>dependent`. */
function noting(ports: Ports) {
  const closed = new Set<string>();
  const tapped = tapPorts(ports, async (call, run) => {
    const result = await run();
    if (call.path === "record.payloads.close") {
      const [, , ref] = call.args as [string, string, PayloadRef];
      if (ref.at !== "inline") closed.add(ref.key);
    }
    if (call.path === "record.edges.close") {
      const [, dependency, dependents] = call.args as [string, string, readonly string[]];
      for (const dependent of dependents) closed.add(`${dependency}>${dependent}`);
    }
    return result;
  });
  return { ports: tapped, closed };
}

/** The world, with everything that is let go in it noted. */
function watched() {
  const world = createWorld();
  const { ports, closed } = noting(world.ports);
  return { world: { ...world, ports }, ports, closed };
}

const dataOf = async (world: Pick<World, "task">, id: string) => {
  const { data } = await world.task(id);
  return data.at === "inline" ? "inline" : data.key;
};

describe("what is kept beside a task may go once it has ended", () => {
  it.each(["completed", "failed", "cancelled"] as const)("when it has %s, and no earlier", async (fate) => {
    const { world, ports, closed } = watched();
    const chat = await world.register("s1");
    await world.tick();
    await world.submit({ id: "a", data: LONG });
    await world.submit({ id: "b", data: LONG, dependsOn: [{ id: "a", onFailure: "run" }] });
    await world.claim(chat);
    expect(closed.size).toBe(0);
    if (fate === "completed") must(await completeTask(ports, chat.claims, "a", { fence: 1, result: 1 }));
    const error = { message: "no" };
    if (fate === "failed")
      must(await failTask(ports, chat.claims, "a", { fence: 1, error, retryable: false }));
    if (fate === "cancelled") must(await cancelTask(ports, FLEET, "a", null));
    expect(closed).toEqual(new Set([await dataOf(world, "a"), "a>b"]));
  });

  it("also the edge of a task that was submitted after its dependency had ended", async () => {
    const { world, ports, closed } = watched();
    await world.submit({ id: "a" });
    must(await cancelTask(ports, FLEET, "a", null));
    expect(closed.size).toBe(0);
    const late = { id: "b", type: "t", data: {}, dependsOn: [{ id: "a", onFailure: "run" as const }] };
    must(await submitTasks(ports, FLEET, [late], null));
    expect((await world.task("b")).state).toBe("queued");
    expect(closed).toEqual(new Set(["a>b"]));
  });

  it("whatever effect its function was killed at, though nobody repeats the request", async () => {
    const points = await crashEverywhere({
      prepare: async () => {
        const { world, ports, closed } = watched();
        const chat = await world.register("s1");
        await world.tick();
        await world.submit({ id: "a", data: LONG }, { id: "b", dependsOn: ["a"] });
        await world.claim(chat);
        return { world, ports, closed, chat };
      },
      act: ({ chat }, ports) => completeTask(ports, chat.claims, "a", { fence: 1, result: 1 }),
      async check({ world, ports, closed, chat }) {
        for (let i = 0; i < 14; i++) {
          world.advance(5_000);
          const listed =
            (await world.session("s1")).held["a"] === 1 && (await world.task("a")).state === "running";
          const tasks = listed ? [{ id: "a", fence: 1 }] : [];
          await world.beat(chat, [{ id: "s1", epoch: 1, tasks }]);
          await world.tick(false, ports);
        }
        if ((await world.task("a")).state === "running")
          must(await completeTask(ports, chat.claims, "a", { fence: 1, result: 1 }));
        expect(closed).toEqual(new Set([await dataOf(world, "a"), "a>b"]));
        await workOff(world, ["a", "b"]);
      },
    });
    expect(points).toBeGreaterThan(5);
  });
});

describe("a redriven task", () => {
  async function failed() {
    const world = createWorld();
    const chat = await world.register("s1");
    await world.tick();
    await world.submit({ id: "a", data: LONG });
    await world.claim(chat);
    const error = { message: "no" };
    must(await failTask(world.ports, chat.claims, "a", { fence: 1, error, retryable: false }));
    return { world, ports: world.ports };
  }

  it("has a copy of its data, which no late effect of its end lets go", async () => {
    const { world, ports } = await failed();
    const before = await dataOf(world, "a");
    must(await redriveTask(ports, FLEET, "a"));
    const after = await dataOf(world, "a");
    expect(after).not.toBe(before);
    expect(must(await getTask(ports, FLEET, "a")).data).toEqual(LONG);
  });

  it("has one copy whatever effect its redrive was killed at", async () => {
    await crashEverywhere({
      prepare: failed,
      act: (_, ports) => redriveTask(ports, FLEET, "a"),
      async check({ world, ports }) {
        await redriveTask(ports, FLEET, "a");
        expect(await world.task("a")).toMatchObject({ redrives: 1 });
        expect(must(await getTask(ports, FLEET, "a")).data).toEqual(LONG);
        await workOff(world, ["a"]);
      },
    });
  });
});

describe("a fleet's retention", () => {
  const longestOf = async ({ record }: Ports, fleet: string) =>
    (await record.fleets.get(fleet))?.retention?.longestMs;

  it("is 30 days until it is set, and again when that is taken back; the longest is remembered", async () => {
    const { ports } = createWorld();
    const set = async (retentionMs: number | null) =>
      must(await changeRetention(ports, FLEET, { retentionMs })).retentionMs;
    expect(await readRetention(ports, FLEET)).toEqual({ retentionMs: RETENTION_MS_DEFAULT });
    expect(await set(90 * DAY_MS)).toBe(90 * DAY_MS);
    expect(await set(DAY_MS)).toBe(DAY_MS);
    expect(await readRetention(ports, FLEET)).toEqual({ retentionMs: DAY_MS });
    expect(await longestOf(ports, FLEET)).toBe(90 * DAY_MS);
    expect(await set(null)).toBe(RETENTION_MS_DEFAULT);
    expect(await longestOf(ports, FLEET)).toBe(90 * DAY_MS);
  });

  it("may be set when the fleet is made, and shows with it", async () => {
    const { ports } = createWorld();
    const { fleet } = must(await createFleet(ports, { id: "f1", retentionMs: 2 * DAY_MS }, null));
    expect(fleet.retentionMs).toBe(2 * DAY_MS);
    expect(await longestOf(ports, "f1")).toBe(2 * DAY_MS);
    const { fleets } = await listFleets(ports);
    expect(fleets.map(({ id, retentionMs }) => [id, retentionMs]).sort()).toEqual([
      ["default", RETENTION_MS_DEFAULT],
      ["f1", 2 * DAY_MS],
    ]);
  });

  it("is written once, however often the same is asked for, and refused while others keep changing the fleet", async () => {
    const { ports } = createWorld();
    for (let i = 0; i < 2; i++) must(await changeRetention(ports, FLEET, { retentionMs: DAY_MS }));
    expect((await ports.record.fleets.get(FLEET))?.rev).toBe(1);
    const busy = tapPorts(ports, (call, run) =>
      call.path === "record.fleets.commit" ? Promise.resolve(null) : run(),
    );
    expect(await changeRetention(busy, FLEET, { retentionMs: null })).toMatchObject({
      refused: "conflict.retry",
    });
  });
});
