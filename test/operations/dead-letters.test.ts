import { describe, expect, it } from "vitest";
import { cancelTask } from "../../shared/operations/cancel-task.ts";
import { listDeadLetters, redriveDeadLetters } from "../../shared/operations/dead-letters.ts";
import { failTask } from "../../shared/operations/settle-task.ts";
import { summariseProgress } from "../../shared/operations/summarise-progress.ts";
import type { Ports } from "../../shared/ports/ports.ts";
import { type Chat, expectConsistent, passTime, workOff } from "../fixtures/at-rest.ts";
import { crashEverywhere, interrupting, tapPorts } from "../fixtures/crash-points.ts";
import { FLEET, type World, createWorld, must } from "../fixtures/memory-world.ts";

const ALL = { group: null, type: null };

async function lettersOf(ports: Ports, filter: { group: string | null; type: string | null } = ALL) {
  const found: string[] = [];
  let cursor: string | null = null;
  do {
    const page: Awaited<ReturnType<typeof listDeadLetters>> = await listDeadLetters(
      ports,
      FLEET,
      filter,
      cursor,
    );
    expect(page.tasks.length).toBeLessThanOrEqual(100);
    for (const task of page.tasks) expect(task.state).toBe("failed");
    found.push(...page.tasks.map(({ id }) => id));
    cursor = page.cursor;
  } while (cursor !== null);
  return found.sort();
}

/** One pass over all dead letters, as a client does that follows the cursor. */
async function redriveAll(ports: Ports, filter: { group: string | null; type: string | null } = ALL) {
  const sum = { redriven: 0, left: 0, requests: 0 };
  let cursor: string | null = null;
  do {
    const answer: Awaited<ReturnType<typeof redriveDeadLetters>> = await redriveDeadLetters(
      ports,
      FLEET,
      filter,
      cursor,
    );
    sum.redriven += answer.redriven;
    sum.left += answer.left;
    sum.requests++;
    cursor = answer.cursor;
  } while (cursor !== null);
  return sum;
}

async function failHeld(world: World, chat: Chat, max = 100): Promise<string[]> {
  const held = await world.claim(chat, max);
  for (const { task, fence } of held)
    must(
      await failTask(world.ports, chat.claims, task.id, {
        ...{ fence, error: { message: "no" }, retryable: false },
      }),
    );
  return held.map(({ task }) => task.id);
}

/** 230 dead letters in two groups and types, and tasks that are none. */
async function crowded() {
  const world = createWorld();
  const chat = await world.register("s1", { capacity: 100 });
  await world.tick();
  const tasks = Array.from({ length: 230 }, (_, n) => ({
    id: `t${n}`,
    group: n < 200 ? "g" : undefined,
    type: n % 2 === 0 ? "even" : "odd",
  }));
  for (let i = 0; i < tasks.length; i += 100) await world.submit(...tasks.slice(i, i + 100));
  while ((await failHeld(world, chat)).length > 0) await passTime(world, 5_000, [chat]);
  await world.submit(
    { id: "queued", group: "g", requires: ["nobody"] },
    { id: "gone", requires: ["nobody"] },
  );
  must(await cancelTask(world.ports, FLEET, "gone", null));
  return { world, ports: world.ports, chat, ids: tasks.map(({ id }) => id) };
}

/** `a` has failed, and so have `b` that waits for it and `c` that waits for `b`; `d` waits for one that was cancelled. */
async function chained() {
  const world = createWorld();
  const chat = await world.register("s1");
  await world.tick();
  await world.submit({ id: "a", maxAttempts: 1, group: "g" });
  await world.submit({ id: "b", dependsOn: ["a"] });
  await world.submit({ id: "c", dependsOn: ["b"], group: "g" });
  await world.submit({ id: "x", requires: ["nobody"] }, { id: "d", dependsOn: ["x"] });
  must(await cancelTask(world.ports, FLEET, "x", null));
  expect(await failHeld(world, chat)).toEqual(["a"]);
  expect(await lettersOf(world.ports)).toEqual(["a", "b", "c", "d"]);
  return { world, ports: world.ports, chat };
}
const CHAIN = ["a", "b", "c", "d", "x"];

describe("listing dead letters", () => {
  it("finds every failed task once, by group and type too, and nothing else", async () => {
    const { ports, ids } = await crowded();
    expect(await lettersOf(ports)).toEqual([...ids].sort());
    expect(await lettersOf(ports, { group: "g", type: null })).toEqual(ids.slice(0, 200).sort());
    expect(await lettersOf(ports, { group: "g", type: "odd" })).toHaveLength(100);
    expect(await lettersOf(ports, { group: "none", type: null })).toEqual([]);
    expect(await listDeadLetters(ports, "other", ALL, null)).toEqual({ tasks: [], cursor: null });
  });

  it("reads a bounded part of the index for one answer", async () => {
    const { ports } = await crowded();
    const endless = tapPorts(ports, async (call, run) =>
      call.path === "record.tasks.listDead" ? { items: ["t0"], cursor: "1" } : run(),
    );
    expect(await listDeadLetters(endless, FLEET, { group: "none", type: null }, null)).toEqual({
      ...{ tasks: [], cursor: "1" },
    });
  });
});

