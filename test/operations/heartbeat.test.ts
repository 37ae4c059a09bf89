import { describe, expect, it } from "vitest";
import { portsWithout, tapPorts } from "../fixtures/crash-points.ts";
import { FLEET, type World, createWorld, must } from "../fixtures/memory-world.ts";
import type { HeartbeatRequest } from "../../shared/contract/heartbeat.ts";
import { TOKEN_LIFE_MS, TOKEN_RENEWAL_MS, readToken } from "../../shared/domain/tokens.ts";
import { cancelTask } from "../../shared/operations/cancel-task.ts";
import { createKey, revokeKey } from "../../shared/operations/manage-keys.ts";
import { recordHeartbeat } from "../../shared/operations/record-heartbeat.ts";
import { recoverSession } from "../../shared/operations/recover-session.ts";
import { endSession } from "../../shared/operations/end-session.ts";
import { getSession } from "../../shared/operations/view-session.ts";

type Beats = HeartbeatRequest["sessions"];

describe("a heartbeat", () => {
  it("is one call of the registry when it is steady, and none of the record", async () => {
    const world = createWorld();
    const chats = [await world.register("s1"), await world.register("s2")];
    await world.submit({ id: "a" });
    await world.claim(chats[0] as (typeof chats)[0]);
    const sessions: Beats = [
      { id: "s1", epoch: 1, activity: "working", tasks: [{ id: "a", fence: 1, percent: 5 }] },
      { id: "s2", epoch: 1, activity: "idle" },
    ];
    world.advance(1_000);
    await world.beat(chats[0] as (typeof chats)[0], sessions);
    const calls: string[] = [];
    const ports = tapPorts(world.ports, (call, run) => {
      calls.push(call.path);
      return run();
    });
    world.advance(1_000);
    const request = { host: "h1", boot: "b1", seq: 99, sessions };
    must(await recordHeartbeat(ports, (chats[0] as (typeof chats)[0]).hostClaims, request));
    expect(calls).toEqual(["registry.beat"]);
  });

  it("is refused in the name of another host or boot than its token's", async () => {
    const world = createWorld();
    const { hostClaims } = await world.register("s1");
    for (const change of [{ host: "h2" }, { boot: "b2" }]) {
      const request = { host: "h1", boot: "b1", seq: 1, sessions: [], ...change };
      expect(await recordHeartbeat(world.ports, hostClaims, request)).toMatchObject({
        refused: "session.forbidden",
      });
    }
  });

  it("asks for the next one sooner from a host that has room, and for less when all are busy", async () => {
    const world = createWorld();
    const chat = await world.register("s1", { capacity: 1 });
    expect((await world.beat(chat, [{ id: "s1", epoch: 1 }])).intervalMs).toBe(5_000);
    await world.submit({ id: "a" });
    await world.claim(chat);
    expect((await world.beat(chat, [{ id: "s1", epoch: 1 }])).intervalMs).toBe(10_000);
  });

  it("that was delayed or repeated shortens no deadline and overwrites no newer report", async () => {
    const world = createWorld();
    const chat = await world.register("s1");
    const place = { fleet: FLEET, host: "h1", session: "s1", epoch: 1 };
    world.advance(1_000);
    await world.beat(chat, [{ id: "s1", epoch: 1, activity: "working" }], 10);
    const [deadlineMs] = await world.ports.registry.deadlines([place]);
    const old = await world.beat(chat, [{ id: "s1", epoch: 1, activity: "idle" }], 9);
    expect(old.sessions).toEqual([{ id: "s1", commands: [] }]);
    expect(await world.ports.registry.deadlines([place])).toEqual([deadlineMs]);
    const [report] = await world.ports.registry.reported(FLEET, ["s1"]);
    expect(report).toMatchObject({ activity: "working", seq: 10 });
    await world.beat(chat, [{ id: "s1", epoch: 1, activity: "idle" }], 10);
    expect((await world.ports.registry.reported(FLEET, ["s1"]))[0]?.activity).toBe("idle");
  });

  it("extends a deadline by exactly one timeout from the server's now", async () => {
    const world = createWorld({ profile: "fast" });
    const chat = await world.register("s1");
    world.advance(700);
    await world.beat(chat, [{ id: "s1", epoch: 1 }]);
    const place = { fleet: FLEET, host: "h1", session: "s1", epoch: 1 };
    expect(await world.ports.registry.deadlines([place])).toEqual([world.nowMs() + 4_000]);
  });

  it("shows in the session what it said, until the session is not alive any more", async () => {
    const world = createWorld();
    const chat = await world.register("s1");
    world.advance(3_000);
    await world.beat(chat, [{ id: "s1", epoch: 1, activity: "model_waiting" }]);
    expect(must(await getSession(world.ports, FLEET, "s1")).session).toMatchObject({
      ...{ activity: "model_waiting", lastBeatAt: new Date(world.nowMs()).toISOString() },
    });
    must(await endSession(world.ports, chat.claims, "s1", { reason: "completed" }));
    expect(must(await getSession(world.ports, FLEET, "s1")).session.activity).toBeNull();
  });

  it("keeps a progress message short, so that a hundred sessions' reports stay small", async () => {
    const world = createWorld();
    const chat = await world.register("s1");
    await world.beat(chat, [
      { id: "s1", epoch: 1, tasks: [{ id: "a", fence: 1, message: "m".repeat(5_000) }] },
    ]);
    const [report] = await world.ports.registry.reported(FLEET, ["s1"]);
    expect(report?.tasks["a"]?.message).toHaveLength(200);
  });

  it("has the sweep look when a task that must stop is not reported any more", async () => {
    const world = createWorld();
    const chat = await world.register("s1");
    await world.submit({ id: "a" });
    await world.claim(chat);
    await world.beat(chat, [{ id: "s1", epoch: 1, tasks: [{ id: "a", fence: 1 }] }]);
    must(await cancelTask(world.ports, FLEET, "a", null));
    await world.ports.agenda.done([{ kind: "settle", fleet: FLEET, session: "s1" }]);
    await world.beat(chat, [{ id: "s1", epoch: 1, tasks: [] }]);
    expect(await world.ports.agenda.due(world.nowMs(), 10)).toContainEqual({
      ...{ kind: "settle", fleet: FLEET, session: "s1" },
    });
  });

  it("of a session whose deadline alone was lost gives it back, to be verified", async () => {
    const world = createWorld();
    const chat = await world.register("s1");
    const place = { fleet: FLEET, host: "h1", session: "s1", epoch: 1 };
    await world.ports.registry.forget([place]);
    world.advance(1_000);
    const answer = await world.beat(chat, [{ id: "s1", epoch: 1 }]);
    expect(answer.sessions[0]?.commands).toEqual([]);
    expect(await world.ports.registry.deadlines([place])).toEqual([world.nowMs() + 30_000]);
    expect(await world.ports.agenda.due(world.nowMs(), 10)).toContainEqual({ kind: "verify", ...place });
  });
});

