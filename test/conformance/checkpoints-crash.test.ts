import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { isRefusal } from "../../shared/contract/errors.ts";
import type { SessionClaims } from "../../shared/domain/tokens.ts";
import { writeCheckpoint } from "../../shared/operations/write-checkpoint.ts";
import type { Ports } from "../../shared/ports/ports.ts";
import { CrashError, changesStore, tapPorts } from "../fixtures/crash-points.ts";
import { createWorld } from "../fixtures/memory-world.ts";
import { newFleet, aSession, aQueuedTask } from "./record-fixtures.ts";
import { type RecordWorld, startDynamoWorld, startMemoryWorld } from "./record-worlds.ts";

const SESSION = "ses_1";
const TASKS = ["task_1", "task_2"] as const;
const FENCE = 3;

/** One request for a checkpoint: of which task, and after which of its effects its function is killed, if it is. */
const writing = fc.record({
  task: fc.constantFrom(null, ...TASKS),
  dies: fc.option(fc.integer({ min: 1, max: 6 }), { nil: null, freq: 2 }),
});
/** A request, and one more that runs through just before one of its calls. */
const step = fc.record({
  ask: writing,
  meanwhile: fc.option(fc.record({ ask: writing, before: fc.integer({ min: 1, max: 12 }) }), {
    nil: null,
    freq: 3,
  }),
  passesMs: fc.constantFrom(0, 1_000, 150_000),
});
type Writing = { readonly task: string | null; readonly dies: number | null };

/** Ports of a function that is killed right after its n-th effect. */
function mortal(ports: Ports, dies: number | null): Ports {
  let effects = 0;
  return tapPorts(ports, async ({ path }, run) => {
    if (dies !== null && effects >= dies) throw new CrashError("again");
    const result = await run();
    if (changesStore(path) && ++effects === dies) throw new CrashError(`after ${path}`);
    return result;
  });
}

function before(ports: Ports, nth: number, act: () => Promise<unknown>): Ports {
  let calls = 0;
  return tapPorts(ports, async (_, run) => {
    if (++calls === nth) await act();
    return run();
  });
}

async function seeded(world: RecordWorld) {
  const fleet = newFleet();
  const { record, clock } = world;
  const held = Object.fromEntries(TASKS.map((id) => [id, FENCE]));
  await record.sessions.commit(null, aSession(fleet, { id: SESSION, held }));
  for (const id of TASKS)
    await record.tasks.commit(null, {
      ...aQueuedTask(fleet, { id, fence: FENCE, attempt: 1 }),
      ...{ state: "running", startedAtMs: clock.nowMs(), timeoutAtMs: null },
      owner: { session: SESSION, epoch: 1, host: "host-1" },
    });
  const ports: Ports = {
    ...createWorld().ports,
    record,
    clock: { nowMs: () => clock.nowMs(), wait: async () => undefined },
  };
  return { fleet, ports, claims: { fleet, session: SESSION, epoch: 1 } as SessionClaims };
}

async function check(
  world: RecordWorld,
  commands: readonly (typeof step extends fc.Arbitrary<infer S> ? S : never)[],
) {
  const { fleet, ports, claims } = await seeded(world);
  const { checkpoints } = world.record;
  const acknowledged: number[] = [];
  const ofTask = new Map<string, number>();
  let asked = 0;
  let seen = 0;

  async function write(by: Ports, { task, dies }: Writing): Promise<void> {
    const state = { n: ++asked };
    const request = { trigger: "interval", state, ...(task === null ? {} : { taskId: task, fence: FENCE }) };
    try {
      const written = await writeCheckpoint(mortal(by, dies), claims, request);
      if (isRefusal(written)) throw new Error(`refused: ${written.refused}`);
      acknowledged.push(written.sequence);
      if (task !== null) ofTask.set(task, Math.max(written.sequence, ofTask.get(task) ?? 0));
    } catch (error) {
      if (!(error instanceof CrashError)) throw error;
    }
  }

  /** At any moment at which a reader may come. */
  async function readable(): Promise<void> {
    const latest = await checkpoints.latest(fleet, SESSION);
    const sequence = latest?.rev ?? 0;
    expect(sequence, "sequences rise").toBeGreaterThanOrEqual(Math.max(seen, ...acknowledged));
    seen = sequence;
    if (latest) expect(await checkpoints.body(fleet, SESSION, latest.body), "the latest").not.toBeNull();
    for (const task of TASKS) {
      const pointer = await checkpoints.ofTask.get(fleet, task);
      expect(pointer?.sequence ?? 0, `what ${task} points to`).toBeGreaterThanOrEqual(ofTask.get(task) ?? 0);
      if (!pointer) continue;
      ofTask.set(task, pointer.sequence);
      expect(await checkpoints.body(fleet, SESSION, pointer.body), `of ${task}`).not.toBeNull();
      await firstIsThere(pointer.first?.sequence ?? 0, sequence);
    }
  }

  async function firstIsThere(first: number, newest: number): Promise<void> {
    if (first === newest) return;
    const filed = await checkpoints.filed(fleet, SESSION, first);
    expect(filed && (await checkpoints.body(fleet, SESSION, filed.body)), "the first").not.toBeNull();
  }

  for (const { ask, meanwhile, passesMs } of commands) {
    world.clock.advance(passesMs);
    const watched = tapPorts(ports, async ({ path }, run) => {
      const result = await run();
      if (changesStore(path)) await readable();
      return result;
    });
    const other = meanwhile && (() => write(watched, meanwhile.ask));
    await write(other ? before(watched, meanwhile.before, other) : watched, ask);
  }
  expect(new Set(acknowledged).size, "no sequence is given twice").toBe(acknowledged.length);
  for (let sequence = Math.max(1, seen - 19); sequence < seen; sequence++)
    expect(await checkpoints.filed(fleet, SESSION, sequence), `one of the last: ${sequence}`).not.toBeNull();
}

describe.each([
  ["memory", startMemoryWorld, { numRuns: 120, maxLength: 60 }],
  ["DynamoDB and S3", startDynamoWorld, { numRuns: 8, maxLength: 40 }],
] as const)("on %s", (_, start: () => Promise<RecordWorld>, { numRuns, maxLength }) => {
  let world: RecordWorld;
  beforeAll(async () => {
    world = await start();
  });
  afterAll(() => world.stop());

  test("sequences rise, the latest and what tasks point to are readable, and the last 20 are there, wherever functions are killed between state, filing, commit and pointer", async () => {
    const commands = fc.array(step, { minLength: 1, maxLength, size: "max" });
    await fc.assert(
      fc.asyncProperty(commands, (given) => check(world, given)),
      { numRuns },
    );
  }, 120_000);
});
