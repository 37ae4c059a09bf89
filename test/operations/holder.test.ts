import { describe, expect, it } from "vitest";
import { FLEET, createWorld, must } from "../fixtures/memory-world.ts";
import { TASK_RESULT_BYTES_LIMIT } from "../../shared/contract/limits.ts";
import { cancelTask } from "../../shared/operations/cancel-task.ts";
import { recoverSession } from "../../shared/operations/recover-session.ts";
import { completeTask, failTask, releaseTask, reportProgress } from "../../shared/operations/settle-task.ts";
import { getTask } from "../../shared/operations/view-task.ts";

const GIVEN_UP = { endsAs: "crashed", cause: "test", lastBeatAtMs: null } as const;

describe("a holder", () => {
  it("may complete with a result of exactly the limit, and not a byte more", async () => {
    const world = createWorld();
    const chat = await world.register("s1");
    await world.submit({ id: "a" });
    await world.claim(chat);
    const result = "x".repeat(TASK_RESULT_BYTES_LIMIT - 2);
    expect(
      await completeTask(world.ports, chat.claims, "a", { fence: 1, result: `${result}x` }),
    ).toMatchObject({
      refused: "result.too_large",
    });
    expect(must(await completeTask(world.ports, chat.claims, "a", { fence: 1, result })).task.result).toBe(
      result,
    );
  });

  it("is refused what it does not hold, and learns nothing of who does", async () => {
    const world = createWorld();
    const chat = await world.register("s1");
    const other = await world.register("s2", { host: "h2" });
    await world.submit({ id: "a" });
    await world.claim(chat);
    const attempts = [
      completeTask(world.ports, other.claims, "a", { fence: 1, result: 1 }),
      failTask(world.ports, other.claims, "a", { fence: 1, error: { message: "x" } }),
      releaseTask(world.ports, other.claims, "a", { fence: 1 }),
      reportProgress(world.ports, chat.claims, "a", { fence: 2, percent: 1 }),
      completeTask(world.ports, chat.claims, "a", { fence: 2, result: 1 }),
    ];
    for (const refused of await Promise.all(attempts)) {
      expect(refused).toMatchObject({ refused: "lease.stale" });
      expect(JSON.stringify(refused)).not.toContain('s1" holds');
    }
    expect(await completeTask(world.ports, chat.claims, "b", { fence: 1, result: 1 })).toMatchObject({
      refused: "task.not_found",
    });
    expect(await world.task("a")).toMatchObject({ state: "running", fence: 1 });
  });

  it("reports progress, which is shown, and what its beats say is shown before it", async () => {
    const world = createWorld();
    const chat = await world.register("s1");
    await world.submit({ id: "a" });
    await world.claim(chat);
    const told = must(
      await reportProgress(world.ports, chat.claims, "a", { fence: 1, percent: 10, message: "m" }),
    );
    expect(told.task.progress).toEqual({ percent: 10, message: "m" });
    const rev = (await world.task("a")).rev;
    must(await reportProgress(world.ports, chat.claims, "a", { fence: 1, percent: 10, message: "m" }));
    expect((await world.task("a")).rev).toBe(rev);
    await world.beat(chat, [
      { id: "s1", epoch: 1, tasks: [{ id: "a", fence: 1, percent: 42, message: "beat" }] },
    ]);
    expect(await getTask(world.ports, FLEET, "a")).toMatchObject({
      progress: { percent: 42, message: "beat" },
    });
    await world.beat(chat, [{ id: "s1", epoch: 1, tasks: [{ id: "a", fence: 9, percent: 99 }] }]);
    expect(await getTask(world.ports, FLEET, "a")).toMatchObject({ progress: { percent: 10 } });
  });

  it("gets no next task when its completion is repeated after it was given up", async () => {
    const world = createWorld();
    const chat = await world.register("s1");
    await world.submit({ id: "a" }, { id: "b" });
    await world.claim(chat);
    const done = { fence: 1, result: 1 };
    must(await completeTask(world.ports, chat.claims, "a", done));
    await recoverSession(world.ports, FLEET, "s1", 1, GIVEN_UP);
    expect(must(await completeTask(world.ports, chat.claims, "a", done))).toMatchObject({
      ...{ task: { state: "completed" }, next: null },
    });
  });

  it("that releases a task it was told to stop frees its place, and repeating it is the same", async () => {
    const world = createWorld();
    const chat = await world.register("s1");
    await world.submit({ id: "a" });
    await world.claim(chat);
    must(await cancelTask(world.ports, FLEET, "a", null));
    for (let i = 0; i < 2; i++)
      expect(must(await releaseTask(world.ports, chat.claims, "a", { fence: 1 })).task.state).toBe(
        "cancelled",
      );
    expect((await world.session("s1")).held).toEqual({});
  });
});
