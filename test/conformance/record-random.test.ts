import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { GroupRecord, SessionRecord, TaskRecord } from "../../shared/contract/records.ts";
import type { Commit, Page, RecordStore } from "../../shared/ports/record.ts";
import {
  aBlockedTask,
  aCompletedTask,
  aFailedTask,
  aGroup,
  anAnswer,
  aQueuedTask,
  aSession,
  aSubmission,
  newFleet,
} from "./record-fixtures.ts";
import { type DynamoWorld, type RecordWorld, startDynamoWorld, startMemoryWorld } from "./record-worlds.ts";

/** How far back the document lies that a commit claims to replace; null claims that there is none. */
const stale = fc.constantFrom(0, 0, 0, 0, 1, 2, null);
const id = fc.constantFrom("a", "b", "c");
const dependency = fc.constantFrom("d1", "d2", "d3");
const limit = fc.integer({ min: 1, max: 3 });
const effectsPending = fc.boolean();
const taskVariant = fc.oneof(
  fc.record({ state: fc.constant("blocked" as const), waitingOn: fc.array(dependency) }),
  fc.record({ state: fc.constant("queued" as const) }),
  fc.record({ state: fc.constant("completed" as const), effectsPending }),
  fc.record({ state: fc.constant("failed" as const), effectsPending }),
);
const sessionState = fc.constantFrom("live", "draining", "recovering", "crashed", "ended");
const end = fc.constantFrom("completed", "failed", "cancelled", "void");

const command = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant("commitTask" as const), id, stale, variant: taskVariant }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("strike" as const), id, dependency }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant("commitSession" as const), id, stale, state: sessionState }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant("commitGroup" as const), id, stale, open: fc.boolean() }),
  },
  fc.record({ do: fc.constant("readTasks" as const), ids: fc.array(id), limit }),
  fc.record({ do: fc.constant("readSessions" as const), ids: fc.array(id), limit }),
  fc.record({ do: fc.constant("readGroups" as const), id, limit }),
  fc.record({ do: fc.constant("edge" as const), id, dependency, limit }),
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant("add" as const), id, completed: fc.array(fc.nat(4)) }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("mark" as const), id, index: fc.nat(4), end }) },
  fc.record({ do: fc.constant("close" as const), id }),
  fc.record({ do: fc.constant("readSubmissions" as const), limit }),
  fc.record({
    do: fc.constant("payload" as const),
    id,
    value: fc.jsonValue(),
    times: fc.constantFrom(1, 30),
  }),
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("keep" as const),
      id,
      hash: id,
      answered: fc.boolean(),
      livesMs: fc.nat(9),
    }),
  },
  fc.record({ do: fc.constant("readAnswer" as const), id }),
  fc.record({ do: fc.constant("advance" as const), ms: fc.nat(5) }),
);
type Command = typeof command extends fc.Arbitrary<infer C> ? C : never;

/** Documents that both stores returned, by kind and id: what later commits claim to replace. */
type Seen = Map<string, unknown[]>;

function taskOf(fleet: string, { id, variant }: Extract<Command, { do: "commitTask" }>): TaskRecord {
  if (variant.state === "blocked") return aBlockedTask(fleet, { id, waitingOn: variant.waitingOn });
  if (variant.state === "queued") return aQueuedTask(fleet, { id });
  const { effectsPending } = variant;
  return variant.state === "completed"
    ? aCompletedTask(fleet, { id, effectsPending })
    : aFailedTask(fleet, { id, effectsPending });
}

/** Neither store promises an order, so lists are compared sorted. */
const sorted = <T>(items: readonly T[]): T[] =>
  [...items].sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));

async function all<T>(read: (cursor: string | null) => Promise<Page<T>>): Promise<T[]> {
  const items: T[] = [];
  for (let cursor: string | null = null, pages = 0; pages < 100; pages++) {
    const page: Page<T> = await read(cursor);
    items.push(...page.items);
    if (page.cursor === null) return sorted(items);
    cursor = page.cursor;
  }
  throw new Error("the listing does not end");
}

async function commitBy<T>(commit: Commit<T>, seen: Seen, key: string, back: number | null, next: T) {
  const previous = back === null ? undefined : (seen.get(key)?.at(-1 - back) as T | undefined);
  return { key, document: await commit(previous ?? null, next) };
}

