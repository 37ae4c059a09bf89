import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { SessionRecord } from "../../shared/contract/records.ts";
import type { Commit, Page } from "../../shared/ports/record.ts";
import {
  aBlockedTask,
  aCompletedTask,
  aFailedTask,
  aFleet,
  aGroup,
  aHost,
  aKey,
  anAnswer,
  aQueuedTask,
  aSession,
  aSubmission,
  aSweep,
  newFleet,
} from "./record-fixtures.ts";
import type { RecordWorld } from "./record-worlds.ts";

/** Every page of a listing, checking that none is larger than asked and that only the last says it is. */
export async function allPages<T>(
  limit: number,
  read: (cursor: string | null) => Promise<Page<T>>,
): Promise<T[]> {
  const items: T[] = [];
  let cursor: string | null = null;
  for (let pages = 0; pages < 1_000; pages++) {
    const page: Page<T> = await read(cursor);
    expect(page.items.length).toBeLessThanOrEqual(limit);
    items.push(...page.items);
    if (page.cursor === null) return items;
    expect(page.items).toHaveLength(limit);
    cursor = page.cursor;
  }
  throw new Error("the listing does not end");
}

/** A document that must be there, or the test is wrong. */
export async function committed<T>(commit: Commit<T>, previous: T | null, next: T): Promise<T> {
  const written = await commit(previous, next);
  if (written === null) throw new Error("the commit was refused");
  return written;
}

const ids = (count: number, prefix: string) =>
  Array.from({ length: count }, (_, index) => `${prefix}_${index}`);

/** What every RecordStore promises. The world is started once; each test has a fleet of its own. */
export function testRecord(name: string, start: () => Promise<RecordWorld>): void {
  describe(`record on ${name}`, () => {
    let world: RecordWorld;
    beforeAll(async () => {
      world = await start();
    });
    afterAll(() => world.stop());

    testCommits(() => world);
    testSessions(() => world);
    testTasks(() => world);
    testEdgesAndGroups(() => world);
    testSubmissions(() => world);
    testSubmissionOrder(() => world);
    testPayloads(() => world);
    testAnswers(() => world);
  });
}