describe("renewal of tokens", () => {
  const aged = async () => {
    const world = createWorld();
    const { key } = must(await createKey(world.ports, FLEET, { scope: "agent" }));
    const chat = await world.register("s1");
    const hostClaims = { ...chat.hostClaims, keyId: key.id };
    const beat = () => world.beat({ hostClaims }, [{ id: "s1", epoch: 1 }]);
    return { world, key, hostClaims, beat };
  };

  it("comes with a beat near their end, once the key is known to be active", async () => {
    const { world, hostClaims, beat } = await aged();
    expect((await beat()).sessions[0]?.commands).toEqual([]);
    world.advance(TOKEN_LIFE_MS - TOKEN_RENEWAL_MS);
    await world.tick();
    await beat();
    await world.tick();
    const [config] = (await beat()).sessions[0]?.commands ?? [];
    if (config?.type !== "config") throw new Error("no new tokens");
    expect(config.tokenExpiresMs).toBe(world.nowMs() + TOKEN_LIFE_MS);
    const { signingKeys } = world.ports.settings;
    expect(readToken(signingKeys, config.hostToken)).toEqual({
      ...hostClaims,
      expiresMs: config.tokenExpiresMs,
    });
    expect(readToken(signingKeys, config.token)).toMatchObject({ kind: "session", session: "s1", epoch: 1 });
  });

  it("does not come for a key that was revoked or is unknown", async () => {
    const { world, key, beat } = await aged();
    world.advance(TOKEN_LIFE_MS - TOKEN_RENEWAL_MS);
    await world.tick();
    expect((await beat()).sessions[0]?.commands).toEqual([]);
    must(await revokeKey(world.ports, FLEET, key.id));
    await world.tick();
    expect((await beat()).sessions[0]?.commands).toEqual([]);
  });

  it("does not come once the key has ended by itself", async () => {
    const { world, hostClaims, key } = await aged();
    await world.ports.keyMirror.set(FLEET, key.id, "active");
    world.advance(TOKEN_LIFE_MS - TOKEN_RENEWAL_MS);
    await world.tick();
    const ended = { ...hostClaims, keyExpiresMs: world.nowMs() };
    const { sessions } = await world.beat({ hostClaims: ended }, [{ id: "s1", epoch: 1 }]);
    expect(sessions[0]?.commands).toEqual([]);
  });
});

