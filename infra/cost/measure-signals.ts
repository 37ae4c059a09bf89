import { setTimeout as wait } from "node:timers/promises";
import { type RegisterAnswer, RegisterAnswer as Registered } from "../../shared/contract/session.ts";
import { SESSIONS_PER_HOST } from "./load.ts";
import type { Measured } from "./measured.ts";
import type { MeteredCloud } from "./metered-cloud.ts";
import { countOf } from "./redis-commands.ts";
import { unitsOf } from "./each-of.ts";

/** What a supervisor of ours says of a session. */
const SIGNALS = {
  contextUsed: 0.4213,
  messages: 27,
  durationMs: 1_834_221,
  toolCallsSinceCheckpoint: 4,
  toolFailureRate: 0.0625,
  tokens: 84_260,
  toolCalls: 61,
  costUsd: 0.4821,
};
/** Longer than two ticks of a fleet with the fast profile. */
const WRITTEN_MS = 2_000;
/** What the sweep asks of Redis for signals, and an idle tick does not. */
const OF_SIGNALS = ["mget", "zrem"];
const AGENDA = "shim:agenda";

/**
 * A minute of signals of a host with ten sessions: what the beat that brings them costs more than a steady one, and what it
 * costs to write them down. A sweep must run.
 */
export async function measureSignals(cloud: MeteredCloud): Promise<Measured["signals"]> {
  const registered: RegisterAnswer[] = [];
  for (let i = 0; i < SESSIONS_PER_HOST; i++) {
    const session = { id: `signals-${i + 1}`, host: "signals", boot: "boot1", agent: "cost" };
    registered.push(Registered.parse(await cloud.ask("POST", "/v1/sessions", cloud.adminKey, session)));
  }
  const beat = (seq: number, signals?: object) =>
    cloud.ask("POST", "/v1/heartbeat", registered.at(-1)?.hostToken ?? "", {
      ...{ host: "signals", boot: "boot1", seq },
      sessions: registered.map(({ session: { id, epoch } }) => ({ id, epoch, activity: "working", signals })),
    });
  const entries = async () =>
    (await cloud.redis.zrange(AGENDA, 0, -1)).filter((e) => e.startsWith("signals|"));
  const endMinute = async () => {
    for (const entry of await entries()) await cloud.redis.zadd(AGENDA, "XX", 1, entry);
    await wait(WRITTEN_MS);
  };
  await beat(1, SIGNALS); // Says something new: the zone.
  await endMinute();
  await cloud.redis.del(...(await cloud.redis.keys("shim:signals:*"))); // As in another minute.
  await cloud.take();
  await beat(2);
  const steady = await cloud.take();
  await beat(3, SIGNALS);
  const said = await cloud.take();
  await endMinute();
  const written = await cloud.take();
  const bySweep = OF_SIGNALS.reduce((sum, name) => sum + (written.use.redis.get(name) ?? 0), 0);
  return {
    redis: countOf(said.use.redis) - countOf(steady.use.redis) + bySweep,
    // Written once and read once.
    redisBytes: 2 * Math.max(0, said.use.redisBytes - steady.use.redisBytes),
    writeUnits: unitsOf(written.use, "writeUnits"),
    readUnits: unitsOf(written.use, "readUnits"),
  };
}
