import { describe, expect, it } from "vitest";
import { isRefusal } from "../../shared/contract/errors.ts";
import { CHECKPOINTS_KEPT, CHECKPOINT_BYTES_LIMIT } from "../../shared/contract/limits.ts";
import type { SessionClaims } from "../../shared/domain/tokens.ts";
import { briefOfSession } from "../../shared/operations/brief-of.ts";
import { claimTasks } from "../../shared/operations/claim-tasks.ts";
import { endSession } from "../../shared/operations/end-session.ts";
import { readLatestCheckpoint, readTaskCheckpoint } from "../../shared/operations/read-checkpoint.ts";
import { recoverSession } from "../../shared/operations/recover-session.ts";
import { failTask, releaseTask } from "../../shared/operations/settle-task.ts";
import { writeCheckpoint } from "../../shared/operations/write-checkpoint.ts";
import type { Ports } from "../../shared/ports/ports.ts";
import { interrupting, tapPorts } from "../fixtures/crash-points.ts";
import { FLEET, type World, createWorld, must } from "../fixtures/memory-world.ts";

type Session = { readonly claims: SessionClaims };
const MINUTE_MS = 60_000;

const write = async (world: World, { claims }: Session, over: object = {}, ports: Ports = world.ports) =>
  writeCheckpoint(ports, claims, { trigger: "interval", state: { task: { done: ["a step"] } }, ...over });
const readerOf = ({ claims }: Session) => ({ fleet: FLEET, session: claims.session, claims });
const operator = (session: string) => ({ fleet: FLEET, session, claims: null });

/** A session that runs a task. */
async function working(over: object = {}) {
  const world = createWorld();
  const s1 = await world.register("s1");
  await world.submit({ id: "t", ...over });
  const [held] = await world.claim(s1);
  const fence = held?.fence ?? 0;
  return { world, s1, fence, task: { taskId: "t", fence } };
}

/** Its task goes on with another session, after this one ended as it does. */
async function successor(world: World, id: string) {
  const session = await world.register(id, { host: `host-of-${id}`, boot: "b" });
  world.advance(61 * MINUTE_MS);
  await world.deliver();
  const [held] = await world.claim(session);
  return { session, held };
}

const calls = (world: World, over: object = {}) => [
  {
    ...{ id: "toolu_1", name: "Bash", summary: "git push", taskId: "t", startedAtMs: world.nowMs() },
    ...{ endedAtMs: null, outcome: "unknown" as const },
    ...over,
  },
];
const journal = (world: World, session: string, epoch: number, over: object = {}) =>
  world.ports.record.journals.commit(null, {
    ...{ v: 1, rev: 0, fleet: FLEET, session, epoch },
    calls: calls(world, over),
  });

