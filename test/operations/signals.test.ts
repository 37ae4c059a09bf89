import { describe, expect, it } from "vitest";
import { tapPorts } from "../fixtures/crash-points.ts";
import { FLEET, type World, createWorld, must } from "../fixtures/memory-world.ts";
import { SIGNALS_KEPT_MS } from "../../shared/contract/limits.ts";
import type { SessionBeat } from "../../shared/contract/heartbeat.ts";
import { listSignals } from "../../shared/operations/list-signals.ts";
import { recordHeartbeat } from "../../shared/operations/record-heartbeat.ts";
import type { Ports } from "../../shared/ports/ports.ts";

const MINUTE_MS = 60_000;
type Chat = Awaited<ReturnType<World["register"]>>;
const beatOf = (id: string, contextUsed?: number): SessionBeat => ({
  ...{ id, epoch: 1 },
  ...(contextUsed !== undefined && { signals: { contextUsed } }),
});

/** What a beat calls of the stores. */
async function callsOf(world: World, chat: Chat, sessions: SessionBeat[], seq: number): Promise<string[]> {
  const calls: string[] = [];
  const ports = tapPorts(world.ports, (call, run) => {
    calls.push(call.path);
    return run();
  });
  must(await recordHeartbeat(ports, chat.hostClaims, { host: "h1", boot: "b1", seq, sessions }));
  return calls;
}

const history = async (world: World, id: string, range: { from?: string; to?: string } = {}) =>
  (
    await listSignals(world.ports, await world.session(id), { from: null, to: null, ...range }, null)
  ).signals.map(({ at, zone, signals }) => [at.slice(11, 19), zone, signals?.["contextUsed"] ?? null]);

/** Until what the beats of the last minute left is written down. */
async function overTheMinute(world: World, by?: Ports): Promise<void> {
  world.advance(2 * MINUTE_MS);
  await world.tick(false, by);
}

describe("signals of a host", () => {
  it("are kept once a minute for all its sessions, by two calls; other beats of the minute ask nothing more", async () => {
    const world = createWorld();
    const chat = await world.register("s1");
    await world.register("s2");
    const sessions = [beatOf("s1", 0.1), beatOf("s2", 0.2)];
    await callsOf(world, chat, [beatOf("s1"), beatOf("s2")], 1);
    await callsOf(world, chat, sessions, 2);
    world.advance(MINUTE_MS);
    expect(await callsOf(world, chat, sessions, 3)).toEqual([
      "registry.beat",
      "registry.keepSignals",
      "agenda.put",
    ]);
    world.advance(1_000);
    expect(await callsOf(world, chat, sessions, 4)).toEqual(["registry.beat"]);
    world.advance(1_000);
    expect(await callsOf(world, chat, [beatOf("s1"), beatOf("s2")], 5)).toEqual(["registry.beat"]);
  });

  it("of a session that says them later in the minute join those of the others", async () => {
    const world = createWorld();
    const chat = await world.register("s1");
    await world.register("s2");
    await callsOf(world, chat, [beatOf("s1", 0.1), beatOf("s2")], 1);
    world.advance(20_000);
    await callsOf(world, chat, [beatOf("s1", 0.3), beatOf("s2", 0.2)], 2);
    await overTheMinute(world);
    expect(await history(world, "s1")).toEqual([["00:00:00", "safe", 0.1]]);
    expect(await history(world, "s2")).toEqual([["00:00:20", "safe", 0.2]]);
    const minutes = await world.ports.record.signals.minutes(FLEET, "h1", 0, 1e9, 10);
    expect(minutes, "one item for both").toHaveLength(1);
  });

  it("are not taken from who is not theirs, or of an older start", async () => {
    const world = createWorld();
    const chat = await world.register("s1");
    await world.register("s1");
    await world.register("other", { host: "h2", boot: "b2" });
    await callsOf(world, chat, [beatOf("s1", 0.9), beatOf("other", 0.9), beatOf("nobody", 0.9)], 1);
    await overTheMinute(world);
    expect(await world.ports.record.signals.minutes(FLEET, "h1", 0, 1e9, 10)).toEqual([]);
    expect(await history(world, "other")).toEqual([]);
  });

  it("that a lost Redis forgot are missing, and nothing else is", async () => {
    const world = createWorld();
    const chat = await world.register("s1");
    await callsOf(world, chat, [beatOf("s1", 0.1)], 1);
    await overTheMinute(world);
    await callsOf(world, chat, [beatOf("s1", 0.2)], 2);
    world.loseRedis();
    await world.tick();
    await callsOf(world, chat, [beatOf("s1", 0.3)], 3);
    await world.tick();
    await callsOf(world, chat, [beatOf("s1", 0.3)], 4);
    await overTheMinute(world);
    expect((await history(world, "s1")).map(([, , used]) => used)).toEqual([0.1, 0.3]);
  });

  it("that cannot be written harm no other entry of the agenda, and are not kept for ever", async () => {
    const world = createWorld();
    const chat = await world.register("s1");
    await callsOf(world, chat, [beatOf("s1", 0.9)], 1);
    const broken: Ports = {
      ...world.ports,
      record: {
        ...world.ports.record,
        signals: { ...world.ports.record.signals, putMinute: () => Promise.reject(new Error("too large")) },
      },
    };
    await overTheMinute(world, broken);
    expect(world.logged.map(({ level }) => level)).toContain("error");
    expect((await world.ports.agenda.due(world.nowMs(), 10)).map(({ kind }) => kind)).not.toContain(
      "signals",
    );
    expect(await history(world, "s1")).toEqual([["00:00:00", "danger", null]]);
  });
});