describe("risk zones", () => {
  const inDanger = { contextUsed: 0.8 };
  const notes = (world: World) =>
    world.metrics.map(({ metric }) => metric).filter((name) => /Endangered|Crashed|Restart/.test(name));

  it("are kept when they change; a start that enters danger counts once, and its crash as foretold", async () => {
    const world = createWorld();
    const session = await world.register("s1");
    const beat = (signals?: object) =>
      world.beat(session, [{ id: "s1", epoch: 1, signals: signals as Record<string, unknown> }]);
    const reported = async () => (await world.ports.registry.reported(FLEET, ["s1"]))[0];
    await beat({ contextUsed: 0.1 });
    expect(await reported()).toMatchObject({ zone: "safe" });
    await beat(inDanger);
    expect(await reported()).toMatchObject({ zone: "danger", endangered: true });
    await beat();
    expect(await reported()).toMatchObject({ zone: "danger" });
    await beat({ contextUsed: 0.1 });
    await beat(inDanger);
    expect(notes(world)).toEqual(["SessionsEndangered"]);
    const lastBeatAtMs = world.nowMs();
    await recoverSession(world.ports, FLEET, "s1", 1, { endsAs: "crashed", cause: "killed", lastBeatAtMs });
    world.advance(3_000);
    await world.register("s1");
    expect(notes(world)).toEqual([
      "SessionsEndangered",
      "SessionsCrashed",
      "EndangeredCrashed",
      "SessionRestartDuration",
    ]);
    expect(world.metrics.at(-1)).toEqual({ metric: "SessionRestartDuration", value: 3_000 });
  });

  it("of a start that never was in danger foretell nothing, and a new start begins anew", async () => {
    const world = createWorld();
    const session = await world.register("s1");
    await world.beat(session, [{ id: "s1", epoch: 1, signals: inDanger }]);
    const again = await world.register("s1");
    await world.beat(again, [{ id: "s1", epoch: 2, signals: { contextUsed: 0.1 } }]);
    const crashed = { endsAs: "crashed", cause: "killed", lastBeatAtMs: null } as const;
    const before = notes(world).filter((name) => name === "EndangeredCrashed").length;
    await recoverSession(world.ports, FLEET, "s1", 2, crashed);
    expect(notes(world).filter((name) => name === "EndangeredCrashed")).toHaveLength(before);
  });

  it("keep nobody from recovering when Redis cannot be asked", async () => {
    const world = createWorld();
    const session = await world.register("s1");
    await world.submit({ id: "a" });
    await world.claim(session);
    const blind = portsWithout(world.ports, "registry.reported");
    const crashed = { endsAs: "crashed", cause: "killed", lastBeatAtMs: null } as const;
    await recoverSession(blind, FLEET, "s1", 1, crashed);
    expect((await world.task("a")).state).toBe("queued");
  });
});