function testCommits(world: () => RecordWorld): void {
  test("a commit returns what then is read, its rev one higher", async () => {
    const { hosts } = world().record;
    const fleet = newFleet();
    const first = await committed(hosts.commit, null, aHost(fleet));
    expect(first).toEqual(aHost(fleet, { rev: 1 }));
    const second = await committed(hosts.commit, first, { ...first, boot: "boot-2" });
    expect(second).toEqual(aHost(fleet, { rev: 2, boot: "boot-2" }));
    expect(await hosts.get(fleet, "host-1")).toEqual(second);
  });

  test("a commit over an older document changes nothing", async () => {
    const { hosts } = world().record;
    const fleet = newFleet();
    const first = await committed(hosts.commit, null, aHost(fleet));
    const second = await committed(hosts.commit, first, { ...first, boot: "boot-2" });
    expect(await hosts.commit(first, { ...first, boot: "boot-3" })).toBeNull();
    expect(await hosts.commit(null, aHost(fleet, { boot: "boot-4" }))).toBeNull();
    expect(await hosts.get(fleet, "host-1")).toEqual(second);
  });

  test("a commit over a document that never was writes nothing", async () => {
    const { hosts } = world().record;
    const fleet = newFleet();
    expect(await hosts.commit(aHost(fleet, { rev: 1 }), aHost(fleet, { boot: "boot-2" }))).toBeNull();
    expect(await hosts.get(fleet, "host-1")).toBeNull();
  });

  test("of many commits over one document exactly one is written", async () => {
    const { hosts } = world().record;
    const fleet = newFleet();
    const first = await committed(hosts.commit, null, aHost(fleet));
    const tries = ids(10, "boot").map((boot) => hosts.commit(first, { ...first, boot }));
    const written = (await Promise.all(tries)).filter((document) => document !== null);
    expect(written).toHaveLength(1);
    expect(await hosts.get(fleet, "host-1")).toEqual(written[0]);
  });

  test("a commit that would replace another document is a bug and throws", async () => {
    const { hosts } = world().record;
    const fleet = newFleet();
    const first = await committed(hosts.commit, null, aHost(fleet));
    await expect(hosts.commit(first, { ...first, id: "host-2" })).rejects.toThrow(/replaces one document/);
  });

  test("a document that breaks its schema is not written", async () => {
    const { hosts } = world().record;
    const fleet = newFleet();
    await expect(hosts.commit(null, aHost(fleet, { id: "no spaces" }))).rejects.toThrow();
    expect(await hosts.get(fleet, "no spaces")).toBeNull();
  });

  test("changing what was committed or read changes nothing stored", async () => {
    const { sessions } = world().record;
    const fleet = newFleet();
    const given = aSession(fleet);
    const written = await committed(sessions.commit, null, given);
    const read = await sessions.get(fleet, "ses_1");
    // What is handed out may be a copy, or frozen.
    for (const session of [given, written, read])
      if (session !== null) Reflect.set(session.held, "task_2", 9);
    expect(await sessions.get(fleet, "ses_1")).toEqual(aSession(fleet, { rev: 1 }));
  });

  test("fleets and keys are listed, each fleet's keys apart", async () => {
    const { fleets, keys } = world().record;
    const [a, b] = [newFleet(), newFleet()];
    const written = [
      await committed(fleets.commit, null, aFleet(a)),
      await committed(fleets.commit, null, aFleet(b)),
    ];
    expect(await fleets.list()).toEqual(expect.arrayContaining(written));
    expect(await fleets.get(a)).toEqual(written[0]);

    const key = await committed(keys.commit, null, aKey(a, { name: "laptop" }));
    await committed(keys.commit, null, aKey(b));
    expect(await keys.list(a)).toEqual([key]);
    expect(await keys.get(a, key.id)).toEqual(key);
    expect(await keys.get(newFleet(), key.id)).toBeNull();
  });

  test("what a session has shown is one document, read by itself or with others", async () => {
    const { performances } = world().record;
    const fleet = newFleet();
    const shown = { type: "a/b", weight: 1.5, meanMs: 12.25, success: 0.5, seenAtMs: 7 };
    const given = { v: 1 as const, rev: 0, fleet, session: "s1", types: [shown], counted: ["t/1"] };
    const first = await committed(performances.commit, null, given);
    const second = await committed(performances.commit, null, { ...given, session: "s2", types: [] });
    expect(await performances.get(fleet, "s1")).toEqual({ ...given, rev: 1 });
    const many = await performances.getMany(fleet, ["s2", "s1", "s3"]);
    expect(many.sort((a, b) => (a.session < b.session ? -1 : 1))).toEqual([first, second]);
    expect(await performances.get(newFleet(), "s1")).toBeNull();
  });

  test("a semaphore is one document, read by itself or with others", async () => {
    const { semaphores } = world().record;
    const fleet = newFleet();
    const given = { v: 1 as const, rev: 0, fleet, id: "key:a/b:c", permits: { t1: { s1: 3, s2: 4 } } };
    const first = await committed(semaphores.commit, null, given);
    const other = await committed(semaphores.commit, null, { ...given, id: "type:t", permits: {} });
    expect(await semaphores.get(fleet, "key:a/b:c")).toEqual({ ...given, rev: 1 });
    const many = await semaphores.getMany(fleet, ["type:t", "key:a/b:c", "key:none", "type:t"]);
    expect(many.sort((a, b) => (a.id < b.id ? -1 : 1))).toEqual([first, other]);
    expect(await semaphores.getMany(fleet, [])).toEqual([]);
    expect(await semaphores.get(newFleet(), "type:t")).toBeNull();
    expect(await semaphores.commit(null, given)).toBeNull();
  });

  test("the sweep's lease is one document", async () => {
    const { sweep } = world().record;
    const first = await committed(sweep.commit, await sweep.get(), aSweep());
    expect(await sweep.commit(null, aSweep({ holder: "sweep-2" }))).toBeNull();
    const next = await committed(sweep.commit, first, aSweep({ holder: "sweep-3" }));
    expect(await sweep.get()).toEqual(next);
  });
}

