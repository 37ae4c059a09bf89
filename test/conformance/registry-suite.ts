import { describe, expect, test } from "vitest";
import type { SignalsMinute } from "../../shared/contract/signals.ts";
import type { Desired, HostMinute, Incarnation, Registry, Reported } from "../../shared/ports/registry.ts";
import type { Store } from "./redis-stores.ts";

export const FLEET = "alpha";

export function incarnation(session: string, overrides: Partial<Incarnation> = {}): Incarnation {
  return { fleet: FLEET, host: "host-1", session, epoch: 1, ...overrides };
}

export function desired(overrides: Partial<Desired> = {}): Desired {
  return {
    rev: 1,
    epoch: 1,
    host: "host-1",
    state: "live",
    capacity: 3,
    keyId: "key_1",
    tasks: {},
    stopping: {},
    restart: false,
    ...overrides,
  };
}

export function reported(overrides: Partial<Reported> = {}): Reported {
  return { boot: "boot-1", epoch: 1, seq: 1, activity: "working", tasks: {}, ...overrides };
}

export function aMinute(overrides: Partial<SignalsMinute> = {}): SignalsMinute {
  const said = { epoch: 2, atMs: 1_753_000_000_123, zone: "warning", signals: { contextUsed: 0.6 } } as const;
  return { v: 1, fleet: FLEET, host: "host-1", minute: 29_216_666, sessions: { a: said }, ...overrides };
}

/** What every registry guarantees. */
export function describeRegistry(store: Store<Registry>): void {
  describe("deadlines", () => {
    describeDeadlines(store);
  });
  describe("documents", () => {
    describeDocuments(store);
  });
  describe("room", () => {
    describeRoom(store);
  });
}

function describeDeadlines(store: Store<Registry>): void {
  const [a, b, c] = [incarnation("a"), incarnation("b"), incarnation("c")];

  test("a beat moves the deadlines that exist and revives none that was taken away", async () => {
    await store.port.extend([a, b], 100);
    await store.port.forget([b]);
    expect(await store.port.beat([a, b, c], 200)).toMatchObject({ moved: 1 });
    expect(await store.port.deadlines([a, b, c])).toEqual([200, null, null]);
  });

  test("a late beat never moves a deadline back, and its count tells", async () => {
    await store.port.extend([a], 300);
    expect((await store.port.beat([a], 200)).moved).toBe(0);
    expect((await store.port.beat([a], 300)).moved).toBe(0);
    expect(await store.port.deadlines([a])).toEqual([300]);
  });

  test("a session named twice in one beat counts once", async () => {
    await store.port.extend([a], 100);
    expect((await store.port.beat([a, a], 200)).moved).toBe(1);
  });

  test("a beat of no session asks nothing and answers nothing", async () => {
    const nothing = { moved: 0, desired: [], reported: [], inboxes: [], signals: null };
    expect(await store.port.beat([], 200, aMinute())).toEqual(nothing);
    expect(await store.port.deadlines([])).toEqual([]);
  });

  test("each epoch, host and fleet of a session has a deadline of its own", async () => {
    const others = [
      incarnation("a", { epoch: 2 }),
      incarnation("a", { host: "host-2" }),
      incarnation("a", { fleet: "beta" }),
    ];
    await store.port.extend([a], 100);
    expect(await store.port.deadlines(others)).toEqual([null, null, null]);
    await store.port.extend(others, 200);
    expect(await store.port.deadlines([a, ...others])).toEqual([100, 200, 200, 200]);
    expect(await store.port.count()).toBe(4);
  });

  test("extending adds what is missing and never brings a deadline forward", async () => {
    await store.port.extend([a], 300);
    await store.port.extend([a, b], 200);
    expect(await store.port.deadlines([a, b])).toEqual([300, 200]);
  });

  test("the overdue come earliest first, up to and including now, at most as many as asked for", async () => {
    await store.port.extend([c], 100);
    await store.port.extend([b, a], 200);
    await store.port.extend([incarnation("d")], 201);
    const all = [
      { ...c, deadlineMs: 100 },
      { ...a, deadlineMs: 200 },
      { ...b, deadlineMs: 200 },
    ];
    expect(await store.port.overdue(200, 10)).toEqual(all);
    expect(await store.port.overdue(200, 2)).toEqual(all.slice(0, 2));
    expect(await store.port.overdue(99, 10)).toEqual([]);
  });

  test("more sessions than one command names are all extended, read and forgotten", async () => {
    const many = Array.from({ length: 1_203 }, (_, index) => incarnation(`s${index}`));
    await store.port.extend(many, 1_753_000_000_123);
    expect(await store.port.deadlines(many)).toEqual(many.map(() => 1_753_000_000_123));
    await store.port.forget(many.slice(1));
    expect(await store.port.count()).toBe(1);
  });

  test("a lost registry knows no session, and says so instead of failing", async () => {
    await store.port.extend([a], 100);
    await store.port.publish(FLEET, "a", desired(), []);
    await store.port.report(FLEET, "a", reported());
    await store.lose();
    expect(await store.port.beat([a], 200)).toMatchObject({ moved: 0, desired: [null], reported: [null] });
    expect(await store.port.candidates(FLEET, [], 10)).toEqual([]);
    expect(await store.port.count()).toBe(0);
  });
}

