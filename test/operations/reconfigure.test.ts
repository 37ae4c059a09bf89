import { describe, expect, it } from "vitest";
import { tapPorts } from "../fixtures/crash-points.ts";
import { FLEET, createWorld, must } from "../fixtures/memory-world.ts";
import { anExperiment, tune, withAllocation } from "../fixtures/tuning.ts";
import type { Command } from "../../shared/contract/heartbeat-answer.ts";
import { readToken } from "../../shared/domain/tokens.ts";
import { beatSession } from "../../shared/operations/beat-session.ts";
import { claimTasks } from "../../shared/operations/claim-tasks.ts";
import { endSession } from "../../shared/operations/end-session.ts";
import { reconfigureSessions } from "../../shared/operations/reconfigure-sessions.ts";
import { recordHeartbeat } from "../../shared/operations/record-heartbeat.ts";
import { registerSession } from "../../shared/operations/register-session.ts";

const MINUTE = 60_000;
const interval = anExperiment({
  ...{ parameter: "checkpointIntervalMs", unit: "session" },
  ...{ control: 10 * MINUTE, treatment: 5 * MINUTE },
});
const places = anExperiment({ parameter: "tasksPerSession", unit: "host", control: 3, treatment: 6 });

async function inExperiment(...active: Parameters<typeof tune>[1]["active"] & object) {
  const world = createWorld();
  withAllocation(world, (id) => (/^(t|host-t)/.test(id) ? "treatment" : "control"));
  await tune(world, { active });
  const start = async (id: string) => {
    const chat = await world.register(id, { host: `host-${id}`, boot: `boot-${id}` });
    let config = chat.answer.config.version;
    /** Beats as an agent does, and carries out what it is told. */
    const beat = async (says = config): Promise<Command[]> => {
      world.advance(1_000);
      const answer = await world.beat(chat, [{ id, epoch: chat.epoch, activity: "idle", config: says }]);
      const { commands } = answer.sessions[0] ?? { commands: [] };
      for (const command of commands) if (command.type === "config") config = command.version ?? config;
      return commands;
    };
    return { ...chat, beat };
  };
  const stop = async () => {
    await tune(world, {});
    return Promise.all(active.map((one) => reconfigureSessions(world.ports, FLEET, one)));
  };
  return { world, start, stop };
}