describe("a checkpoint", () => {
  it("has the next sequence of its session, over all its starts", async () => {
    const { world, s1 } = await working();
    expect(must(await write(world, s1)).sequence).toBe(1);
    expect(must(await write(world, s1)).sequence).toBe(2);
    await recoverSession(world.ports, FLEET, "s1", 1, { endsAs: "crashed", cause: "", lastBeatAtMs: null });
    const again = await world.register("s1");
    expect(must(await write(world, again)).sequence).toBe(3);
    expect(must(await readLatestCheckpoint(world.ports, readerOf(again))).checkpoint).toMatchObject({
      ...{ sessionId: "s1", epoch: 2, sequence: 3, taskId: null, trigger: "interval" },
    });
  });

  it("is refused, and changes nothing, in an order that the protocol says", async () => {
    const { world, s1, fence } = await working();
    const tooLarge = "x".repeat(CHECKPOINT_BYTES_LIMIT);
    const before = JSON.stringify(await world.ports.record.checkpoints.latest(FLEET, "s1"));
    const refusals = [
      [{ taskId: "none", fence: 1, state: tooLarge }, "task.not_found"],
      [{ taskId: "t", state: tooLarge }, "request.invalid"],
      [{ fence: 1 }, "request.invalid"],
      [{ taskId: "t", fence: fence + 1, state: tooLarge }, "checkpoint.too_large"],
      [{ taskId: "t", fence: fence + 1 }, "lease.stale"],
    ] as const;
    for (const [over, code] of refusals)
      expect(await write(world, s1, over)).toMatchObject({ refused: code });
    await recoverSession(world.ports, FLEET, "s1", 1, { endsAs: "crashed", cause: "", lastBeatAtMs: null });
    expect(await write(world, s1)).toMatchObject({ refused: "session.superseded" });
    expect(JSON.stringify(await world.ports.record.checkpoints.latest(FLEET, "s1"))).toBe(before);
  });

  it("of a start that is over replaces none of the next, though it was let in before", async () => {
    const { world, s1 } = await working();
    const meanwhile = async () => {
      await recoverSession(world.ports, FLEET, "s1", 1, { endsAs: "crashed", cause: "", lastBeatAtMs: null });
      must(await write(world, await world.register("s1"), { state: "new" }));
    };
    const held = interrupting(world.ports, "record.checkpoints.latest", meanwhile);
    expect(await write(world, s1, { state: "old" }, held)).toMatchObject({ refused: "session.superseded" });
    expect(must(await readLatestCheckpoint(world.ports, operator("s1"))).checkpoint.state).toBe("new");
  });

  it("keeps of signals what fits, and any JSON as its state", async () => {
    const { world, s1 } = await working();
    const signals = { contextUsed: 0.4, log: "x".repeat(1_000_000), deep: { a: 1 } };
    for (const state of [null, 0, "text", [1], { ["größe"]: { tools: 3 } }]) {
      must(await write(world, s1, { state, signals }));
      const { checkpoint } = must(await readLatestCheckpoint(world.ports, operator("s1")));
      expect(checkpoint).toMatchObject({ state, signals: { contextUsed: 0.4 } });
      expect(JSON.stringify(checkpoint.signals).length).toBeLessThan(1_100);
    }
  });

  it("of a task is read by whoever holds the task, and by nobody else but operators", async () => {
    const { world, s1, task } = await working();
    must(await write(world, s1, { ...task, state: "half" }));
    await recoverSession(world.ports, FLEET, "s1", 1, { endsAs: "crashed", cause: "", lastBeatAtMs: null });
    const { session: s2 } = await successor(world, "s2");
    expect(must(await readTaskCheckpoint(world.ports, readerOf(s2), "t")).checkpoint).toMatchObject({
      ...{ sessionId: "s1", taskId: "t", state: "half" },
    });
    expect(must(await readTaskCheckpoint(world.ports, operator("s1"), "t")).checkpoint.state).toBe("half");
    const s3 = await world.register("s3", { host: "h3", boot: "b" });
    const refused = await readTaskCheckpoint(world.ports, readerOf(s3), "t");
    expect(refused).toMatchObject({ refused: "checkpoint.not_found" });
  });
});

describe("what is kept", () => {
  const sequences = async (world: World, upTo: number) => {
    const kept: number[] = [];
    for (let sequence = 1; sequence <= upTo; sequence++)
      if (await world.ports.record.checkpoints.filed(FLEET, "s1", sequence)) kept.push(sequence);
    return kept;
  };

  it("is the last 20 of a session, and the first and the last of each task, with their states", async () => {
    const { world, s1, task } = await working();
    const many = CHECKPOINTS_KEPT + 10;
    for (let n = 1; n <= many; n++) {
      world.advance(10 * MINUTE_MS);
      await world.beat(s1, [
        { id: "s1", epoch: 1, activity: "working", tasks: [{ id: "t", fence: task.fence }] },
      ]);
      must(await write(world, s1, { state: n, ...(n >= 3 && n <= 6 ? task : {}) }));
    }
    const last = Array.from({ length: CHECKPOINTS_KEPT - 1 }, (_, i) => many - CHECKPOINTS_KEPT + 1 + i);
    expect(await sequences(world, many)).toEqual([3, 6, ...last]);
    for (const sequence of [3, 6, ...last]) {
      const filed = await world.ports.record.checkpoints.filed(FLEET, "s1", sequence);
      const body = filed && (await world.ports.record.checkpoints.body(FLEET, "s1", filed.body));
      expect(body).toBe(String(sequence));
    }
    expect(await world.ports.record.checkpoints.ofTask.get(FLEET, "t")).toMatchObject({
      ...{ sequence: 6, first: { session: "s1", sequence: 3 } },
    });
    // The task's next one lets go of what was its last.
    must(await write(world, s1, { state: "next", ...task }));
    expect(await sequences(world, many)).not.toContain(6);
    expect(await sequences(world, many)).toContain(3);
  });

  it("is whatever is younger than a function may take: a task may be about to point to it", async () => {
    const { world, s1 } = await working();
    for (let n = 1; n <= CHECKPOINTS_KEPT + 5; n++) must(await write(world, s1, { state: n }));
    expect(await sequences(world, 5)).toEqual([1, 2, 3, 4, 5]);
  });
});

