import { SESSION_CAPACITY_LIMIT } from "../../shared/contract/limits.ts";
import { PROFILES } from "../../shared/contract/profile.ts";
import type { SessionRecord } from "../../shared/contract/records.ts";
import { DEADLINES_KEY, desiredKey, queueKey } from "../../shared/adapters/upstash/keys.ts";
import { toDeadlineMember } from "../../shared/adapters/upstash/members.ts";
import { claimTasks } from "../../shared/operations/claim-tasks.ts";
import { newFleet } from "../../shared/operations/fleet-of.ts";
import { liveSessions } from "../../shared/operations/live-sessions.ts";
import { publishSession } from "../../shared/operations/publish-session.ts";
import { failTask } from "../../shared/operations/settle-task.ts";
import { submitTasks } from "../../shared/operations/submit-tasks.ts";
import { type Repair, allFleets, sweepTick } from "../../shared/operations/sweep-tick.ts";
import { fillFleet } from "../../shared/operations/take-ready.ts";
import { isRefusal } from "../../shared/contract/errors.ts";
import type { BenchOptions, BenchResult, BenchRow } from "./benchmark.ts";
import { countOf, readCommands, resetCommands } from "../../infra/cost/redis-commands.ts";
import { measurePairs, ratioRow, rounded, timed } from "./pairs.ts";
import { claimsOf, seedSessions, seedTasks } from "./seed-fleet.ts";
import { type BenchStores, startBenchStores } from "./stores.ts";

const PAIRS = 60;
/** Before anything is measured: code is compiled, scripts are loaded. */
const WARM_UP = 10;
/** How much larger a cost may be in the large fleet. */
const RATIO_LIMIT = 1.5;
const CRASHED = 100;
const REBUILD_LIMIT_MS = 60_000;
const { tickMs, timeoutMs } = PROFILES.standard;
/** Heads that Redis keeps of one queue. */
const HEADS = 10_000;
const WORD = "gpu";
/** As many as dispatch asks for. */
const CANDIDATES = 5;

type Fleet = {
  readonly name: string;
  readonly sessions: readonly SessionRecord[];
  /** How many are ready in the record. */
  readonly tasks: number;
};
type World = { readonly stores: BenchStores; readonly small: Fleet; readonly large: Fleet };

/**
 * A small fleet (100 sessions, 100 tasks) and a large one (10,000 and 100,000) on the same redis-server, measured in
 * turn. The record is in memory: what is asked is whether our work and that of Redis grow with the fleet, and 100,000
 * tasks in the embedded DynamoDB would measure its files.
 */
export async function measureScale({ n, onProgress }: BenchOptions): Promise<BenchResult> {
  const pairs = n ?? PAIRS;
  onProgress("starting a redis-server");
  const stores = await startBenchStores("memory");
  try {
    onProgress("filling the record: 10,100 sessions, 100,100 tasks");
    const small = await seedFleet(stores, "small", 100, Math.max(100, pairs + WARM_UP));
    const large = await seedFleet(stores, "large", 10_000, 100_000);
    const world = { stores, small, large };
    const rows: BenchRow[] = [];
    rows.push(...(await measureRebuild(world, onProgress)));
    onProgress("choosing sessions and placing tasks");
    rows.push(...(await measureChoice(world, pairs)));
    onProgress("claiming");
    rows.push(...(await measureClaims(world, pairs)));
    onProgress(`a tick that finds ${CRASHED} crashed sessions`);
    rows.push(...(await measureCrashes(world)));
    return {
      rows,
      notes: [
        "Ours is the large fleet (10,000 sessions, 100,000 ready tasks), the peer the small one (100 and 100), on the same",
        "redis-server 7 behind the embedded Upstash REST server, in turn; medians. The record is in memory.",
        "A rebuild's and a sweep's time is that of their work and, between ticks, that of the profile's pauses (standard).",
      ],
    };
  } finally {
    await stores.close();
  }
}

