import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isRefusal } from "../../shared/contract/errors.ts";
import type { EndedTask } from "../../shared/contract/records.ts";
import { FailurePolicy } from "../../shared/contract/task.ts";
import { inDependencyOrder } from "../../shared/domain/dependencies.ts";
import { isEnded, isOwned } from "../../shared/domain/task-transitions.ts";
import { cancelTask } from "../../shared/operations/cancel-task.ts";
import { redriveTask } from "../../shared/operations/redrive-task.ts";
import { runEndEffects } from "../../shared/operations/run-end-effects.ts";
import { completeTask, failTask } from "../../shared/operations/settle-task.ts";
import { submitTasks } from "../../shared/operations/submit-tasks.ts";
import type { Ports } from "../../shared/ports/ports.ts";
import { type Chat, expectConsistent, passTime, workOff } from "../fixtures/at-rest.ts";
import { crashEverywhere, interrupting } from "../fixtures/crash-points.ts";
import { FLEET, type World, createWorld, must } from "../fixtures/memory-world.ts";

type Fate = "completed" | "failed" | "cancelled";
const NO = { error: { message: "no", code: "own" }, retryable: false };
const on = (id: string, onFailure: FailurePolicy) => ({ id, onFailure });

/** Ends a task that the session holds as fate has it. */
async function meet(ports: Ports, chat: Chat, id: string, fence: number, fate: Fate): Promise<void> {
  if (fate === "completed") must(await completeTask(ports, chat.claims, id, { fence, result: id }));
  if (fate === "failed") must(await failTask(ports, chat.claims, id, { fence, ...NO }));
  if (fate === "cancelled") must(await cancelTask(ports, FLEET, id, null));
}

async function endOf(world: World, id: string): Promise<string> {
  const task = await world.task(id);
  if (isOwned(task)) return "runs";
  return isEnded(task) ? `${task.state} ${task.error?.code ?? ""}`.trim() : task.state;
}

async function ends(world: World, ...ids: string[]): Promise<Record<string, string>> {
  return Object.fromEntries(await Promise.all(ids.map(async (id) => [id, await endOf(world, id)] as const)));
}

/** A world whose session runs these tasks. */
async function running(...ids: string[]) {
  const world = createWorld();
  const chat = await world.register("s1", { capacity: 100 });
  await world.tick();
  await world.submit(...ids.map((id) => ({ id })));
  const fences = new Map((await world.claim(chat, 100)).map(({ task, fence }) => [task.id, fence]));
  const end = (id: string, fate: Fate, ports = world.ports) =>
    meet(ports, chat, id, fences.get(id) ?? 0, fate);
  return { world, ports: world.ports, chat, end };
}