describe("the brief beside a claimed task", () => {
  it("is null, and costs no read, at a first attempt, though its session has checkpoints", async () => {
    const { world, s1 } = await working();
    must(await write(world, s1));
    await world.submit({ id: "t2" });
    const reads: string[] = [];
    const watched = tapPorts(world.ports, ({ path }, run) => {
      if (/record\.(checkpoints|journals)\./.test(path)) reads.push(path);
      return run();
    });
    const { tasks } = must(await claimTasks(watched, s1.claims, 1));
    expect(tasks.map(({ resume }) => resume)).toEqual([null]);
    expect(reads).toEqual([]);
  });

  it.each([
    ["its supervisor saw it crash", "crashed", "crash", 0.75],
    ["it was stopped", "stopped", "exit", 0.7],
    ["it said that it was done, with the task unfinished", "completed", "exit", 0.7],
  ] as const)("tells how it ended, exactly: %s", async (_, reason, cause, confidence) => {
    const { world, s1, task } = await working();
    must(await write(world, s1, task));
    await journal(world, "s1", 1);
    must(await endSession(world.ports, s1.claims, "s1", { reason }));
    const { held } = await successor(world, "s2");
    expect(held?.resume).toMatchObject({
      ...{ taskId: "t", cause, confidence, done: ["a step"] },
      unknown: [{ id: "toolu_1", outcome: "unknown" }],
      checkpoint: { sessionId: "s1", sequence: 1 },
    });
    expect(held?.resume?.text).toContain("git push");
  });

  it("tells a silence as a timeout, a restart of the host as a crash that nobody saw", async () => {
    const silent = await working();
    must(await write(silent.world, silent.s1, silent.task));
    for (const ms of [0, 16_000, 16_000, 16_000]) {
      silent.world.advance(ms);
      await silent.world.tick();
    }
    expect((await successor(silent.world, "s2")).held?.resume).toMatchObject({ cause: "timeout" });

    const restarted = await working();
    must(await write(restarted.world, restarted.s1, restarted.task));
    restarted.world.advance(31_000);
    const other = await restarted.world.register("other", { boot: "b2" });
    restarted.world.advance(61 * MINUTE_MS);
    const [held] = await restarted.world.claim(other);
    expect(held?.resume).toMatchObject({ cause: "crash", confidence: 0.65 });
  });

  it.each([
    [
      "failed",
      (w: World, s: Session, fence: number) =>
        failTask(w.ports, s.claims, "t", { fence, error: { message: "no", code: "task.crash" } }),
    ],
    ["released", (w: World, s: Session, fence: number) => releaseTask(w.ports, s.claims, "t", { fence })],
  ] as const)("does not take the code of whoever %s it for how it ended", async (_, giveUp) => {
    const { world, s1, fence, task } = await working();
    must(await write(world, s1, task));
    must(await giveUp(world, s1, fence));
    must(await endSession(world.ports, s1.claims, "s1", { reason: "completed" }));
    expect((await successor(world, "s2")).held?.resume).toMatchObject({ cause: "exit" });
  });

  it("is there again at each of its restarts, and again if its claim's answer was lost", async () => {
    const { world, s1, task } = await working();
    must(await write(world, s1, task));
    must(await endSession(world.ports, s1.claims, "s1", { reason: "crashed" }));
    const second = await successor(world, "s2");
    expect(second.held?.resume).toMatchObject({ done: ["a step"] });
    must(await endSession(world.ports, second.session.claims, "s2", { reason: "crashed" }));
    const third = await successor(world, "s3");
    expect(third.held).toMatchObject({ task: { attempt: 3 }, resume: { done: ["a step"] } });
    // The checkpoint is of the start before the one that crashed.
    expect(third.held?.resume?.confidence).toBe(0.65);
  });

  it("names what is done, what comes next and what is unknown, three crashes in a row", async () => {
    const { world, s1, task } = await working({ maxAttempts: 9 });
    const state = { task: { done: ["read the plan"], next: ["write the code"], blockers: ["no licence"] } };
    must(await write(world, s1, { ...task, state }));
    await journal(world, "s1", 1);
    let last: Session = s1;
    for (const id of ["s2", "s3", "s4"]) {
      must(await endSession(world.ports, last.claims, last.claims.session, { reason: "crashed" }));
      const { session, held } = await successor(world, id);
      expect(held?.resume).toMatchObject({
        ...{ cause: "crash", done: ["read the plan"], next: ["write the code"], blockers: ["no licence"] },
        ...{
          unknown: [{ id: "toolu_1", summary: "git push" }],
          checkpoint: { sessionId: "s1", sequence: 1 },
        },
      });
      for (const words of ["read the plan", "write the code", "no licence", "Bash: git push"])
        expect(held?.resume?.text).toContain(words);
      last = session;
    }
  });

  it.each([true, false])(
    "tells a call of unknown outcome also after those crashed who went on with it (checkpoint before it: %s)",
    async (checkpointed) => {
      const { world, s1, task } = await working({ maxAttempts: 9 });
      if (checkpointed) must(await write(world, s1, task));
      await journal(world, "s1", 1);
      must(await endSession(world.ports, s1.claims, "s1", { reason: "crashed" }));
      const second = await successor(world, "s2");
      await journal(world, "s2", 1, { id: "toolu_2", summary: "git fetch", outcome: "ok" });
      must(await endSession(world.ports, second.session.claims, "s2", { reason: "crashed" }));
      const third = await successor(world, "s3");
      expect(third.held?.resume).toMatchObject({ unknown: [{ id: "toolu_1" }] });
      expect(third.held?.resume?.done).toContain("Bash: git fetch");
      expect(third.held?.resume?.situation).toContain("Session s2 ");

      // Whoever makes a checkpoint has looked at what was unknown: from then on that is what counts.
      const fence = third.held?.fence ?? 0;
      must(await write(world, third.session, { taskId: "t", fence, state: { task: { done: ["pushed"] } } }));
      must(await endSession(world.ports, third.session.claims, "s3", { reason: "crashed" }));
      const { held } = await successor(world, "s4");
      expect(held?.resume).toMatchObject({ unknown: [], done: ["pushed"] });
    },
  );

  it("is told of a task that crashed and had no checkpoint, if a call is known; null if nothing is", async () => {
    for (const known of [true, false]) {
      const { world, s1 } = await working();
      if (known) await journal(world, "s1", 1);
      must(await endSession(world.ports, s1.claims, "s1", { reason: "crashed" }));
      const { held } = await successor(world, "s2");
      if (known) expect(held?.resume).toMatchObject({ checkpoint: null, unknown: [{ id: "toolu_1" }] });
      else expect(held?.resume).toBeNull();
    }
  });
});

