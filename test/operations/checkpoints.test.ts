import { describe, expect, it } from "vitest";
import type { CheckpointRequest } from "../../shared/contract/checkpoint.ts";
import { CHECKPOINTS_KEPT, SIGNALS_KEPT_BYTES } from "../../shared/contract/limits.ts";
import { releaseTask } from "../../shared/operations/settle-task.ts";
import { readLatestCheckpoint, readTaskCheckpoint } from "../../shared/operations/read-checkpoint.ts";
import { writeCheckpoint } from "../../shared/operations/write-checkpoint.ts";
import type { Ports } from "../../shared/ports/ports.ts";
import { interrupting, tapPorts } from "../fixtures/crash-points.ts";
import { FLEET, type World, createWorld, must } from "../fixtures/memory-world.ts";

type Chat = Awaited<ReturnType<World["register"]>>;

const write = (ports: Ports, { claims }: Chat, request: Partial<CheckpointRequest> = {}) =>
  writeCheckpoint(ports, claims, { trigger: "interval", state: null, ...request });
const readerOf = ({ id, claims }: Chat) => ({ fleet: FLEET, session: id, claims });
const asOperator = (id: string) => ({ fleet: FLEET, session: id, claims: null });
const latest = async (ports: Ports, chat: Chat) =>
  must(await readLatestCheckpoint(ports, readerOf(chat))).checkpoint;

/** Two sessions, of which `a` works on the task `t`. */
async function working() {
  const world = createWorld();
  const a = await world.register("a");
  const b = await world.register("b");
  await world.submit({ id: "t" });
  const fence = await hold(world, a, "t");
  return { world, ports: world.ports, a, b, fence };
}

async function hold(world: World, chat: Chat, task: string): Promise<number> {
  const [held] = await world.claim(chat);
  expect(held?.task.id).toBe(task);
  return held?.fence ?? 0;
}

describe("a session's checkpoints", () => {
  it("come back as they were written, the latest first, over all starts of the session", async () => {
    const { world, ports, a, fence } = await working();
    const state = { task: { next: ["more"] }, other: [null, "größe"] };
    const signals = { contextUsed: 0.5 };
    const first = must(await write(ports, a, { state, signals, taskId: "t", fence, trigger: "my own" }));
    expect(first.sequence).toBe(1);
    expect(await latest(ports, a)).toEqual({
      ...{ sessionId: "a", epoch: 1, sequence: 1, trigger: "my own", taskId: "t", state, signals },
      ...{ at: new Date(world.nowMs()).toISOString(), bytes: first.bytes },
    });
    const again = await world.register("a");
    expect((await latest(ports, again)).sequence, "of the start before").toBe(1);
    expect(must(await write(ports, again, { state: 2 })).sequence).toBe(2);
    expect(await latest(ports, again)).toMatchObject({ epoch: 2, sequence: 2, taskId: null, signals: null });
    expect(must(await readLatestCheckpoint(ports, asOperator("a"))).checkpoint.state).toBe(2);
  });

  it("are never mixed up with another session's or fleet's", async () => {
    const { ports, a, b } = await working();
    await write(ports, a, { state: "a" });
    expect(await readLatestCheckpoint(ports, readerOf(b))).toMatchObject({ refused: "checkpoint.not_found" });
    expect(await readLatestCheckpoint(ports, { ...asOperator("a"), fleet: "other" })).toMatchObject({
      refused: "session.not_found",
    });
  });

  it("keep of the signals what fits, whatever an agent sends", async () => {
    const { ports, a } = await working();
    const signals = { deep: {}, contextUsed: 0.5, ...Object.fromEntries([...Array(999).keys()].entries()) };
    must(await write(ports, a, { signals }));
    const { signals: kept } = await latest(ports, a);
    expect(kept).toMatchObject({ contextUsed: 0.5 });
    expect(kept).not.toHaveProperty("deep");
    expect(JSON.stringify(kept).length).toBeLessThanOrEqual(SIGNALS_KEPT_BYTES);
  });

  it("of two that are written at once get a sequence each, and both are filed or the latest", async () => {
    const { ports, a } = await working();
    must(await write(ports, a, { state: 0 }));
    const slow = interrupting(ports, "record.checkpoints.commit", () => write(ports, a, { state: "quick" }));
    expect(must(await write(slow, a, { state: "slow" })).sequence).toBe(3);
    expect((await latest(ports, a)).state).toBe("slow");
    const filed = await ports.record.checkpoints.filed(FLEET, "a", 2);
    expect(filed && (await ports.record.checkpoints.body(FLEET, "a", filed.body))).toBe('"quick"');
  });

  it("of a start that is over do not replace a later start's, however late its function is", async () => {
    const { world, ports, a } = await working();
    const late = interrupting(ports, "record.checkpoints.putBody", async () => {
      must(await write(ports, await world.register("a"), { state: "new" }));
    });
    expect(await write(late, a, { state: "old" })).toMatchObject({ refused: "session.superseded" });
    expect(must(await readLatestCheckpoint(ports, asOperator("a"))).checkpoint.state).toBe("new");
  });
});