describe("a task with a policy for each dependency", () => {
  it.each([
    ["fail", "completed", "runs"],
    ["fail", "failed", "failed dependency.failed"],
    ["fail", "cancelled", "failed dependency.failed"],
    ["skip", "completed", "runs"],
    ["skip", "failed", "cancelled dependency.skipped"],
    ["skip", "cancelled", "cancelled dependency.skipped"],
    ["run", "completed", "runs"],
    ["run", "failed", "runs"],
    ["run", "cancelled", "runs"],
  ] as const)(
    "and %s, after one that has %s, is %s, whether submitted before or after",
    async (policy, fate, end) => {
      const { world, end: finish } = await running("a");
      await world.submit({ id: "before", dependsOn: [on("a", policy)] });
      await finish("a", fate);
      await world.submit({ id: "after", dependsOn: [on("a", policy)] });
      await world.deliver();
      expect(await ends(world, "before", "after")).toEqual({ before: end, after: end });
      await expectConsistent(world, ["a", "before", "after"]);
    },
  );

  it("hands its own end on through its dependents' policies", async () => {
    const { world, end } = await running("a");
    await world.submit(
      { id: "skipped", dependsOn: [on("a", "skip")] },
      { id: "b", dependsOn: ["skipped"] },
      { id: "c", dependsOn: [on("skipped", "skip")] },
      { id: "d", dependsOn: [on("c", "run")] },
    );
    await end("a", "failed");
    await world.deliver();
    expect(await ends(world, "skipped", "b", "c", "d")).toEqual({
      skipped: "cancelled dependency.skipped",
      b: "failed dependency.failed",
      c: "cancelled dependency.skipped",
      d: "runs",
    });
  });

  it("shows plain ids, and its policies only where one is not fail", async () => {
    const world = createWorld();
    const [, plain, mixed] = await world.submit(
      { id: "a" },
      { id: "plain", dependsOn: [on("a", "fail")] },
      { id: "mixed", dependsOn: [on("a", "run"), "plain"] },
    );
    expect(plain).not.toHaveProperty("onFailure");
    expect(plain).toMatchObject({ dependsOn: ["a"] });
    expect(mixed).toMatchObject({ dependsOn: ["a", "plain"], onFailure: { a: "run" } });
  });

  it("is refused with two policies for one dependency, and no part of its submission accepted", async () => {
    const world = createWorld();
    await world.submit({ id: "a" });
    const twice = { id: "c", dependsOn: ["a", on("a", "run")] };
    await expect(world.submit({ id: "b" }, twice)).rejects.toThrow("dependency.ambiguous");
    expect(await world.ports.record.tasks.get(FLEET, "b")).toBeNull();
    const [same] = await world.submit({ id: "c", dependsOn: ["a", on("a", "fail")] });
    expect(same?.dependsOn).toEqual(["a"]);
  });
});

type Node = { readonly edges: readonly (readonly [number, FailurePolicy])[]; readonly fate: Fate };

/** A graph in which each task depends on earlier ones only. */
const graph: fc.Arbitrary<Node[]> = fc.integer({ min: 1, max: 9 }).chain((size) =>
  fc.tuple(
    ...Array.from({ length: size }, (_, i) =>
      fc.record({
        edges:
          i === 0
            ? fc.constant([])
            : fc.uniqueArray(fc.tuple(fc.nat(i - 1), fc.constantFrom(...FailurePolicy.options)), {
                maxLength: 4,
                selector: ([to]) => to,
              }),
        fate: fc.constantFrom<Fate>("completed", "completed", "failed", "cancelled"),
      }),
    ),
  ),
);

/** How each task ends, worked out from the graph alone. */
function model(nodes: readonly Node[]): string[] {
  const found: string[] = [];
  for (const { edges, fate } of nodes) {
    const lost = new Set(edges.filter(([to]) => found[to] !== "completed").map(([, policy]) => policy));
    if (lost.has("fail")) found.push("failed dependency.failed");
    else if (lost.has("skip")) found.push("cancelled dependency.skipped");
    else found.push(fate === "failed" ? "failed own" : fate);
  }
  return found;
}

describe("any graph of tasks", () => {
  it("ends as its edges say, in whatever pieces it is submitted and in whatever order its tasks are worked on", async () => {
    await fc.assert(
      fc.asyncProperty(graph, fc.array(fc.nat(8), { maxLength: 30 }), async (nodes, turns) => {
        const world = createWorld();
        const chat = await world.register("s1", { capacity: 100 });
        await world.tick();
        const unsubmitted = nodes.map(({ edges }, i) => ({
          id: `t${i}`,
          dependsOn: edges.map(([to, policy]) => on(`t${to}`, policy)),
        }));
        const ids = unsubmitted.map(({ id }) => id);
        const held: { id: string; fence: number }[] = [];
        for (let turn = 0; unsubmitted.length > 0 || held.length > 0; turn++) {
          const pick = turns[turn] ?? 0;
          if (unsubmitted.length > 0 && (pick % 2 === 0 || held.length === 0))
            await world.submit(...unsubmitted.splice(0, 1 + (pick % 4)).reverse());
          else {
            const [next] = held.splice(pick % held.length, 1);
            const fate = nodes[ids.indexOf(next?.id ?? "")]?.fate ?? "completed";
            await meet(world.ports, chat, next?.id ?? "", next?.fence ?? 0, fate);
          }
          // What a completion hands out at once is not among its answer here, so it is claimed again.
          for (const { task, fence } of await world.claim(chat, 100))
            if (!held.some(({ id }) => id === task.id)) held.push({ id: task.id, fence });
        }
        expect(Object.values(await ends(world, ...ids))).toEqual(model(nodes));
        await passTime(world, 35_000, [chat]);
        await expectConsistent(world, ids);
      }),
      { numRuns: 60 },
    );
  });
});

