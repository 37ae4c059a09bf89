import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { cancelTask } from "../../shared/operations/cancel-task.ts";
import { openGroup } from "../../shared/operations/open-group.ts";
import { redriveTask } from "../../shared/operations/redrive-task.ts";
import { rollUpGroup } from "../../shared/operations/roll-up-group.ts";
import { completeTask, failTask } from "../../shared/operations/settle-task.ts";
import { summariseProgress } from "../../shared/operations/summarise-progress.ts";
import { type PortCall, crashEverywhere, interrupting, tapPorts } from "../fixtures/crash-points.ts";
import { FLEET, type World, createWorld, must } from "../fixtures/memory-world.ts";

const GROUP = "g";
const named = (from: number, count: number) =>
  Array.from({ length: count }, (_, i) => ({ id: `t${from + i}`, group: GROUP }));

/** A pass over the results of the group from its beginning to its end, with something happening between two pages. */
async function pass(world: World, group: string | null, between: () => Promise<unknown>): Promise<string[]> {
  const found: string[] = [];
  let cursor: string | null = null;
  do {
    const page: Awaited<ReturnType<typeof summariseProgress>> = await summariseProgress(
      world.ports,
      FLEET,
      group,
      cursor,
    );
    found.push(...page.results.map(({ taskId }) => taskId));
    cursor = page.cursor;
    if (cursor !== null) await between();
  } while (cursor !== null);
  return found;
}

const cancelAll = async (world: World, ids: readonly string[]) => {
  for (const id of ids) must(await cancelTask(world.ports, FLEET, id, null));
};

describe("the results of a group, page by page", () => {
  it("are those that had ended before, each once, though tasks end, are rolled up and come in between any two pages", async () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 4, maxLength: 12 });
    const chances = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 5, maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(sizes, chances, fc.constantFrom(GROUP, null), async (submissions, chance, group) => {
        const world = createWorld();
        const ids: string[] = [];
        const submit = async (count: number) => {
          const tasks = named(ids.length, count);
          ids.push(...tasks.map(({ id }) => id));
          await world.submit(...tasks);
        };
        for (const count of submissions) await submit(count);
        const ended = new Set<string>();
        let turn = 0;
        const endSome = async () => {
          const share = chance[turn++ % chance.length] ?? 0;
          const some = ids.filter((id, i) => !ended.has(id) && ((i * 7919) % 100) / 100 < share);
          await cancelAll(world, some);
          for (const id of some) ended.add(id);
        };
        await endSome();
        await rollUpGroup(world.ports, FLEET, GROUP);
        const before = new Set(ended);
        const found = await pass(world, group, async () => {
          await endSome();
          await rollUpGroup(world.ports, FLEET, GROUP);
          await submit(3);
        });
        expect(new Set(found).size, "reported twice").toBe(found.length);
        for (const id of before) expect(found, `missed ${id}`).toContain(id);
        for (const id of found) expect(ended.has(id)).toBe(true);
        expect(new Set(await pass(world, group, async () => {}))).toEqual(ended);
      }),
      { numRuns: 25 },
    );
  });

  it("are not reported again because their submission was rolled up after its page", async () => {
    const world = createWorld();
    for (let i = 0; i < 8; i++) await world.submit(...named(i * 25, 25));
    const ids = named(0, 200).map(({ id }) => id);
    const early = ids.filter((_, i) => i % 2 === 0);
    await cancelAll(world, early);
    let pages = 0;
    const found = await pass(world, GROUP, async () => {
      if (++pages > 1) return;
      await cancelAll(
        world,
        ids.filter((id) => !early.includes(id)),
      );
      await rollUpGroup(world.ports, FLEET, GROUP);
    });
    expect(pages).toBeGreaterThan(0);
    expect(new Set(found).size).toBe(found.length);
    expect(found).toEqual(expect.arrayContaining(early));
  });

  it("come with results and errors while others still run, also of tasks that end by their dependencies", async () => {
    const world = createWorld();
    const chat = await world.register("s1", { capacity: 10 });
    const skip = (id: string) => ({ id, onFailure: "skip" as const });
    await world.submit({ id: "a", group: GROUP }, { id: "b", group: GROUP }, { id: "c", group: GROUP });
    const fence = new Map((await world.claim(chat, 3)).map((held) => [held.task.id, held.fence]));
    await world.submit(
      { id: "d", group: GROUP, dependsOn: ["b"] },
      { id: "e", group: GROUP, dependsOn: [skip("b")] },
    );
    must(await completeTask(world.ports, chat.claims, "a", { fence: fence.get("a") ?? 0, result: { n: 1 } }));
    const no = { error: { message: "no" }, retryable: false };
    must(await failTask(world.ports, chat.claims, "b", { fence: fence.get("b") ?? 0, ...no }));
    const summary = await summariseProgress(world.ports, FLEET, GROUP, null);
    expect(summary).toMatchObject({
      ...{ totalTasks: 5, completedTasks: 1, failedTasks: 2, cancelledTasks: 1 },
      ...{ inProgressTasks: 1, queuedTasks: 0, cursor: null },
    });
    expect(summary.results.sort((x, y) => (x.taskId < y.taskId ? -1 : 1))).toMatchObject([
      { taskId: "a", state: "completed", result: { n: 1 }, error: null },
      { taskId: "b", state: "failed", result: null, error: { message: "no" } },
      { taskId: "d", state: "failed", error: { code: "dependency.failed" } },
      { taskId: "e", state: "cancelled", error: { code: "dependency.skipped" } },
    ]);
    must(await redriveTask(world.ports, FLEET, "b"));
    const after = await summariseProgress(world.ports, FLEET, GROUP, null);
    expect(after.results.map(({ taskId }) => taskId).sort()).toEqual(["a", "d", "e"]);
  });

  it("go on from a group's end with the next group", async () => {
    const world = createWorld();
    const all = Array.from({ length: 150 }, (_, i) => ({ id: `t${i}`, group: `g${i % 7}` }));
    for (const task of all) await world.submit(task);
    await cancelAll(
      world,
      all.map(({ id }) => id),
    );
    expect((await pass(world, null, async () => {})).sort()).toEqual(all.map(({ id }) => id).sort());
  });
});

