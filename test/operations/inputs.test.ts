import { describe, expect, it } from "vitest";
import { INPUTS_BYTES_LIMIT } from "../../shared/contract/limits.ts";
import { cancelTask } from "../../shared/operations/cancel-task.ts";
import { claimTasks } from "../../shared/operations/claim-tasks.ts";
import { redriveTask } from "../../shared/operations/redrive-task.ts";
import { completeTask, failTask } from "../../shared/operations/settle-task.ts";
import { StoreUnavailable } from "../../shared/ports/unavailable.ts";
import type { Chat } from "../fixtures/at-rest.ts";
import { type PortCall, portsWithout, tapPorts } from "../fixtures/crash-points.ts";
import { FLEET, type World, createWorld, must } from "../fixtures/memory-world.ts";

/** Tasks that have completed with these results. */
async function completed(
  world: World,
  chat: Chat,
  results: Readonly<Record<string, unknown>>,
): Promise<void> {
  await world.submit(...Object.keys(results).map((id) => ({ id })));
  for (const { task, fence } of await world.claim(chat, 100))
    must(await completeTask(world.ports, chat.claims, task.id, { fence, result: results[task.id] }));
}

const ofBytes = (bytes: number) => "x".repeat(bytes - 2);

describe("what a task is handed out with", () => {
  it("names each dependency with its state, result and error, whatever became of it", async () => {
    const world = createWorld();
    const chat = await world.register("s1", { capacity: 100 });
    await completed(world, chat, { a: { answer: 42 } });
    await world.submit({ id: "b" }, { id: "c" });
    const held = new Map((await world.claim(chat, 2)).map(({ task, fence }) => [task.id, fence]));
    const no = { error: { message: "no", code: "mine" }, retryable: false };
    must(await failTask(world.ports, chat.claims, "b", { fence: held.get("b") ?? 0, ...no }));
    must(await cancelTask(world.ports, FLEET, "c", null));
    const run = (id: string) => ({ id, onFailure: "run" as const });
    await world.submit({ id: "d", dependsOn: ["a", run("b"), run("c")] });
    const [d] = await world.claim(chat);
    const inputs = {
      a: { state: "completed", result: { answer: 42 }, error: null },
      b: { state: "failed", result: null, error: { message: "no", code: "mine" } },
      c: { state: "cancelled", result: null, error: null },
    };
    expect(d?.inputs).toEqual(inputs);
    expect((await world.claim(chat))[0]?.inputs, "a lost answer, again").toEqual(inputs);
  });

  it("comes with the next task of a completion too", async () => {
    const world = createWorld();
    const chat = await world.register("s1");
    await world.submit({ id: "a" }, { id: "b", dependsOn: ["a"] });
    const [a] = await world.claim(chat);
    const { next } = must(
      await completeTask(world.ports, chat.claims, "a", { fence: a?.fence ?? 0, result: 7 }),
    );
    expect(next).toMatchObject({ task: { id: "b" }, inputs: { a: { state: "completed", result: 7 } } });
  });

  it("shows a dependency that was redriven as it is now", async () => {
    const world = createWorld();
    const chat = await world.register("s1");
    await world.submit({ id: "a" }, { id: "b", dependsOn: [{ id: "a", onFailure: "run" }] });
    const [a] = await world.claim(chat);
    const no = { error: { message: "no" }, retryable: false };
    must(await failTask(world.ports, chat.claims, "a", { fence: a?.fence ?? 0, ...no }));
    must(await redriveTask(world.ports, FLEET, "a"));
    const held = await world.claim(chat, 2);
    const { a: again } = held.find(({ task }) => task.id === "b")?.inputs ?? {};
    expect(["queued", "assigned", "running"]).toContain(again?.state);
    expect(again?.result).toBeNull();
  });

  it("is nothing, at no extra read, without dependencies", async () => {
    const reads = async (dependsOn: string[]) => {
      const world = createWorld();
      const chat = await world.register("s1");
      await completed(world, chat, { a: "x".repeat(1_000) });
      await world.submit({ id: "b", dependsOn });
      await world.deliver();
      const calls: PortCall[] = [];
      const counted = tapPorts(world.ports, (call, run) => {
        calls.push(call);
        return run();
      });
      const [held] = must(await claimTasks(counted, chat.claims, 1)).tasks;
      return { inputs: held?.inputs, paths: calls.map(({ path }) => path) };
    };
    const without = await reads([]);
    const extra = (await reads(["a"])).paths;
    for (const path of without.paths) extra.splice(extra.indexOf(path), 1);
    expect(without.inputs).toEqual({});
    expect(extra.sort()).toEqual(["record.payloads.get", "record.tasks.getMany"]);
  });
});