const AROUND_A = ["b", "fails", "skips", "runs", "waits", "both", "after-skip", "after-fail"];

/** Task `a`, with dependents of every policy, and theirs. */
async function surrounded() {
  const ready = await running("a", "b");
  await ready.world.submit(
    { id: "fails", dependsOn: ["a"] },
    { id: "skips", dependsOn: [on("a", "skip")] },
    { id: "runs", dependsOn: [on("a", "run")] },
    { id: "waits", dependsOn: [on("a", "skip"), "b"] },
    { id: "both", dependsOn: [on("a", "run"), on("b", "skip")] },
    { id: "after-skip", dependsOn: [on("skips", "run"), on("fails", "run")] },
    { id: "after-fail", dependsOn: [on("fails", "skip")] },
  );
  return ready;
}

const A_IS_LOST = {
  fails: "failed dependency.failed",
  skips: "cancelled dependency.skipped",
  runs: "completed",
  "after-skip": "completed",
  "after-fail": "cancelled dependency.skipped",
};

describe("a function killed at any effect of an end with mixed policies", () => {
  it.each([
    ["failed", true],
    ["failed", false],
    ["cancelled", true],
    ["cancelled", false],
  ] as const)("applies each policy once: %s, repeated by its caller %s", async (fate, repeats) => {
    const points = await crashEverywhere({
      prepare: surrounded,
      act: ({ end }, ports) => end("a", fate, ports),
      async check({ world, end }) {
        if (repeats) await end("a", fate);
        const lost = isEnded(await world.task("a"));
        await workOff(world, ["a", ...AROUND_A]);
        const all = await ends(world, ...AROUND_A);
        if (lost)
          expect(all).toEqual({
            ...A_IS_LOST,
            b: "completed",
            waits: "cancelled dependency.skipped",
            both: "completed",
          });
        else expect(Object.values(all)).toEqual(AROUND_A.map(() => "completed"));
      },
    });
    expect(points).toBeGreaterThan(15);
  });

  it("lets a fail outweigh a skip that came before it", async () => {
    await crashEverywhere({
      prepare: async () => {
        const ready = await surrounded();
        await ready.end("a", "failed");
        return ready;
      },
      act: ({ end }, ports) => end("b", "failed", ports),
      async check({ world, end }) {
        await end("b", "failed");
        await workOff(world, ["a", ...AROUND_A]);
        expect(await ends(world, ...AROUND_A)).toEqual({
          ...A_IS_LOST,
          b: "failed own",
          waits: "failed dependency.failed",
          both: "cancelled dependency.skipped",
        });
      },
    });
  });

  it("redrives a dependent after its dependency", async () => {
    await crashEverywhere({
      prepare: async () => {
        const ready = await surrounded();
        await ready.end("a", "failed");
        must(await redriveTask(ready.ports, FLEET, "a"));
        return ready;
      },
      act: (_, ports) => redriveTask(ports, FLEET, "fails"),
      async check({ world }) {
        const redriven = (await world.task("fails")).redrives === 1;
        await workOff(world, ["a", ...AROUND_A]);
        const { fails, skips } = await ends(world, "fails", "skips");
        expect(fails).toBe(redriven ? "completed" : "failed dependency.failed");
        expect(skips, "a skip is for good").toBe("cancelled dependency.skipped");
      },
    });
  });
});