async function seedFleet({ ports }: BenchStores, name: string, count: number, tasks: number): Promise<Fleet> {
  await ports.record.fleets.commit(null, newFleet(name, "standard", ports.clock.nowMs()));
  const ids = Array.from({ length: count }, (_, place) => `${name}-${String(place).padStart(5, "0")}`);
  const sessions = await seedSessions(
    ports,
    name,
    ids.map((id) => ({ id, capacity: SESSION_CAPACITY_LIMIT })),
  );
  // None of these sessions serves them, so no tick hands them out before they are claimed.
  const taskIds = Array.from({ length: tasks }, (_, place) => `${name}-task-${place}`);
  await seedTasks(ports, name, taskIds, [WORD]);
  return { name, sessions, tasks };
}

/** Redis is empty, as after FLUSHALL: ticks until everything that it should hold is there again. */
async function measureRebuild(
  { stores, small, large }: World,
  onProgress: (line: string) => void,
): Promise<BenchRow[]> {
  const { redis } = stores;
  await redis.flushall();
  await resetCommands(redis);
  const sweep = createSweep(stores);
  let elapsedMs = 0;
  let ticks = 0;
  do {
    const tookMs = await timed(sweep.tick);
    const pauseMs = Math.max(0, tickMs - tookMs);
    ticks++;
    elapsedMs += sweep.rebuilds() ? tookMs + pauseMs : tookMs;
    stores.advance(pauseMs);
    onProgress(`rebuild: tick ${ticks}, ${Math.round(elapsedMs)} ms`);
  } while (sweep.rebuilds());
  const commands = countOf(await readCommands(redis));
  let missing = 0;
  for (const fleet of [small, large]) {
    const queued = await redis.zcard(queueKey(fleet.name, WORD));
    missing += Math.min(HEADS, fleet.tasks) - queued;
    const documents = await redis.exists(...fleet.sessions.map(({ id }) => desiredKey(fleet.name, id)));
    missing += fleet.sessions.length - documents;
  }
  missing += small.sessions.length + large.sessions.length - (await redis.zcard(DEADLINES_KEY));
  const row = { unit: "ms", peer: null, ratio: null, n: 1 };
  return [
    { ...row, name: "rebuild after a wipe", ours: Math.round(elapsedMs), limit: REBUILD_LIMIT_MS },
    { ...row, name: "missing after the rebuild", ours: missing, unit: "entries", limit: 0 },
    { ...row, name: "commands of the rebuild", ours: commands, unit: "commands", limit: null },
  ];
}

function createSweep({ ports }: BenchStores) {
  let previousMs = 1;
  let lastRepairMs = 0;
  let repair: Repair = { repairing: null, cursors: null, rebuild: false };
  return {
    rebuilds: () => repair.rebuild,
    async tick() {
      const nowMs = ports.clock.nowMs();
      const tick = { nowMs, previousMs, repair, failed: false, lastRepairMs };
      ({ repair, lastRepairMs } = await sweepTick(ports, tick, await allFleets(ports)));
      previousMs = nowMs;
    },
  };
}

/** One task comes, and one session is chosen for it among all that have room. */
async function measureChoice({ stores, small, large }: World, pairs: number): Promise<BenchRow[]> {
  const { ports } = stores;
  let submitted = 0;
  const choose = ({ name }: Fleet) => timed(() => ports.registry.candidates(name, [], CANDIDATES));
  const place = async ({ name }: Fleet) => {
    const id = `placed-${++submitted}`;
    const answer = await submitTasks(ports, name, [{ id, type: "bench", data: {} }], null);
    if (isRefusal(answer)) throw new Error(answer.detail);
    const tookMs = await timed(() => fillFleet(ports, name, 1));
    const task = await ports.record.tasks.get(name, id);
    if (task?.state !== "assigned")
      throw new Error(`Task ${id} was not placed: it is ${task?.state ?? "gone"}.`);
    return tookMs;
  };
  const rows: BenchRow[] = [];
  for (const [name, call] of [
    ["choose a session", choose],
    ["place a task", place],
  ] as const) {
    await measurePairs(
      WARM_UP,
      () => call(large),
      () => call(small),
    );
    const measured = await measurePairs(
      pairs,
      () => call(large),
      () => call(small),
    );
    rows.push(ratioRow(name, measured, "ms", RATIO_LIMIT));
  }
  return rows;
}