function testSessions(world: () => RecordWorld): void {
  test("a session is listed as live until it has crashed or ended, and then as past", async () => {
    const { sessions } = world().record;
    const fleet = newFleet();
    const list = (which: "live" | "past") =>
      allPages(10, (cursor) => sessions.list(fleet, which, cursor, 10));
    let session: SessionRecord | null = null;
    const states = ["live", "draining", "recovering", "crashed", "live", "ended"] as const;
    for (const state of states) {
      session = await committed(sessions.commit, session, aSession(fleet, { state }));
      const past = state === "crashed" || state === "ended";
      expect([await list("live"), await list("past")]).toEqual(past ? [[], ["ses_1"]] : [["ses_1"], []]);
    }
  });

  test("getMany finds any number, once each, and leaves out what does not exist", async () => {
    const { sessions } = world().record;
    const fleet = newFleet();
    const all = ids(130, "ses");
    await Promise.all(all.map((id) => sessions.commit(null, aSession(fleet, { id }))));
    const found = await sessions.getMany(fleet, [...all, "nobody", ...all]);
    expect(found.map(({ id }) => id).sort()).toEqual([...all].sort());
    expect(await sessions.getMany(fleet, [])).toEqual([]);
    expect(await sessions.getMany(newFleet(), all)).toEqual([]);
  });

  test("a listing of any page size gives each member once and knows its end", async () => {
    const { sessions } = world().record;
    const fleet = newFleet();
    const all = ids(23, "ses");
    await Promise.all(all.map((id) => sessions.commit(null, aSession(fleet, { id }))));
    for (const limit of [1, 5, 22, 23, 24]) {
      const listed = await allPages(limit, (cursor) => sessions.list(fleet, "live", cursor, limit));
      expect(listed.sort()).toEqual([...all].sort());
    }
    expect(await sessions.list(newFleet(), "live", null, 5)).toEqual({ items: [], cursor: null });
  });

  test("a listing goes on where it was though members left meanwhile", async () => {
    const { sessions } = world().record;
    const fleet = newFleet();
    const all = await Promise.all(
      ids(12, "ses").map((id) => committed(sessions.commit, null, aSession(fleet, { id }))),
    );
    const first = await sessions.list(fleet, "live", null, 5);
    for (const session of all.filter(({ id }) => first.items.includes(id))) {
      await committed<SessionRecord>(sessions.commit, session, { ...session, state: "ended" });
    }
    const rest = await allPages(5, (cursor) => sessions.list(fleet, "live", cursor ?? first.cursor, 5));
    expect([...first.items, ...rest].sort()).toEqual(all.map(({ id }) => id).sort());
  });

  test("a cursor that is none is refused", async () => {
    await expect(world().record.sessions.list(newFleet(), "live", "elsewhere", 5)).rejects.toThrow(/cursor/);
    await expect(world().record.sessions.list(newFleet(), "live", null, 0)).rejects.toThrow();
  });
}