describe("rolling up a group", () => {
  const totals = async (world: World) => (await world.ports.record.groups.get(FLEET, GROUP))?.totals;

  it("comes to every open submission in bounded steps, however many never end before it", async () => {
    const world = createWorld();
    const tasks = named(0, 1_300);
    for (const task of tasks) await world.submit(task);
    const { items } = await world.ports.record.submissions.list(FLEET, GROUP, "open", null, 1_300);
    const last = items.slice(1_100).flatMap(({ members }) => members);
    await cancelAll(world, last);
    const calls: PortCall[] = [];
    const counted = tapPorts(world.ports, (call, run) => {
      calls.push(call);
      return run();
    });
    let steps = 0;
    do {
      calls.length = 0;
      await rollUpGroup(counted, FLEET, GROUP);
      expect(calls.filter(({ path }) => path === "record.submissions.list").length).toBeLessThanOrEqual(20);
      expect(calls.filter(({ path }) => path === "record.tasks.getMany").length).toBeLessThanOrEqual(50);
    } while ((await totals(world))?.cancelled !== last.length && ++steps < 30);
    expect(await totals(world)).toMatchObject({ total: last.length, cancelled: last.length });

    await cancelAll(
      world,
      tasks.map(({ id }) => id).filter((id) => !last.includes(id)),
    );
    for (let i = 0; i < 60 && (await world.ports.record.groups.get(FLEET, GROUP))?.open; i++)
      await rollUpGroup(world.ports, FLEET, GROUP);
    expect(await world.ports.record.groups.get(FLEET, GROUP)).toMatchObject({
      ...{ open: false, rolling: [], rollUpAfter: null, totals: { total: 1_300, cancelled: 1_300 } },
    });
  });

  it("mends a mark that was lost in any of them", async () => {
    const world = createWorld();
    for (const task of named(0, 120)) await world.submit(task);
    const unmarked = tapPorts(world.ports, (call, run) =>
      call.path === "record.submissions.mark" ? Promise.resolve() : run(),
    );
    for (const { id } of named(0, 120)) must(await cancelTask(unmarked, FLEET, id, null));
    for (let i = 0; i < 8; i++) await rollUpGroup(world.ports, FLEET, GROUP);
    expect(await totals(world)).toMatchObject({ total: 120, cancelled: 120 });
  });

  it.each([true, false])(
    "killed anywhere as a submission comes in counts that one too; something to roll up: %s",
    async (some) => {
      for (const path of ["record.groups.commit", "record.submissions.list", "record.submissions.close"])
        await crashEverywhere({
          prepare: async () => {
            const world = createWorld();
            if (some) {
              await world.submit({ id: "a", group: GROUP });
              await cancelAll(world, ["a"]);
            } else await openGroup(world.ports, FLEET, GROUP);
            return { world, ports: world.ports };
          },
          act: ({ world }, ports) =>
            rollUpGroup(
              interrupting(ports, path, () => world.submit({ id: "b", group: GROUP })),
              FLEET,
              GROUP,
            ),
          async check({ world }) {
            await world.tick();
            if (await world.ports.record.tasks.get(FLEET, "b")) await cancelAll(world, ["b"]);
            for (let i = 0; i < 4; i++) {
              world.advance(31_000);
              await world.tick();
            }
            const submitted = (await world.ports.record.tasks.getMany(FLEET, ["a", "b"])).length;
            const group = await world.ports.record.groups.get(FLEET, GROUP);
            expect(group).toMatchObject({ open: false, rolling: [], totals: { cancelled: submitted } });
          },
        });
    },
  );
});