describe("the results that come along", () => {
  const half = INPUTS_BYTES_LIMIT / 2;

  it("are exactly as many bytes as the limit, and not one more", async () => {
    for (const over of [0, 1]) {
      const world = createWorld();
      const chat = await world.register("s1", { capacity: 100 });
      await completed(world, chat, { a: ofBytes(half), b: ofBytes(half + over) });
      await world.submit({ id: "c", dependsOn: ["a", "b"] });
      const inputs = (await world.claim(chat))[0]?.inputs;
      expect(inputs?.["a"]).toEqual({ state: "completed", result: ofBytes(half), error: null });
      expect(inputs?.["b"]).toEqual(
        over === 0
          ? { state: "completed", result: ofBytes(half), error: null }
          : { state: "completed", result: null, error: null, truncated: true },
      );
    }
  });

  it("are the small ones whatever their place, then in the order of dependsOn what still fits", async () => {
    const world = createWorld();
    const chat = await world.register("s1", { capacity: 100 });
    await completed(world, chat, { z: ofBytes(half), y: ofBytes(half), x: ofBytes(1_000), a: 1, b: null });
    await world.submit({ id: "c", dependsOn: ["y", "z", "x", "a", "b"] });
    const inputs = (await world.claim(chat))[0]?.inputs ?? {};
    expect(Object.keys(inputs)).toEqual(["y", "z", "x", "a", "b"]);
    expect(Object.entries(inputs).filter(([, { truncated }]) => truncated)).toMatchObject([["z", {}]]);
    expect(inputs["a"]?.result).toBe(1);
  });

  it("are not looked for without end when none fits", async () => {
    const world = createWorld();
    const chat = await world.register("s1", { capacity: 100 });
    const ids = Array.from({ length: 60 }, (_, i) => `d${i}`);
    await completed(world, chat, Object.fromEntries(ids.map((id) => [id, ofBytes(half + 1_000)])));
    await world.submit({ id: "c", dependsOn: ids });
    let reads = 0;
    const counted = tapPorts(world.ports, (call, run) => {
      if (call.path === "record.payloads.get") reads++;
      return run();
    });
    const [held] = must(await claimTasks(counted, chat.claims, 1)).tasks;
    expect(Object.values(held?.inputs ?? {}).filter(({ truncated }) => truncated)).toHaveLength(59);
    expect(reads).toBeLessThan(20);
  });

  it("that the record has lost keep nobody from the task, but a store that does not answer does", async () => {
    const world = createWorld();
    const chat = await world.register("s1");
    await completed(world, chat, { a: ofBytes(1_000) });
    await world.submit({ id: "b", dependsOn: ["a"] });
    const path = "record.payloads.get";
    const isResult = (call: PortCall) => call.path === path && call.args[1] === "a";
    const lost = tapPorts(world.ports, (call, run) =>
      isResult(call) ? Promise.reject(new Error("not there")) : run(),
    );
    await expect(claimTasks(portsWithout(world.ports, path), chat.claims, 1)).rejects.toThrow(
      StoreUnavailable,
    );
    const [b] = must(await claimTasks(lost, chat.claims, 1)).tasks;
    expect(b?.inputs).toEqual({ a: { state: "completed", result: null, error: null, truncated: true } });
    expect(world.logged.filter(({ level }) => level === "error")).toMatchObject([{ fields: { task: "a" } }]);
  });
});