describe("an end that comes late", () => {
  it.each(["fail", "skip", "run"] as const)(
    "of a dependency that was redriven since means nothing to a dependent with %s that was redriven after it",
    async (policy) => {
      const { world, chat, end } = await running("a", "b");
      await world.submit({ id: "x", dependsOn: [on("a", policy), on("b", "fail")] });
      await end("a", "failed");
      await end("b", "failed");
      const [before, other] = [await world.task("a"), await world.task("b")] as EndedTask[];
      expect(await endOf(world, "x")).toBe("failed dependency.failed");
      for (const id of ["a", "b", "x"]) must(await redriveTask(world.ports, FLEET, id));
      for (const late of [before, other]) if (late) await runEndEffects(world.ports, late);
      expect(await world.task("x")).toMatchObject({ state: "blocked", waitingOn: ["a", "b"] });
      await passTime(world, 35_000, [chat]);
      for (const { task, fence } of await world.claim(chat, 2))
        await meet(world.ports, chat, task.id, fence, "completed");
      await world.deliver();
      expect(await endOf(world, "x")).toBe("runs");
    },
  );

  it("means nothing also if the redrives come just before the dependent is committed", async () => {
    const { world, ports, end } = await running("a", "b");
    await world.submit({ id: "x", dependsOn: ["a", "b"] });
    const a = interrupting(
      ports,
      "record.tasks.commit",
      async () => {
        await end("b", "failed");
        for (const id of ["b", "a", "x"]) must(await redriveTask(ports, FLEET, id));
      },
      2, // The first ends `a` itself.
    );
    await end("a", "failed", a);
    expect(await world.task("x")).toMatchObject({ state: "blocked", redrives: 1, waitingOn: ["a", "b"] });
  });

  it("is not lost when another dependency ends just before it is committed", async () => {
    const { world, ports, end } = await running("a", "b");
    await world.submit({ id: "x", dependsOn: [on("a", "skip"), "b"] });
    await end(
      "a",
      "failed",
      interrupting(ports, "record.tasks.commit", () => end("b", "completed"), 2),
    );
    expect(await endOf(world, "x")).toBe("cancelled dependency.skipped");
    expect(await world.task("x")).toMatchObject({ effectsPending: false });
  });
});

describe("submissions at the same time", () => {
  it("never make a cycle together, though each by itself has none", async () => {
    for (const nth of [1, 2, 3]) {
      const { ports } = createWorld();
      const submit = (by: Ports, ...ids: [string, string][]) =>
        submitTasks(
          by,
          FLEET,
          ids.map(([id, to]) => ({ id, type: "t", data: 0, ...(to && { dependsOn: [to] }) })),
          null,
        );
      let rival: unknown = null;
      const racing = interrupting(
        ports,
        "record.tasks.commit",
        async () => (rival = await submit(ports, ["b", "a"], ["a", "c"], ["c", ""])),
        nth,
      );
      const outcome = await submit(racing, ["a", "b"], ["b", "c"], ["c", ""]);
      expect([outcome, rival].filter((one) => isRefusal(one)).length, `at commit ${nth}`).toBeGreaterThan(0);
      const tasks = await ports.record.tasks.getMany(FLEET, ["a", "b", "c"]);
      expect(inDependencyOrder(tasks)).toHaveProperty("ordered");
    }
  });
});

describe("redriving a dependent", () => {
  it.each([
    ["fail", "dependency.failed"],
    ["skip", "dependency.failed"],
    ["run", "queued"],
  ] as const)("by %s whose dependency is still lost: %s", async (policy, outcome) => {
    const { world, chat, end } = await running("a", "b");
    await world.submit({ id: "x", dependsOn: [on("a", policy), "b"] });
    await end("b", "failed");
    expect(await endOf(world, "x")).toBe("failed dependency.failed");
    await end("a", "failed");
    must(await redriveTask(world.ports, FLEET, "b"));
    const [b] = await world.claim(chat);
    await meet(world.ports, chat, "b", b?.fence ?? 0, "completed");
    const answer = await redriveTask(world.ports, FLEET, "x");
    expect("refused" in answer ? answer.refused : answer.task.state).toBe(outcome);
  });
});
