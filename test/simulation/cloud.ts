import type { SQSRecord } from "aws-lambda";
import { ReadyEvent } from "../../shared/contract/events.ts";
import type { ProfileName } from "../../shared/contract/profile.ts";
import { noAllocator, noMirror } from "../../shared/adapters/memory/allocator.ts";
import { createMemoryAgenda } from "../../shared/adapters/memory/agenda.ts";
import { createMemoryHeldBack } from "../../shared/adapters/memory/held-back.ts";
import { createMemoryKeyMirror } from "../../shared/adapters/memory/key-mirror.ts";
import { createMemoryRecord } from "../../shared/adapters/memory/record.ts";
import { createMemoryRegistry } from "../../shared/adapters/memory/registry.ts";
import { createMemoryTallies } from "../../shared/adapters/memory/tallies.ts";
import { createMemoryWorkQueue } from "../../shared/adapters/memory/work-queue.ts";
import { dispatchReady } from "../../shared/operations/dispatch-ready.ts";
import { newFleet } from "../../shared/operations/fleet-of.ts";
import { runSweep } from "../../shared/operations/run-sweep.ts";
import type { Log, Ports } from "../../shared/ports/ports.ts";
import { StoreUnavailable } from "../../shared/ports/unavailable.ts";
import { forEachMessage } from "../../functions/edge/sqs.ts";
import { QUEUE_SIZES } from "../../infra/sizes.ts";
import { type Around, type PortCall, changesStore, tapPorts } from "../fixtures/crash-points.ts";
import type { Weather } from "./faults.ts";
import type { History } from "./history.ts";
import type { Lag } from "./lag.ts";
import { createQueue } from "./queue.ts";
import type { Random } from "./random.ts";
import type { Scheduler } from "./scheduler.ts";

/** What whoever waits for a function gets when it was killed: nothing, ever. */
export const KILLED = Symbol("killed");
export type Killed = typeof KILLED;

/** Sees every effect on a store right after it was applied, before anything else can happen. */
export type Observer = (call: PortCall, result: unknown) => void;

export type CloudParts = {
  readonly scheduler: Scheduler;
  readonly weather: Weather;
  readonly random: Random;
  readonly history: History;
  readonly lag: Lag;
  readonly profile: ProfileName;
  /** How often a function dies at an effect even in good weather. */
  readonly suddenDeath: number;
  readonly observe: Observer;
  /** A function was killed. */
  readonly died: () => void;
};

const SCHEDULE_MS = 60_000;
const SIGNING_KEY = { id: "k1", secret: Buffer.alloc(32, 7) };
/** Not one promise for all: it would keep whatever waits for it, of every function that was ever killed. */
const never = () => new Promise<never>(() => undefined);

export type Cloud = ReturnType<typeof createCloud>;