/** A session that serves what waits claims one task; it is ended before the next claim. */
async function measureClaims({ stores, small, large }: World, pairs: number): Promise<BenchRow[]> {
  const { ports, redis } = stores;
  const claimers = new Map<Fleet, SessionRecord>();
  for (const fleet of [small, large]) {
    const seed = { id: `${fleet.name}-claimer`, capacity: SESSION_CAPACITY_LIMIT, capabilities: [WORD] };
    const [claimer] = await seedSessions(ports, fleet.name, [seed]);
    if (!claimer) throw new Error("The claimer was not made.");
    await publishSession(ports, claimer);
    claimers.set(fleet, claimer);
  }
  const commands = new Map<Fleet, number[]>([
    [small, []],
    [large, []],
  ]);
  const claim = async (fleet: Fleet) => {
    const claimer = claimers.get(fleet);
    if (!claimer) throw new Error("A fleet has no claimer.");
    await resetCommands(redis);
    const startedMs = performance.now();
    const answer = await claimTasks(ports, claimsOf(claimer), 1);
    const tookMs = performance.now() - startedMs;
    commands.get(fleet)?.push(countOf(await readCommands(redis)));
    const [held] = isRefusal(answer) ? [] : answer.tasks;
    if (!held) throw new Error("A claim found no task though some were ready.");
    const failure = { fence: held.fence, error: { message: "measured" }, retryable: false };
    await failTask(ports, claimsOf(claimer), held.task.id, failure);
    return tookMs;
  };
  const measure = (count: number) =>
    measurePairs(
      count,
      () => claim(large),
      () => claim(small),
    );
  await measure(WARM_UP);
  const measured = await measure(pairs);
  const counted = { ours: commands.get(large) ?? [], peer: commands.get(small) ?? [] };
  return [
    ratioRow("claim", measured, "ms", RATIO_LIMIT),
    ratioRow("commands of a claim", counted, "commands", 1),
  ];
}

/**
 * The first sessions hold what was placed before; they fall silent, and one tick must return their work. Nobody beats
 * here, so everybody else's deadline is moved: whoever ran into it meanwhile would fill the tick's page.
 */
async function measureCrashes({ stores, small, large }: World): Promise<BenchRow[]> {
  const { ports, redis } = stores;
  const sweep = createSweep(stores);
  for (const { name } of [small, large])
    for await (const sessions of liveSessions(ports, name))
      await ports.registry.extend(incarnationsOf(sessions), ports.clock.nowMs() + 2 * timeoutMs);
  await ports.agenda.setStamp(ports.clock.nowMs());
  await sweep.tick();
  const silent = large.sessions.slice(0, CRASHED);
  const overdueMs = ports.clock.nowMs() - 1;
  for (const incarnation of incarnationsOf(silent))
    await redis.zadd(DEADLINES_KEY, overdueMs, toDeadlineMember(incarnation));
  await resetCommands(redis);
  const tookMs = await timed(sweep.tick);
  const commands = countOf(await readCommands(redis));
  const now = await ports.record.sessions.getMany(
    large.name,
    silent.map(({ id }) => id),
  );
  const left = CRASHED - now.filter(({ state }) => state === "crashed").length;
  const row = { peer: null, ratio: null, n: 1 };
  return [
    { ...row, name: "tick with 100 crashed", ours: rounded(tookMs), unit: "ms", limit: tickMs },
    { ...row, name: "crashed left after it", ours: left, unit: "sessions", limit: 0 },
    { ...row, name: "commands a crash", ours: rounded(commands / CRASHED), unit: "commands", limit: null },
  ];
}

const incarnationsOf = (sessions: readonly SessionRecord[]) =>
  sessions.map(({ fleet, host, id, epoch }) => ({ fleet, host, session: id, epoch }));