function testTasks(world: () => RecordWorld): void {
  const listOpen = (fleet: string) =>
    allPages(10, (cursor) => world().record.tasks.listOpen(fleet, cursor, 10));

  test("a task is open until it has ended and told everyone, and again after a redrive", async () => {
    const { tasks } = world().record;
    const fleet = newFleet();
    const queued = await committed(tasks.commit, null, aQueuedTask(fleet));
    expect(await listOpen(fleet)).toEqual(["task_1"]);
    const failed = await committed(tasks.commit, queued, aFailedTask(fleet));
    expect(await listOpen(fleet)).toEqual(["task_1"]);
    const told = await committed(tasks.commit, failed, aFailedTask(fleet, { effectsPending: false }));
    expect(await listOpen(fleet)).toEqual([]);
    await committed(tasks.commit, told, aQueuedTask(fleet));
    expect(await listOpen(fleet)).toEqual(["task_1"]);
  });

  test("a dead letter is listed once everyone was told of its end, until it is redriven", async () => {
    const { tasks } = world().record;
    const fleet = newFleet();
    const listDead = () => allPages(2, (cursor) => tasks.listDead(fleet, cursor, 2));
    const pending = await committed(tasks.commit, null, aFailedTask(fleet));
    expect(await listDead()).toEqual([]);
    const dead = await committed(tasks.commit, pending, aFailedTask(fleet, { effectsPending: false }));
    for (const id of ["task_2", "task_3", "task_4"])
      await committed(tasks.commit, null, aFailedTask(fleet, { id, effectsPending: false }));
    await committed(tasks.commit, null, aCompletedTask(fleet, { id: "task_5", effectsPending: false }));
    const first = await listDead();
    expect([...first].sort()).toEqual(["task_1", "task_2", "task_3", "task_4"]);
    expect(await listDead()).toEqual(first);
    expect(await tasks.listDead(newFleet(), null, 5)).toEqual({ items: [], cursor: null });
    await committed(tasks.commit, dead, aQueuedTask(fleet));
    expect(await listDead()).toEqual(first.filter((id) => id !== "task_1"));
  });

  test("every state of a task reads back as it was written", async () => {
    const { tasks } = world().record;
    const fleet = newFleet();
    const owner = { session: "ses_1", epoch: 2, host: "host-1" };
    const states = [
      aBlockedTask(fleet, { id: "blocked", affinity: { session: "ses_1", required: true } }),
      aBlockedTask(fleet, { id: "unblocked", waitingOn: [] }),
      aBlockedTask(fleet, {
        id: "skipped",
        onFailure: { dep_1: "skip", "dep.2": "run" },
        skippedBy: "dep_1",
      }),
      aQueuedTask(fleet, { id: "queued", error: { message: "crashed 💥 \u0000", code: "session.crashed" } }),
      { ...aQueuedTask(fleet, { id: "assigned" }), state: "assigned" as const, owner },
      {
        ...aQueuedTask(fleet, { id: "running", progress: { percent: 33.333333333333336, message: "" } }),
        state: "running" as const,
        owner,
        startedAtMs: 5,
        timeoutAtMs: null,
      },
      aCompletedTask(fleet, { id: "completed" }),
      aFailedTask(fleet, { id: "failed" }),
      {
        ...aQueuedTask(fleet, { id: "cancelled" }),
        state: "cancelled" as const,
        endedAtMs: 6,
        lastHolder: { session: "ses_1", epoch: 1, fence: 3 },
        effectsPending: false,
      },
    ];
    for (const task of states) {
      const written = await committed(tasks.commit, null, task);
      expect(written).toMatchObject({ id: task.id, state: task.state, rev: 1 });
      expect(await tasks.get(fleet, task.id)).toEqual(written);
    }
    const found = await tasks.getMany(
      fleet,
      states.map(({ id }) => id),
    );
    expect(found).toHaveLength(states.length);
  });

  test("a strike removes one dependency, once, and makes an earlier read stale", async () => {
    const { tasks } = world().record;
    const fleet = newFleet();
    const before = await committed(tasks.commit, null, aBlockedTask(fleet));
    const struck = await tasks.strike(fleet, "task_1", "dep_1");
    expect(struck).toMatchObject({ state: "blocked", waitingOn: ["dep_2"], rev: 2 });
    expect(await tasks.strike(fleet, "task_1", "dep_1")).toEqual(struck);
    expect(await tasks.commit(before, aQueuedTask(fleet))).toBeNull();

    const ready = await tasks.strike(fleet, "task_1", "dep_2");
    expect(ready).toMatchObject({ waitingOn: [], rev: 3 });
    expect(await tasks.strike(fleet, "task_1", "dep_2")).toEqual(ready);
    await committed(tasks.commit, ready, aQueuedTask(fleet));
  });

  test("a strike keeps the policies of the edges, and which dependency skips the task", async () => {
    const { tasks } = world().record;
    const fleet = newFleet();
    const edges = { onFailure: { dep_3: "skip" as const }, skippedBy: "dep_3" };
    await committed(tasks.commit, null, aBlockedTask(fleet, edges));
    expect(await tasks.strike(fleet, "task_1", "dep_1")).toMatchObject({ ...edges, waitingOn: ["dep_2"] });
  });

  test("many completers strike at once and none is lost", async () => {
    const { tasks } = world().record;
    const fleet = newFleet();
    const waitingOn = ids(20, "dep");
    await committed(tasks.commit, null, aBlockedTask(fleet, { waitingOn }));
    await Promise.all(waitingOn.map((dependency) => tasks.strike(fleet, "task_1", dependency)));
    expect(await tasks.get(fleet, "task_1")).toMatchObject({ waitingOn: [], rev: 21 });
  });

  test("a strike leaves tasks that are not blocked as they are, and finds none where there is none", async () => {
    const { tasks } = world().record;
    const fleet = newFleet();
    const queued = await committed(tasks.commit, null, aQueuedTask(fleet));
    expect(await tasks.strike(fleet, "task_1", "dep_1")).toEqual(queued);
    expect(await tasks.strike(fleet, "task_2", "dep_1")).toBeNull();
    expect(await tasks.get(fleet, "task_2")).toBeNull();
    expect(await listOpen(fleet)).toEqual(["task_1"]);
  });

  test("a redriven task keeps data that its end had let expire", async () => {
    const { tasks, payloads } = world().record;
    const fleet = newFleet();
    const value = { text: "x".repeat(500) };
    const data = await payloads.put(fleet, "task_1", "data", value);
    const queued = await committed(tasks.commit, null, aQueuedTask(fleet, { data }));
    const failed = await committed(tasks.commit, queued, aFailedTask(fleet, { data, effectsPending: false }));
    await committed(tasks.commit, failed, aQueuedTask(fleet, { data }));
    expect(await payloads.get(fleet, "task_1", data)).toEqual(value);
  });
}