describe("a task's checkpoints", () => {
  it("are read by whoever holds it next, and by nobody else", async () => {
    const { world, ports, a, b, fence } = await working();
    must(await write(ports, a, { state: "half", taskId: "t", fence }));
    const asB = () => readTaskCheckpoint(ports, readerOf(b), "t");
    expect(await asB(), "it is a's").toMatchObject({ refused: "checkpoint.not_found" });
    must(await releaseTask(ports, a.claims, "t", { fence }));
    const next = await hold(world, b, "t");
    expect(must(await asB()).checkpoint).toMatchObject({ sessionId: "a", sequence: 1, state: "half" });
    expect(await readTaskCheckpoint(ports, readerOf(a), "t")).toMatchObject({
      refused: "checkpoint.not_found",
    });
    must(await write(ports, b, { state: "done", taskId: "t", fence: next }));
    for (const reader of [readerOf(b), asOperator("a")])
      expect(must(await readTaskCheckpoint(ports, reader, "t")).checkpoint).toMatchObject({
        ...{ sessionId: "b", sequence: 1, state: "done" },
      });
  });

  it("are not a session's that lost it, and a late one of it moves nothing back", async () => {
    const { world, ports, a, b, fence } = await working();
    must(await write(ports, a, { state: 1, taskId: "t", fence }));
    must(await write(ports, a, { state: 2, taskId: "t", fence }));
    const late = interrupting(ports, "record.checkpoints.ofTask.commit", async () => {
      must(await releaseTask(ports, a.claims, "t", { fence }));
      const next = await hold(world, b, "t");
      must(await write(ports, b, { state: "successor's", taskId: "t", fence: next }));
    });
    expect(must(await write(late, a, { state: 3, taskId: "t", fence })).sequence).toBe(3);
    const read = must(await readTaskCheckpoint(ports, asOperator("a"), "t"));
    expect(read.checkpoint, "though its sequence is lower").toMatchObject({
      ...{ sessionId: "b", sequence: 1, state: "successor's" },
    });
    expect(await write(ports, a, { taskId: "t", fence })).toMatchObject({ refused: "lease.stale" });
    expect((await latest(ports, a)).sequence, "a refused one is none").toBe(3);
  });

  it("are the first and the last of it and the last 20 of its session; only others are let go", async () => {
    const { world, ports, a, fence } = await working();
    const released = new Set<number>();
    const watched = tapPorts(ports, ({ path, args }, run) => {
      if (path === "record.checkpoints.release") released.add((args[0] as { rev: number }).rev);
      return run();
    });
    /** 1 to 3 of the task, the rest of none. */
    for (let n = 1; n <= CHECKPOINTS_KEPT + 6; n++) {
      world.advance(600_000);
      must(await write(watched, a, { state: n, ...(n <= 3 && { taskId: "t", fence }) }));
    }
    expect([...released].sort((x, y) => x - y)).toEqual([2, 4, 5, 6]);
    expect(must(await readTaskCheckpoint(ports, asOperator("a"), "t")).checkpoint.state).toBe(3);
  });
});