describe("an experiment that is stopped", () => {
  it("reaches a live session with its next beat, which is told until it says that it has done it", async () => {
    const { world, start, stop } = await inExperiment(interval);
    const [treated, control] = [await start("t1"), await start("c1")];
    expect([await treated.beat(), await control.beat()]).toEqual([[], []]);
    expect(await stop()).toEqual([1]);
    const { version } = treated.answer.config;
    for (let i = 0; i < 2; i++) {
      const [command, ...others] = await treated.beat(version);
      expect(others).toEqual([]);
      expect(command).toMatchObject({
        ...{ type: "config", parameters: { checkpointIntervalMs: 10 * MINUTE, checkpointToolCalls: 5 } },
        version: control.answer.config.version,
      });
      if (command?.type !== "config") throw new Error("no config");
      // Its key is not known to be active: it lives no longer for being told.
      const { expiresMs } = treated.hostClaims;
      expect(command.tokenExpiresMs).toBe(expiresMs);
      const tokens = [command.token, command.hostToken];
      expect(tokens.map((token) => readToken(world.ports.settings.signingKeys, token))).toEqual([
        { ...treated.claims, expiresMs },
        treated.hostClaims,
      ]);
    }
    expect([await treated.beat(), await control.beat()]).toEqual([[], []]);
    expect((await world.session("t1")).variants, "what it was in stays known").toHaveProperty(interval.id);
  });

  it("costs steady beats nothing, before and after", async () => {
    const { world, start, stop } = await inExperiment(interval);
    const treated = await start("t1");
    const calls: string[] = [];
    const ports = tapPorts(world.ports, (call, run) => {
      calls.push(call.path);
      return run();
    });
    const steady = async (config: number | undefined, seq: number) => {
      calls.length = 0;
      world.advance(1_000);
      const sessions = [{ id: "t1", epoch: 1, activity: "idle" as const, config }];
      const { host, boot } = treated.hostClaims;
      must(await recordHeartbeat(ports, treated.hostClaims, { host, boot, seq, sessions }));
      return [...calls];
    };
    await treated.beat();
    expect(await steady(treated.answer.config.version, 90)).toEqual(["registry.beat"]);
    await stop();
    await treated.beat();
    const told = (await world.ports.registry.desired(FLEET, ["t1"]))[0]?.version;
    expect(await steady(told, 91)).toEqual(["registry.beat"]);
    expect(await steady(treated.answer.config.version, 92), "a command costs no store").toEqual([
      "registry.beat",
    ]);
  });

  it("never commands an agent that does not say what it goes by, as older ones", async () => {
    const { world, start, stop } = await inExperiment(interval);
    const treated = await start("t1");
    await stop();
    for (let i = 0; i < 3; i++) {
      const { sessions } = await world.beat(treated, [{ id: "t1", epoch: 1, activity: "idle" }]);
      expect(sessions[0]?.commands).toEqual([]);
    }
    const own = must(await beatSession(world.ports, treated.claims, { activity: "idle" }));
    expect(own.commands).toEqual([]);
  });

  it("changes nothing when it is repeated, nor sessions that ended, nor those that were never in it", async () => {
    const { world, start, stop } = await inExperiment(interval);
    await start("t1");
    const ended = await start("t2");
    must(await endSession(world.ports, ended.claims, "t2", { reason: "completed" }));
    await start("c1");
    expect([await stop(), await stop()]).toEqual([[1], [0]]);
    expect((await world.session("t2")).parameters).toEqual({ checkpointIntervalMs: 5 * MINUTE });
    expect((await world.ports.registry.desired(FLEET, ["c1"]))[0]).not.toHaveProperty("parameters");
  });

  it("reaches a session whose host is told after a loss of Redis", async () => {
    const { world, start, stop } = await inExperiment(interval);
    const treated = await start("t1");
    await stop();
    world.loseRedis();
    await treated.beat();
    await world.tick();
    expect(await treated.beat()).toMatchObject([{ type: "config" }]);
  });

  it("gives a session back its places, and takes none away from what it holds", async () => {
    const { world, start, stop } = await inExperiment(places);
    const treated = await start("t1");
    expect((await world.session("t1")).capacity).toBe(6);
    await world.submit(...["a", "b", "c", "d", "e"].map((id) => ({ id })));
    must(await claimTasks(world.ports, treated.claims, 4));
    expect(await stop()).toEqual([1]);
    const { capacity, held } = await world.session("t1");
    expect([capacity, Object.keys(held).length]).toEqual([3, 4]);
    expect(await treated.beat()).not.toContainEqual(expect.objectContaining({ type: "config" }));
  });

  it("reaches also a session that registers just then", async () => {
    const { world } = await inExperiment(interval);
    // It is stopped after the fleet was read and before the session is there to be found.
    const ports = tapPorts(world.ports, async (call, run) => {
      if (call.path === "record.sessions.commit" && !stopped) {
        stopped = true;
        await tune(world, {});
        expect(await reconfigureSessions(world.ports, FLEET, interval)).toBe(0);
      }
      return run();
    });
    let stopped = false;
    const by = { fleet: FLEET, keyId: "key_test", keyExpiresMs: null, seed: null, hostToken: null };
    const request = { id: "t1", host: "h1", boot: "b1", agent: "test" };
    const { config } = must(await registerSession(ports, by, request));
    expect(config.parameters?.checkpointIntervalMs).toBe(10 * MINUTE);
    expect(config.experiments).toBeUndefined();
  });

  it("leaves one alone that registers while something else of the fleet is tuned", async () => {
    const { world } = await inExperiment(interval);
    let tuned = false;
    const ports = tapPorts(world.ports, async (call, run) => {
      if (call.path === "record.sessions.commit" && !tuned) {
        tuned = true;
        await tune(world, { active: [interval], values: { briefTokens: 500 }, version: 9 });
      }
      return run();
    });
    const by = { fleet: FLEET, keyId: "key_test", keyExpiresMs: null, seed: null, hostToken: null };
    const request = { id: "t1", host: "h1", boot: "b1", agent: "test" };
    const { config } = must(await registerSession(ports, by, request));
    expect(config.parameters?.checkpointIntervalMs).toBe(5 * MINUTE);
  });
});