/** The whole control plane over memory: the stores, the queues and the schedule, with everything that can go wrong. */
export function createCloud(parts: CloudParts) {
  const { scheduler, weather, random, history, lag, observe } = parts;
  const stores = {
    registry: createMemoryRegistry(),
    keyMirror: createMemoryKeyMirror(),
    workQueue: createMemoryWorkQueue(),
    heldBack: createMemoryHeldBack(),
    agenda: createMemoryAgenda(),
    tallies: createMemoryTallies(),
  };
  const nowMs = () => Math.floor(scheduler.nowMs());
  let ids = 0;
  const record = createMemoryRecord({ nowMs });
  const logged = (level: string) => (message: string, fields?: Record<string, unknown>) => {
    history.note(scheduler.nowMs(), `${level} ${message} ${JSON.stringify(fields ?? {})}`);
  };
  const log: Log = { info: () => undefined, warn: logged("warn"), error: logged("error"), with: () => log };
  const thrown: string[] = [];

  const dispatchQueue = createQueue({
    scheduler,
    weather,
    random: random.stream("dispatch queue"),
    ...QUEUE_SIZES.dispatch,
    run: (records) =>
      invoke("dispatch", random.chance(0.7), (ports) =>
        forEachMessage({ Records: records as SQSRecord[] }, ReadyEvent, ports, dispatchReady),
      ),
  });
  const wakeQueue = createQueue({
    scheduler,
    weather,
    random: random.stream("wake queue"),
    ...QUEUE_SIZES.wake,
    run: async () => {
      const ended = await invoke("sweep", random.chance(0.5), (ports) => runSweep(ports, "wake"));
      return ended === KILLED ? KILLED : { batchItemFailures: [] };
    },
  });

  const base: Ports = {
    settings: {
      defaultProfile: parts.profile,
      heartbeatUrl: "http://127.0.0.1/v1/heartbeat",
      signingKeys: [SIGNING_KEY],
    },
    clock: { nowMs, wait: (ms) => scheduler.sleep(ms) },
    chance: { uniform: () => random.uniform(), id: () => `id${(++ids).toString(36).padStart(6, "0")}` },
    record,
    ...stores,
    events: {
      tasksReady: async (fleet, taskIds, delayMs = 0) => {
        dispatchQueue.send(JSON.stringify({ type: "tasks.ready", fleet, taskIds }), delayMs);
      },
      wakeSweep: async () => {
        wakeQueue.send("{}", 0);
      },
    },
    log,
    metrics: { note: async () => undefined, gauge: async () => undefined },
    allocator: noAllocator,
    mirror: noMirror,
  };

  const latencyMs = (path: string): number => {
    const typical = path.startsWith("record") ? 8 : path.startsWith("events") ? 15 : 3;
    return random.chance(0.005) ? random.between(500, 2_000) : typical * (0.3 + random.uniform());
  };

  /** Which store's weather a call is exposed to. */
  const storeOf = (path: string) =>
    path.startsWith("record") ? "record" : path.startsWith("events") ? "queue" : "redis";

  function failsBefore(store: string): boolean {
    if (store === "redis") return random.chance(weather.share("redis.down"));
    return store === "record" && random.chance(weather.share("record.throttled"));
  }
  function failsAfter(store: string): boolean {
    if (store === "redis") return random.chance(weather.share("redis.mute"));
    return store === "record" && random.chance(weather.share("record.mute"));
  }

  /** Ports that one function uses at a time. Millions of functions run, and few are killed. */
  type Place = { around: Around; wait: (ms: number) => Promise<void>; ports: Ports; leftMs: number };
  const free: Place[] = [];
  function createPlace(): Place {
    const place: Place = { around: (_call, apply) => apply(), wait: base.clock.wait, ports: base, leftMs: 0 };
    const tapped = tapPorts(base, (call, apply) => place.around(call, apply));
    return Object.assign(place, {
      ports: { ...tapped, clock: { nowMs, wait: (ms: number) => place.wait(ms) } },
    });
  }

  /**
   * Runs a function once. Each of its calls of a store may be delayed, fail before or after it was applied, or be
   * the last thing the function ever does.
   */
  function invoke<T>(
    name: string,
    interleaved: boolean,
    run: (ports: Ports) => Promise<T>,
  ): Promise<T | Killed> {
    return new Promise((resolve) => {
      let dead = false;
      const isDead = () => dead;
      const die = (): Promise<never> => {
        dead = true;
        parts.died();
        history.note(scheduler.nowMs(), `${name} killed`);
        resolve(KILLED);
        return never();
      };
      async function inBadWeather(call: PortCall, apply: () => Promise<unknown>): Promise<unknown> {
        if (interleaved) await scheduler.sleep(latencyMs(call.path));
        if (isDead()) return never();
        const store = storeOf(call.path);
        if (failsBefore(store)) throw new StoreUnavailable(store, new Error("injected"));
        const result = lag.listing(call) ?? (await apply());
        if (changesStore(call.path)) {
          observe(call, result);
          if (random.chance(Math.max(parts.suddenDeath, weather.share("functions.dying")))) return die();
        }
        if (failsAfter(store)) throw new StoreUnavailable(store, new Error("injected, after it was applied"));
        return result;
      }
      // What a function did not wait for never happens once it has ended: until time has moved, its place stays closed.
      const place = (free[0] && free[0].leftMs < scheduler.nowMs() ? free.shift() : null) ?? createPlace();
      place.around = (call, apply) => {
        if (dead) return never();
        // Most calls are these, and nothing can happen to them.
        const undisturbed = !interleaved && weather.isFair() && !changesStore(call.path);
        return undisturbed ? apply() : inBadWeather(call, apply);
      };
      place.wait = async (ms) => {
        await scheduler.sleep(ms);
        if (isDead()) await never();
      };
      run(place.ports).then(
        (ended) => {
          dead = true;
          place.leftMs = scheduler.nowMs();
          free.push(place);
          resolve(ended);
        },
        (error: unknown) => {
          // A 503: whoever asked knows as little as if the function had died. Anything else is an error of ours.
          if (!(error instanceof StoreUnavailable))
            thrown.push(`${name}: ${(error as Error).stack ?? String(error)}`);
          dead = true;
          resolve(KILLED);
        },
      );
    });
  }

  function sweepEveryMinute(untilMs: number): void {
    const run = () => {
      if (!random.chance(weather.share("sweep.skipped"))) void startSweep();
      if (scheduler.nowMs() + SCHEDULE_MS < untilMs)
        scheduler.at(scheduler.nowMs() + SCHEDULE_MS + random.between(-200, 200), run);
    };
    scheduler.at(scheduler.nowMs() + random.between(0, SCHEDULE_MS), run);
  }
  const startSweep = () => invoke("sweep", random.chance(0.5), (ports) => runSweep(ports, "schedule"));

  return {
    base,
    stores,
    record,
    thrown,
    nowMs,
    invoke,
    sweepEveryMinute,
    startSweep,
    addFleet: (fleet: string) => record.fleets.commit(null, newFleet(fleet, parts.profile, nowMs())),
    poison: () => {
      dispatchQueue.send("{", 0);
    },
    deadLetters: () => dispatchQueue.deadLetters(),
    loseRedis: () => {
      for (const store of Object.values(stores)) store.lose();
    },
    saveRedis: () => {
      const restores = Object.values(stores).map((store) => store.save());
      return () => {
        for (const restore of restores) restore();
      };
    },
  };
}