function testEdgesAndGroups(world: () => RecordWorld): void {
  test("edges are listed under their dependency, once each, past one page", async () => {
    const { edges } = world().record;
    const fleet = newFleet();
    const dependents = ids(7, "task");
    for (const dependent of [...dependents, ...dependents]) await edges.add(fleet, "dep_1", dependent);
    await edges.add(fleet, "dep_10", "task_other");
    const listed = await allPages(3, (cursor) => edges.list(fleet, "dep_1", cursor, 3));
    expect(listed.sort()).toEqual(dependents);
    expect(await edges.list(newFleet(), "dep_1", null, 3)).toEqual({ items: [], cursor: null });
  });

  test("groups of any name are listed, past one page, each fleet's apart", async () => {
    const { groups } = world().record;
    const [fleet, other] = [newFleet(), newFleet()];
    const names = ["-", "nightly:a/b@c+d", ".", "..", ...ids(9, "group")];
    const written = await Promise.all(
      names.map((group) => committed(groups.commit, null, aGroup(fleet, { group }))),
    );
    await committed(groups.commit, null, aGroup(other));
    const listed = await allPages(4, (cursor) => groups.list(fleet, cursor, 4));
    expect(listed).toHaveLength(names.length);
    expect(listed).toEqual(expect.arrayContaining(written));
    expect(await groups.get(fleet, "nightly:a/b@c+d")).toEqual(written[1]);
    expect(await groups.get(fleet, "nobody")).toBeNull();
  });
}

function testSubmissions(world: () => RecordWorld): void {
  const group = aSubmission("").group;
  const list = (fleet: string, which: "open" | "closed") =>
    allPages(2, (cursor) => world().record.submissions.list(fleet, group, which, cursor, 2));

  test("marks are sets: repeating one changes nothing, and they read back sorted", async () => {
    const { submissions } = world().record;
    const fleet = newFleet();
    await submissions.add(aSubmission(fleet));
    for (const index of [10, 2, 0, 2]) await submissions.mark(fleet, group, "sub_1", index, "completed");
    await submissions.mark(fleet, group, "sub_1", 1, "void");
    expect(await list(fleet, "open")).toEqual([aSubmission(fleet, { completed: [0, 2, 10], void: [1] })]);
  });

  test("adding a submission again keeps what was marked", async () => {
    const { submissions } = world().record;
    const fleet = newFleet();
    await submissions.add(aSubmission(fleet, { failed: [2, 1, 2] }));
    await submissions.mark(fleet, group, "sub_1", 0, "cancelled");
    await submissions.add(aSubmission(fleet, { members: ["task_9"] }));
    expect(await list(fleet, "open")).toEqual([aSubmission(fleet, { failed: [1, 2], cancelled: [0] })]);
  });

  test("a closed submission stays closed as it was, whatever is repeated", async () => {
    const { submissions } = world().record;
    const fleet = newFleet();
    await submissions.add(aSubmission(fleet));
    await submissions.mark(fleet, group, "sub_1", 0, "completed");
    await submissions.close(fleet, group, "sub_1");
    await submissions.close(fleet, group, "sub_1");
    await submissions.add(aSubmission(fleet));
    await submissions.mark(fleet, group, "sub_1", 1, "failed");
    expect(await list(fleet, "open")).toEqual([]);
    expect(await list(fleet, "closed")).toEqual([aSubmission(fleet, { completed: [0] })]);
  });

  test("marking or closing an unknown submission does nothing", async () => {
    const { submissions } = world().record;
    const fleet = newFleet();
    await submissions.mark(fleet, group, "sub_1", 0, "completed");
    await submissions.close(fleet, group, "sub_1");
    expect([await list(fleet, "open"), await list(fleet, "closed")]).toEqual([[], []]);
  });

  test("open and closed submissions of a group are listed apart, past one page", async () => {
    const { submissions } = world().record;
    const fleet = newFleet();
    for (const id of ids(7, "sub")) await submissions.add(aSubmission(fleet, { id }));
    for (const id of ["sub_1", "sub_3", "sub_5"]) await submissions.close(fleet, group, id);
    await submissions.add(aSubmission(fleet, { group: "another" }));
    const idsOf = async (which: "open" | "closed") => (await list(fleet, which)).map(({ id }) => id).sort();
    expect(await idsOf("open")).toEqual(["sub_0", "sub_2", "sub_4", "sub_6"]);
    expect(await idsOf("closed")).toEqual(["sub_1", "sub_3", "sub_5"]);
  });
}