async function perform(world: RecordWorld, fleet: string, command: Command, seen: Seen): Promise<unknown> {
  const { record, clock } = world;
  const { group } = aSubmission(fleet);
  switch (command.do) {
    case "commitTask":
      return commitBy<TaskRecord>(
        record.tasks.commit,
        seen,
        `task ${command.id}`,
        command.stale,
        taskOf(fleet, command),
      );
    case "commitSession": {
      const next: SessionRecord = aSession(fleet, { id: command.id, state: command.state });
      return commitBy(record.sessions.commit, seen, `session ${command.id}`, command.stale, next);
    }
    case "commitGroup": {
      const next: GroupRecord = aGroup(fleet, { group: command.id, open: command.open });
      return commitBy(record.groups.commit, seen, `group ${command.id}`, command.stale, next);
    }
    case "strike": {
      const document = await record.tasks.strike(fleet, command.id, command.dependency);
      return { key: `task ${command.id}`, document };
    }
    case "readTasks": {
      const open = await all((cursor) => record.tasks.listOpen(fleet, cursor, command.limit));
      return [sorted(await record.tasks.getMany(fleet, command.ids)), open];
    }
    case "readSessions": {
      const list = (which: "live" | "past") =>
        all((cursor) => record.sessions.list(fleet, which, cursor, command.limit));
      return [
        sorted(await record.sessions.getMany(fleet, command.ids)),
        await list("live"),
        await list("past"),
      ];
    }
    case "readGroups": {
      const groups = await all((cursor) => record.groups.list(fleet, cursor, command.limit));
      return [await record.groups.get(fleet, command.id), groups];
    }
    case "edge":
      await record.edges.add(fleet, command.dependency, command.id);
      return all((cursor) => record.edges.list(fleet, command.dependency, cursor, command.limit));
    case "add":
      return record.submissions.add(aSubmission(fleet, { id: command.id, completed: command.completed }));
    case "mark":
      return record.submissions.mark(fleet, group, command.id, command.index, command.end);
    case "close":
      return record.submissions.close(fleet, group, command.id);
    case "readSubmissions": {
      const list = (which: "open" | "closed" | "all") =>
        all((cursor) => record.submissions.list(fleet, group, which, cursor, command.limit));
      return [await list("open"), await list("closed"), await list("all")];
    }
    case "payload":
      return roundTrip(record, fleet, command.id, new Array(command.times).fill(command.value));
    case "keep": {
      const { id: key, hash: requestHash, answered, livesMs } = command;
      const answer = answered ? { status: 200, sealed: requestHash } : null;
      const expiresAtMs = clock.nowMs() + livesMs;
      return record.answers.keep(anAnswer(fleet, { key, requestHash, answer, expiresAtMs }));
    }
    case "readAnswer":
      return record.answers.get(fleet, command.id);
    case "advance":
      clock.advance(command.ms);
      return null;
  }
}

async function roundTrip(record: RecordStore, fleet: string, task: string, value: unknown): Promise<unknown> {
  return record.payloads.get(fleet, task, await record.payloads.put(fleet, task, "data", value));
}

function remember(seen: Seen, outcome: unknown): void {
  if (typeof outcome !== "object" || outcome === null || !("key" in outcome) || !("document" in outcome))
    return;
  const { key, document } = outcome;
  if (typeof key === "string" && document !== null) seen.set(key, [...(seen.get(key) ?? []), document]);
}

let memory: RecordWorld;
let dynamo: DynamoWorld;
beforeAll(async () => {
  [memory, dynamo] = [await startMemoryWorld(), await startDynamoWorld()];
});
afterAll(async () => {
  await Promise.all([memory.stop(), dynamo.stop()]);
});

test(
  "whatever is done in whatever order, memory and DynamoDB answer the same",
  { timeout: 120_000 },
  async () => {
    const outcomes = { written: 0, refused: 0 };
    const property = fc.asyncProperty(
      fc.array(command, { minLength: 40, maxLength: 100 }),
      async (commands) => {
        const fleet = newFleet();
        const seen: Seen = new Map();
        for (const each of commands) {
          const expected = await perform(memory, fleet, each, seen);
          expect(await perform(dynamo, fleet, each, seen), JSON.stringify(each)).toEqual(expected);
          remember(seen, expected);
          if (each.do.startsWith("commit")) {
            const { document } = expected as { document: unknown };
            outcomes[document === null ? "refused" : "written"]++;
          }
        }
      },
    );
    await fc.assert(property, { numRuns: 25 });
    // Commits that are never refused, or never written, would compare little.
    expect(Math.min(outcomes.refused, outcomes.written)).toBeGreaterThan(60);
  },
);