function describeDocuments(store: Store<Registry>): void {
  test("a beat reads each session's documents in the order it names them", async () => {
    const first = desired({ tasks: { "task.1": 4 }, stopping: { "task-2": 7 } });
    const second = reported({ tasks: { t: { fence: 2, percent: 40.5, message: "grüße 🚀" } } });
    await store.port.publish(FLEET, "a", first, ["gpu"]);
    await store.port.report(FLEET, "b", second);
    const beat = await store.port.beat([incarnation("b"), incarnation("x"), incarnation("a")], 200);
    expect(beat).toMatchObject({ moved: 0, desired: [null, null, first], reported: [second, null, null] });
    expect(await store.port.desired(FLEET, ["a", "x"])).toEqual([first, null]);
    expect(await store.port.reported(FLEET, ["x", "b"])).toEqual([null, second]);
  });

  test("a beat reads each session's hints of messages, and each fleet's own", async () => {
    const expiresAtMs = 1_753_000_000_000;
    const { inboxes } = store.port;
    await inboxes.deliver(FLEET, "a", { rev: 2, expiresAtMs, recent: [] });
    await inboxes.place("beta", "a", { rev: 1, positions: { "*": 4 } });
    await inboxes.announce("beta", "*", { number: 5, expiresAtMs }, 0);
    const others = [incarnation("a"), incarnation("x"), incarnation("a", { fleet: "beta" })];
    const beat = await store.port.beat(others, 200);
    expect(beat.inboxes).toEqual([
      { reading: null, own: { rev: 2, expiresAtMs, recent: [] }, shared: {} },
      { reading: null, own: null, shared: {} },
      { reading: { rev: 1, positions: { "*": 4 } }, own: null, shared: { "*": [5, expiresAtMs] } },
    ]);
    await store.lose();
    const lost = await store.port.beat(others, 200);
    expect(lost.inboxes).toEqual(others.map(() => ({ reading: null, own: null, shared: {} })));
  });

  test("a beat that asks for a host's minute reads its signals, and only it", async () => {
    const { fleet, host, minute } = aMinute();
    await store.port.extend([incarnation("a")], 100);
    const beat = async (of?: HostMinute) => (await store.port.beat([incarnation("a")], 200, of)).signals;
    expect(await beat({ fleet, host, minute })).toBeNull();
    await store.port.keepSignals(aMinute());
    await store.port.keepSignals(aMinute({ host: "host-2", sessions: {} }));
    expect(await beat({ fleet, host, minute })).toEqual(aMinute());
    expect(await beat()).toBeNull();
    expect(await beat({ fleet, host, minute: minute + 1 })).toBeNull();
    const places = [{ fleet: "beta", host, minute }, { fleet, host: "host-2", minute }, aMinute()];
    expect(await store.port.signals(places)).toEqual([
      null,
      aMinute({ host: "host-2", sessions: {} }),
      aMinute(),
    ]);
    await store.port.keepSignals(aMinute({ sessions: {} }));
    expect(await beat({ fleet, host, minute })).toEqual(aMinute({ sessions: {} }));
    await store.lose();
    expect(await store.port.signals(places)).toEqual([null, null, null]);
    expect(await store.port.signals([])).toEqual([]);
  });

  test("only a higher rev replaces what is desired, and with it the room", async () => {
    const current = desired({ rev: 5, tasks: { t: 1 } });
    await store.port.publish(FLEET, "a", current, ["gpu"]);
    await store.port.publish(FLEET, "a", desired({ rev: 5, state: "ended" }), []);
    await store.port.publish(FLEET, "a", desired({ rev: 4, state: "ended" }), []);
    expect(await store.port.desired(FLEET, ["a"])).toEqual([current]);
    expect(await store.port.candidates(FLEET, ["gpu"], 10)).toEqual([{ session: "a", load: 1 }]);
    const next = desired({ rev: 6, state: "draining" });
    await store.port.publish(FLEET, "a", next, ["gpu"]);
    expect(await store.port.desired(FLEET, ["a"])).toEqual([next]);
  });

  test("what is reported is replaced by whatever is reported later", async () => {
    await store.port.report(FLEET, "a", reported({ seq: 9 }));
    await store.port.report(FLEET, "a", reported({ seq: 1, boot: "boot-2", activity: null }));
    expect(await store.port.reported(FLEET, ["a"])).toEqual([
      reported({ seq: 1, boot: "boot-2", activity: null }),
    ]);
  });

  test("a document that does not fit its schema is refused before it is stored", async () => {
    await expect(store.port.publish(FLEET, "a", desired({ epoch: 0 }), [])).rejects.toThrow();
    await expect(store.port.report(FLEET, "a", reported({ boot: "not an id" }))).rejects.toThrow();
    expect(await store.port.desired(FLEET, ["a"])).toEqual([null]);
  });

  test("another fleet's session of the same name is another session", async () => {
    await store.port.publish("beta", "a", desired({ rev: 9 }), []);
    await store.port.publish(FLEET, "a", desired({ rev: 1 }), []);
    expect(await store.port.desired("beta", ["a"])).toEqual([desired({ rev: 9 })]);
    expect(await store.port.desired(FLEET, ["a"])).toEqual([desired({ rev: 1 })]);
    expect(await store.port.candidates("gamma", [], 10)).toEqual([]);
  });
}

