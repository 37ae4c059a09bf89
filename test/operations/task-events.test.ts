import { describe, expect, it } from "vitest";
import { TASK_EVENTS_LIMIT } from "../../shared/contract/limits.ts";
import { cancelTask } from "../../shared/operations/cancel-task.ts";
import { failTask, completeTask, releaseTask } from "../../shared/operations/settle-task.ts";
import { redriveTask } from "../../shared/operations/redrive-task.ts";
import { submitTasks } from "../../shared/operations/submit-tasks.ts";
import { recoverSession } from "../../shared/operations/recover-session.ts";
import { getTaskStory } from "../../shared/operations/view-task.ts";
import { FLEET, type World, createWorld, must } from "../fixtures/memory-world.ts";

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";

/** What happened, as `state by session, attempt, why`. */
async function storyOf(world: World, id: string): Promise<string[]> {
  const { events = [] } = must(await getTaskStory(world.ports, FLEET, id));
  const times = events.map(({ at }) => Date.parse(at));
  expect(times).toEqual(times.toSorted((a, b) => a - b));
  return events.map(({ state, sessionId, attempt, reason }) =>
    [state, sessionId ?? "-", attempt, reason ?? "-"].join(" "),
  );
}

const completed = async (world: World, session: Awaited<ReturnType<World["register"]>>, id: string) =>
  must(
    await completeTask(world.ports, session.claims, id, { fence: (await world.task(id)).fence, result: 1 }),
  );

describe("a task's events", () => {
  it("tell of a plain life with one kept in the head: the rest follows from its times", async () => {
    const world = createWorld();
    const session = await world.register("s1");
    await world.submit({ id: "a" });
    world.advance(1_000);
    await world.claim(session);
    world.advance(1_000);
    await completed(world, session, "a");
    expect(await storyOf(world, "a")).toEqual(["queued - 0 -", "running s1 1 -", "completed s1 1 -"]);
    expect((await world.task("a")).events).toHaveLength(1);
  });

  it("tell of a crash who lost it and why, and of the attempt that followed elsewhere", async () => {
    const world = createWorld();
    const first = await world.register("s1");
    await world.submit({ id: "a" });
    await world.claim(first);
    const crashed = { endsAs: "crashed", cause: "killed", lastBeatAtMs: world.nowMs() } as const;
    world.advance(4_000);
    await recoverSession(world.ports, FLEET, "s1", 1, crashed);
    const second = await world.register("s2", { host: "h2" });
    world.advance(500);
    await world.claim(second);
    await completed(world, second, "a");
    expect(await storyOf(world, "a")).toEqual([
      "queued - 0 -",
      "running s1 1 -",
      "queued s1 1 task.crash",
      "assigned s2 1 -",
      "running s2 2 -",
      "completed s2 2 -",
    ]);
    expect(world.metrics.filter(({ metric }) => metric === "CrashRecoveryDuration")).toEqual([
      { metric: "CrashRecoveryDuration", value: 4_500 },
    ]);
    expect(world.metrics.filter(({ metric }) => metric === "SessionsCrashed")).toHaveLength(1);
  });

  it("tell of releases, failures, a dead letter and its redrive", async () => {
    const world = createWorld();
    const session = await world.register("s1");
    await world.submit({ id: "a", maxAttempts: 1 });
    const claim = async () => (await world.claim(session))[0]?.fence ?? 0;
    must(await releaseTask(world.ports, session.claims, "a", { fence: await claim() }));
    const error = { message: "broken", code: "E1" };
    must(await failTask(world.ports, session.claims, "a", { fence: await claim(), error }));
    must(await redriveTask(world.ports, FLEET, "a"));
    must(await cancelTask(world.ports, FLEET, "a", null));
    expect(await storyOf(world, "a")).toEqual([
      "queued - 0 -",
      "running s1 1 -",
      "queued s1 1 task.released",
      "running s1 1 -",
      "failed s1 1 E1",
      "queued - 1 task.redriven",
      "cancelled - 1 -",
    ]);
    expect(world.metrics.filter(({ metric }) => metric === "DeadLetters")).toHaveLength(1);
  });

  it("tell of an assignment that waited, and of a dependency that was waited for", async () => {
    const world = createWorld();
    const session = await world.register("s1");
    await world.submit({ id: "a" }, { id: "b", dependsOn: ["a"] });
    await world.deliver();
    world.advance(2_000);
    await world.claim(session);
    await completed(world, session, "a");
    expect(await storyOf(world, "a")).toEqual([
      "queued - 0 -",
      "assigned s1 0 -",
      "running s1 1 -",
      "completed s1 1 -",
    ]);
    expect((await storyOf(world, "b")).slice(0, 2)).toEqual(["blocked - 0 -", "queued - 0 -"]);
    expect(world.metrics.find(({ metric }) => metric === "TaskWait")).toEqual({
      metric: "TaskWait",
      value: 2_000,
    });
  });

  it("are bounded: of very many changes the latest are kept, beside submission and end", async () => {
    const world = createWorld();
    const session = await world.register("s1");
    await world.submit({ id: "a", maxAttempts: 100 });
    for (let i = 0; i < TASK_EVENTS_LIMIT; i++) {
      world.advance(600_000);
      await world.beat(session, [{ id: "s1", epoch: 1 }]);
      await world.deliver();
      const fence = (await world.claim(session))[0]?.fence ?? 0;
      must(await failTask(world.ports, session.claims, "a", { fence, error: { message: "no" } }));
    }
    const story = await storyOf(world, "a");
    expect(story).toHaveLength(TASK_EVENTS_LIMIT + 1);
    expect(story[0]).toBe("queued - 0 -");
    expect(story.at(-1)).toBe(`queued s1 ${TASK_EVENTS_LIMIT} task.failed`);
  });
});

describe("one id finds all that was logged of a task", () => {
  const logOf = (world: World) =>
    world.logged.filter(({ fields }) => fields?.["correlationId"] !== undefined);

  it("its own, if its submitter named no trace", async () => {
    const world = createWorld();
    const session = await world.register("s1");
    await world.submit({ id: "a" });
    await world.claim(session);
    await completed(world, session, "a");
    expect(logOf(world).map(({ message, fields }) => [message, fields?.["correlationId"]])).toEqual([
      ["task queued", "a"],
      ["task running", "a"],
      ["task completed", "a"],
    ]);
    expect(must(await getTaskStory(world.ports, FLEET, "a")).correlationId).toBe("a");
  });

  it("its submitter's, to the end, also after a crash", async () => {
    const world = createWorld();
    const session = await world.register("s1");
    must(await submitTasks(world.ports, FLEET, [{ id: "a", type: "t", data: "secret" }], null, TRACE));
    await world.claim(session);
    await recoverSession(world.ports, FLEET, "s1", 1, {
      endsAs: "crashed",
      cause: "killed",
      lastBeatAtMs: null,
    });
    const again = await world.register("s1");
    await world.claim(again);
    await completed(world, again, "a");
    const lines = logOf(world);
    expect(lines.map(({ message }) => message)).toEqual([
      "task queued",
      "task running",
      "task queued",
      "task assigned",
      "task running",
      "task completed",
    ]);
    for (const { fields } of lines)
      expect(fields).toMatchObject({ fleet: FLEET, task: "a", correlationId: TRACE });
    expect(lines[2]?.fields).toMatchObject({ session: "s1", reason: "task.crash" });
    expect(JSON.stringify(world.logged)).not.toContain("secret");
    expect(must(await getTaskStory(world.ports, FLEET, "a")).correlationId).toBe(TRACE);
  });
});