describe("redriving dead letters", () => {
  it("returns those that fit to work, in several requests, and counts each", async () => {
    const { world, ports, chat, ids } = await crowded();
    expect(await redriveAll(ports, { group: "g", type: "even" })).toMatchObject({ redriven: 100, left: 0 });
    expect(await lettersOf(ports)).toHaveLength(130);
    const { requests, ...rest } = await redriveAll(ports);
    expect(rest).toEqual({ redriven: 130, left: 0 });
    expect(requests).toBeGreaterThan(2);
    expect(await redriveAll(ports)).toEqual({ redriven: 0, left: 0, requests: 1 });
    await passTime(world, 70_000, [chat]);
    expect(await summariseProgress(ports, FLEET, null, null)).toMatchObject({
      ...{ totalTasks: ids.length + 2, failedTasks: 0, cancelledTasks: 1, completedTasks: 0 },
    });
  });

  it("redrives a dependency before what waits for it, and leaves what waits for one that was cancelled", async () => {
    const { world, ports } = await chained();
    expect(await redriveAll(ports)).toEqual({ redriven: 3, left: 1, requests: 1 });
    expect(await lettersOf(ports)).toEqual(["d"]);
    expect(await world.task("c")).toMatchObject({ state: "blocked", waitingOn: ["b"], redrives: 1 });
    await workOff(world, CHAIN);
    expect((await world.task("c")).state).toBe("completed");
  });

  it("redrives no dependency that does not fit, and so not what waits for it", async () => {
    const { ports } = await chained();
    expect(await redriveAll(ports, { group: "g", type: null })).toMatchObject({ redriven: 1, left: 1 });
    expect(await lettersOf(ports)).toEqual(["b", "c", "d"]);
  });

  it("redrives each once in a pass, though it fails again at once", async () => {
    const { world, ports, chat } = await crowded();
    let cursor: string | null = null;
    let redriven = 0;
    do {
      const answer: Awaited<ReturnType<typeof redriveDeadLetters>> = await redriveDeadLetters(
        ports,
        FLEET,
        ALL,
        cursor,
      );
      ({ cursor } = answer);
      redriven += answer.redriven;
      world.advance(1_000);
      await world.deliver();
      while ((await failHeld(world, chat)).length > 0) await world.deliver();
    } while (cursor !== null);
    expect(redriven).toBe(230);
    for (const task of await ports.record.tasks.getMany(FLEET, ["t0", "t100", "t229"]))
      expect(task).toMatchObject({ state: "failed", redrives: 1 });
  });

  it("goes on with the others when one breaks", async () => {
    const { ports } = await chained();
    const breaking = interrupting(ports, "record.submissions.mark", () =>
      Promise.reject(new Error("broken")),
    );
    expect(await redriveAll(breaking)).toMatchObject({ redriven: 0, left: 4 });
    expect(await redriveAll(ports)).toMatchObject({ redriven: 3, left: 1 });
  });

  it("redrives one once though two passes run at the same time", async () => {
    const { world, ports } = await chained();
    const racing = interrupting(ports, "record.submissions.mark", () => redriveAll(ports));
    await redriveAll(racing);
    for (const id of ["a", "b", "c"]) expect((await world.task(id)).redrives, id).toBe(1);
    await workOff(world, CHAIN);
  });
});

describe("a function killed at any effect of redriving dead letters", () => {
  it("is finished by another pass, and redrives none twice", async () => {
    const points = await crashEverywhere({
      prepare: chained,
      act: (_, ports) => redriveDeadLetters(ports, FLEET, ALL, null),
      async check({ world, ports }) {
        await redriveAll(ports);
        for (const id of ["a", "b", "c"]) expect((await world.task(id)).redrives, id).toBe(1);
        await workOff(world, CHAIN);
        expect((await world.task("c")).state).toBe("completed");
      },
    });
    expect(points).toBeGreaterThan(12);
  });

  it("leaves everything consistent though there is no other pass", async () => {
    await crashEverywhere({
      prepare: chained,
      act: (_, ports) => redriveDeadLetters(ports, FLEET, ALL, null),
      async check({ world }) {
        await passTime(world, 35_000);
        await expectConsistent(world, CHAIN);
        await workOff(world, CHAIN);
      },
    });
  });
});