function describeRoom(store: Store<Registry>): void {
  const held = (count: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, index) => [`t${index}`, 1]));
  const found = async (requires: string[], limit = 10) => store.port.candidates(FLEET, requires, limit);

  test("candidates have all required capabilities, the least loaded first, equals by name", async () => {
    await store.port.publish(FLEET, "d", desired({ tasks: held(1) }), ["gpu", "linux"]);
    await store.port.publish(FLEET, "c", desired({ tasks: held(2) }), ["linux"]);
    await store.port.publish(FLEET, "b", desired({ tasks: held(1) }), ["linux"]);
    await store.port.publish(FLEET, "a", desired(), []);
    expect(await found(["linux"])).toEqual([
      { session: "b", load: 1 },
      { session: "d", load: 1 },
      { session: "c", load: 2 },
    ]);
    expect(await found(["linux", "gpu"])).toEqual([{ session: "d", load: 1 }]);
    expect((await found([])).map(({ session }) => session)).toEqual(["a", "b", "d", "c"]);
    expect((await found([], 2)).map(({ session }) => session)).toEqual(["a", "b"]);
    expect(await found(["mac"])).toEqual([]);
  });

  test("a full session has no room, and tasks it has yet to stop fill it too", async () => {
    await store.port.publish(FLEET, "a", desired({ rev: 1, tasks: held(2) }), []);
    expect(await found([])).toEqual([{ session: "a", load: 2 }]);
    await store.port.publish(FLEET, "a", desired({ rev: 2, tasks: held(2), stopping: { old: 3 } }), []);
    expect(await found([])).toEqual([]);
    await store.port.publish(FLEET, "a", desired({ rev: 3, tasks: held(1), stopping: { old: 3 } }), []);
    expect(await found([])).toEqual([{ session: "a", load: 2 }]);
  });

  test.each(["draining", "recovering", "crashed", "ended"] as const)(
    "a session that is %s has no room",
    async (state) => {
      await store.port.publish(FLEET, "a", desired({ rev: 1 }), ["gpu"]);
      await store.port.publish(FLEET, "a", desired({ rev: 2, state }), ["gpu"]);
      expect(await found([])).toEqual([]);
      await store.port.publish(FLEET, "a", desired({ rev: 3, epoch: 2 }), ["gpu"]);
      expect(await found([])).toEqual([{ session: "a", load: 0 }]);
    },
  );

  test("a session that starts again with other capabilities leaves its old room", async () => {
    await store.port.publish(FLEET, "a", desired({ rev: 1 }), ["gpu", "linux"]);
    await store.port.publish(FLEET, "a", desired({ rev: 2, epoch: 2 }), ["mac"]);
    expect(await found(["gpu"])).toEqual([]);
    expect(await found(["mac"])).toEqual([{ session: "a", load: 0 }]);
    await store.port.publish(FLEET, "a", desired({ rev: 3, epoch: 3, capacity: 1, tasks: held(1) }), []);
    expect(await found([])).toEqual([]);
  });

  test("the order of capabilities and their repetition do not matter", async () => {
    await store.port.publish(FLEET, "a", desired(), ["linux", "a:b/c@1+x", "gpu", "linux"]);
    await store.port.publish(FLEET, "b", desired(), ["gpu", "a:b/c@1+x", "linux"]);
    expect(await found(["linux", "gpu", "a:b/c@1+x"])).toEqual([
      { session: "a", load: 0 },
      { session: "b", load: 0 },
    ]);
  });
}