describe("the brief of a session", () => {
  const crash = async (world: World, session: Session) =>
    must(await endSession(world.ports, session.claims, session.claims.session, { reason: "crashed" }));

  it("is null at a first registration, and after a start that was done", async () => {
    const { world, s1 } = await working();
    expect(s1.answer.resume).toBeNull();
    must(await write(world, s1));
    must(await endSession(world.ports, s1.claims, "s1", { reason: "completed" }));
    const again = await world.register("s1");
    expect(again.answer.resume).toBeNull();
    // Nor after a crash of the next start, which has left nothing of its own.
    await crash(world, again);
    expect((await world.register("s1")).answer.resume).toBeNull();
  });

  it("is of the start before, however often it is restored", async () => {
    const { world, s1 } = await working();
    must(await write(world, s1));
    await journal(world, "s1", 1, { taskId: null });
    let session = s1;
    for (const confidence of [1, 0.95, 0.95]) {
      await crash(world, session);
      session = await world.register("s1");
      expect(session.answer.resume).toMatchObject({ cause: "crash", confidence, done: ["a step"] });
      expect(session.answer.resume?.unknown.map(({ id }) => id)).toEqual(["toolu_1"]);
      // And is read again later, in the same words.
      const read = await briefOfSession(world.ports, await world.session("s1"));
      expect(read).toEqual(session.answer.resume);
    }
  });

  it("is its own word once it has made a checkpoint, and null of one that has only begun", async () => {
    const { world, s1 } = await working();
    await journal(world, "s1", 1, { taskId: null });
    expect(await briefOfSession(world.ports, await world.session("s1"))).toBeNull();
    must(await write(world, s1));
    const brief = await briefOfSession(world.ports, await world.session("s1"));
    expect(brief?.situation).toContain("is at work");
  });

  it("does not speak of a task, which may be another's by now", async () => {
    const { world, s1, task } = await working();
    must(await write(world, s1, task));
    await crash(world, s1);
    expect((await world.register("s1")).answer.resume).toBeNull();
  });

  it("is the same when its registration is repeated with its Idempotency-Key", async () => {
    const { world, s1 } = await working();
    must(await write(world, s1));
    await crash(world, s1);
    const first = await world.register("s1", {}, "seed");
    const repeated = await world.register("s1", {}, "seed");
    expect(repeated.epoch).toBe(first.epoch);
    expect(first.answer.resume).not.toBeNull();
    expect(repeated.answer.resume).toEqual(first.answer.resume);
  });
});

it("records that were written before ends were kept still make a brief", async () => {
  const { world, s1, task } = await working();
  must(await write(world, s1, task));
  await recoverSession(world.ports, FLEET, "s1", 1, { endsAs: "crashed", cause: "", lastBeatAtMs: null });
  const old = await world.task("t");
  const events = (old.events ?? []).map(({ e: _, ...event }) => event);
  await world.ports.record.tasks.commit(old, { ...old, events });
  const { held } = await successor(world, "s2");
  expect(isRefusal(held)).toBe(false);
  expect(held?.resume).toMatchObject({ cause: "crash", confidence: 0.65, done: ["a step"] });
});