function testSubmissionOrder(world: () => RecordWorld): void {
  const group = aSubmission("").group;

  test("all submissions of a group are listed by id, open or closed, from after any id on", async () => {
    const { submissions } = world().record;
    const fleet = newFleet();
    const names = ["sub_a", "sub_B", "sub_-", "sub__", "sub_0", "sub_9"];
    const inOrder = ["sub_-", "sub_0", "sub_9", "sub_B", "sub__", "sub_a"];
    for (const id of names) await submissions.add(aSubmission(fleet, { id }));
    for (const id of ["sub_0", "sub_a"]) await submissions.close(fleet, group, id);
    const list = async (cursor: string | null, limit: number) => {
      const page = await submissions.list(fleet, group, "all", cursor, limit);
      return [page.items.map(({ id }) => id), page.cursor];
    };
    expect(await list(null, 6)).toEqual([inOrder, null]);
    expect(await list(null, 2)).toEqual([["sub_-", "sub_0"], "sub_0"]);
    expect(await list("sub_0", 4)).toEqual([inOrder.slice(2), null]);
    expect(await list("sub_1", 1)).toEqual([["sub_9"], "sub_9"]);
    expect(await list("sub_a", 1)).toEqual([[], null]);
  });

  test("a submission that is closed between two pages keeps its place", async () => {
    const { submissions } = world().record;
    const fleet = newFleet();
    for (const id of ids(6, "sub")) await submissions.add(aSubmission(fleet, { id }));
    const first = await submissions.list(fleet, group, "all", null, 3);
    for (const id of ["sub_1", "sub_4"]) await submissions.close(fleet, group, id);
    const second = await submissions.list(fleet, group, "all", first.cursor, 3);
    expect([...first.items, ...second.items].map(({ id }) => id)).toEqual(ids(6, "sub"));
    expect(second.cursor).toBeNull();
  });
}