describe("a change of zone", () => {
  it("is a row of its own, when it came; a zone that stays is none", async () => {
    const world = createWorld();
    const chat = await world.register("s1");
    let seq = 0;
    for (const used of [0.1, 0.65, 0.7, 0.8, 0.1]) {
      await callsOf(world, chat, [beatOf("s1", used)], ++seq);
      world.advance(1_000);
    }
    await overTheMinute(world);
    expect(await history(world, "s1")).toEqual([
      ["00:00:00", "safe", 0.1],
      ["00:00:01", "warning", null],
      ["00:00:03", "danger", null],
      ["00:00:04", "safe", null],
    ]);
  });

  it("of the beat whose signals are the minute's is one point with them", async () => {
    const world = createWorld();
    const chat = await world.register("s1");
    await callsOf(world, chat, [beatOf("s1", 0.9)], 1);
    await overTheMinute(world);
    expect(await history(world, "s1")).toEqual([["00:00:00", "danger", 0.9]]);
    expect(await world.ports.record.signals.zones(FLEET, "s1", 0, world.nowMs(), 5)).toHaveLength(1);
  });
});

describe("reading them back", () => {
  const filled = async () => {
    const world = createWorld();
    await world.register("s1");
    const beginMs = world.nowMs();
    for (let i = 0; i < 250; i++) {
      const atMs = beginMs + i * MINUTE_MS;
      const said = { epoch: 1, atMs, zone: "safe", signals: { contextUsed: i } } as const;
      const minute = {
        v: 1,
        fleet: FLEET,
        host: "h1",
        minute: atMs / MINUTE_MS,
        sessions: { s1: said },
      } as const;
      await world.ports.record.signals.putMinute(minute);
      if (i % 2 === 0)
        await world.ports.record.signals.putZone({
          ...{ v: 1, fleet: FLEET, session: "s1", zone: "warning", atMs: atMs + 30_000 },
        });
    }
    world.advance(250 * MINUTE_MS);
    return { world, beginMs };
  };

  it("walks pages in order without missing or doubling any", async () => {
    const { world, beginMs } = await filled();
    const session = await world.session("s1");
    const range = { from: new Date(beginMs).toISOString(), to: null };
    const times: string[] = [];
    let cursor: string | null = null;
    let pages = 0;
    do {
      const page: Awaited<ReturnType<typeof listSignals>> = await listSignals(
        world.ports,
        session,
        range,
        cursor,
      );
      expect(page.signals.length).toBeLessThanOrEqual(100);
      times.push(...page.signals.map(({ at }) => at));
      ({ cursor } = page);
      pages++;
      world.advance(1_000); // What comes meanwhile is past the end that the first page fixed.
    } while (cursor !== null && pages < 20);
    expect(times).toHaveLength(375);
    expect(new Set(times).size).toBe(375);
    expect([...times].sort()).toEqual(times);
  });

  it("is of the last hour unless it is asked otherwise, of no more than is kept, and empty where the range is", async () => {
    const { world, beginMs } = await filled();
    const at = (minutes: number) => new Date(beginMs + minutes * MINUTE_MS).toISOString();
    const used = async (range?: { from?: string; to?: string }) =>
      (await history(world, "s1", range)).flatMap(([, , value]) => value ?? []);
    expect(await used()).toEqual(Array.from({ length: 60 }, (_, i) => 190 + i));
    expect(await used({ from: at(3), to: at(5) })).toEqual([3, 4, 5]);
    expect(await used({ to: at(2) })).toEqual([0, 1, 2]);
    expect(await used({ from: at(5), to: at(3) })).toEqual([]);
    world.advance(SIGNALS_KEPT_MS - 10 * MINUTE_MS);
    expect((await used({ from: at(0), to: at(250) }))[0]).toBe(240);
  });
});