function testPayloads(world: () => RecordWorld): void {
  test.each([
    ["null", null],
    ["an empty text", ""],
    ["a number", -1.5e300],
    ["unicode, also broken", { "ключ 🔑": "日本語 \u0000 \ud800 \u2028" }],
    [
      "a key that means something to JavaScript",
      JSON.parse('{"__proto__":{"a":1},"constructor":2}') as unknown,
    ],
    ["item size", { text: "é".repeat(600) }],
    ["object size", Array.from({ length: 20_000 }, (_, index) => Math.sin(index))],
  ])("a payload comes back as it was: %s", async (_, value) => {
    const { payloads } = world().record;
    const fleet = newFleet();
    const ref = await payloads.put(fleet, "task_1", "data", value);
    expect(await payloads.get(fleet, "task_1", ref)).toEqual(value);
    expect(await payloads.put(fleet, "task_1", "data", value)).toEqual(ref);
  });

  test("a payload that was not given reads as null", async () => {
    const { payloads } = world().record;
    const ref = await payloads.put("default", "task_1", "data", undefined);
    expect(await payloads.get("default", "task_1", ref)).toBeNull();
  });

  test("a payload is inline up to 400 bytes of UTF-8 and not beyond", async () => {
    const { payloads } = world().record;
    const fleet = newFleet();
    const put = async (text: string) => (await payloads.put(fleet, "task_1", "data", text)).at;
    expect(await put("x".repeat(398))).toBe("inline");
    expect(await put("x".repeat(399))).not.toBe("inline");
    expect(await put("é".repeat(199))).toBe("inline");
    expect(await put("é".repeat(199) + "x")).not.toBe("inline");
  });

  test("a payload that is put later never replaces what an earlier one's reference names", async () => {
    const { payloads } = world().record;
    const fleet = newFleet();
    const [first, second] = ["a", "b"].map((letter) => letter.repeat(1_000));
    const ref = await payloads.put(fleet, "task_1", "result.1", first);
    await payloads.put(fleet, "task_1", "result.1", second);
    expect(await payloads.get(fleet, "task_1", ref)).toBe(first);
  });

  test("a payload is found only by its own task and fleet", async () => {
    const { payloads } = world().record;
    const fleet = newFleet();
    const ref = await payloads.put(fleet, "task_1", "data", "x".repeat(1_000));
    await expect(payloads.get(fleet, "task_2", ref)).rejects.toThrow(/not there/);
    await expect(payloads.get(newFleet(), "task_1", ref)).rejects.toThrow(/not there/);
  });
}

function testAnswers(world: () => RecordWorld): void {
  test("the first answer is kept and everyone is given it", async () => {
    const { answers } = world().record;
    const first = anAnswer(newFleet());
    expect(await answers.keep(first)).toEqual(first);
    const second = { ...first, requestHash: "other", answer: { status: 500, sealed: "no" } };
    expect(await answers.keep(second)).toEqual(first);
    expect(await answers.get(first.fleet, first.key)).toEqual(first);
  });

  test("a request without its answer yet gives way to the answer, and never the reverse", async () => {
    const { answers } = world().record;
    const answered = anAnswer(newFleet());
    const pending = { ...answered, answer: null };
    expect(await answers.keep(pending)).toEqual(pending);
    expect(await answers.get(answered.fleet, answered.key)).toEqual(pending);
    expect(await answers.keep(answered)).toEqual(answered);
    expect(await answers.keep(pending)).toEqual(answered);
  });

  test("a request is forgotten only while it has no answer", async () => {
    const { answers } = world().record;
    const answered = anAnswer(newFleet());
    await answers.drop(answered.fleet, answered.key);
    await answers.keep({ ...answered, answer: null });
    await answers.drop(answered.fleet, answered.key);
    expect(await answers.get(answered.fleet, answered.key)).toBeNull();
    await answers.keep(answered);
    await answers.drop(answered.fleet, answered.key);
    expect(await answers.get(answered.fleet, answered.key)).toEqual(answered);
  });

  test("an answer past its time is as if it never was", async () => {
    const { clock, record } = world();
    const first = anAnswer(newFleet(), { expiresAtMs: clock.nowMs() + 100 });
    await record.answers.keep(first);
    clock.advance(100);
    expect(await record.answers.get(first.fleet, first.key)).toEqual(first);
    clock.advance(1);
    expect(await record.answers.get(first.fleet, first.key)).toBeNull();
    const second = { ...first, requestHash: "other", expiresAtMs: clock.nowMs() + 100 };
    expect(await record.answers.keep(second)).toEqual(second);
    expect(await record.answers.get(first.fleet, first.key)).toEqual(second);
  });

  test("answers of one key in two fleets are two", async () => {
    const { answers } = world().record;
    const mine = await answers.keep(anAnswer(newFleet()));
    const theirs = await answers.keep(anAnswer(newFleet(), { requestHash: "other" }));
    expect(await answers.get(mine.fleet, mine.key)).toEqual(mine);
    expect(await answers.get(theirs.fleet, theirs.key)).toEqual(theirs);
  });
}
