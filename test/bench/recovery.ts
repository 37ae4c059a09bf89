import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { startCloudProcess } from "../fixtures/cloud-process.ts";
import { createFleetApi, type FleetApi } from "../fixtures/fleet-api.ts";
import { createStartLog, type Start, type StartLog } from "../fixtures/start-log.ts";
import type { BenchOptions, BenchResult, BenchRow } from "./benchmark.ts";
import { createHostPool, type HostPool } from "./host-pool.ts";
import { percentile } from "./percentile.ts";
import { createRandom } from "./random.ts";

const KILLS = 30;
/** One host dies at a time, so three survive. */
const HOSTS = 4;
const SESSIONS_PER_HOST = 2;
const PROCESS_LIMIT_MS = 1_000;
const HOST_LIMIT_MS = 6_000;
/** BullMQ 6.7 at defaults, `kill -9` of a worker to its job running again: 31 to 88 s. Documented, not run here. */
const PEER_MEAN_MS = 53_000;
/** Longer than anything that recurs in profile `fast`, so that kills fall anywhere between two beats and ticks. */
const PHASE_MS = 1_000;
const START_POLL_MS = 5;
/** Past this nothing is measured any more: something is lost. */
const LOST_AFTER_MS = 60_000;

type World = {
  readonly api: FleetApi;
  readonly log: StartLog;
  readonly pool: HostPool;
  /** From now on a start of this task ends at once, having been noted. */
  readonly letEnd: (task: string) => void;
};

/**
 * From a real SIGKILL to the same task running again, in profile `fast`: of the task's process, and of its host's
 * supervisor. The embedded cloud and every host are processes of their own; "running again" is what the task's
 * process itself does first of all, seen by looking every 5 ms.
 */
export async function measureRecovery({ n, seed, onProgress }: BenchOptions): Promise<BenchResult> {
  const kills = n ?? KILLS;
  const dir = mkdtempSync(path.join(tmpdir(), "shim-bench-"));
  onProgress(`starting a cloud and ${HOSTS} hosts`);
  const cloud = await startCloudProcess({ stateDir: path.join(dir, "state") });
  const { world, close } = openWorld(dir, cloud);
  const removeDir = () => {
    rmSync(dir, { recursive: true, force: true, maxRetries: 5 });
  };
  // An interruption runs no `finally`, and hosts that hear of it would wait for a cloud that is gone.
  const endAtOnce = () => {
    void close();
    void cloud.kill();
    removeDir();
  };
  process.once("exit", endAtOnce);
  const random = createRandom(seed);
  try {
    await world.pool.full();
    const process = await measureKills("process", kills, world, random, killProcess, onProgress);
    const host = await measureKills("host", kills, world, random, killHost, onProgress);
    return {
      rows: [toRow("process crash", process, PROCESS_LIMIT_MS), toRow("host death", host, HOST_LIMIT_MS)],
      notes: [
        describe("process crash", process),
        describe("host death", host),
        `Ours is the maximum of ${kills} kills each: SIGKILL to the same task's process running again, ${HOSTS} hosts, profile fast.`,
        "The peer's value was not measured in this run: it is a documented measurement of BullMQ 6.7 at defaults on a",
        "local Redis 7.0.15, kill -9 of a worker to its job running again, 31 to 88 s, mean 53 s.",
      ],
    };
  } finally {
    await close();
    await cloud.kill();
    removeDir();
    process.removeListener("exit", endAtOnce);
  }
}

function openWorld(dir: string, { url, adminKey }: { url: string; adminKey: string }) {
  const ends = path.join(dir, "ends");
  mkdirSync(ends);
  const log = createStartLog(dir);
  const pool = createHostPool({
    url,
    key: adminKey,
    cwd: dir,
    hosts: HOSTS,
    sessionsPerHost: SESSIONS_PER_HOST,
    script: (host) => `${log.note(host)} [ -e '${ends}'/"$SHIM_TASK_ID" ] || exec sleep 600`,
  });
  const letEnd = (task: string) => {
    writeFileSync(path.join(ends, task), "");
  };
  const world: World = { api: createFleetApi({ url, key: adminKey }), log, pool, letEnd };
  return { world, close: () => pool.close() };
}

type Kill = (first: Start, world: World) => Promise<() => void>;

/** Each in turn: run a task, wait for a random moment, kill, and see when it runs again. */
async function measureKills(
  name: string,
  kills: number,
  world: World,
  random: () => number,
  kill: Kill,
  onProgress: (line: string) => void,
): Promise<number[]> {
  const measured: number[] = [];
  for (let i = 1; i <= kills; i++) {
    const task = `${name}-${i}`;
    await world.api.submit({ id: task });
    const first = await world.log.started(task);
    await world.api.reached(task, "running");
    await wait(random() * PHASE_MS);
    world.letEnd(task);
    const killedMs = performance.now();
    const clean = await kill(first, world);
    const again = await world.log.started(task, first.fence, LOST_AFTER_MS, START_POLL_MS);
    const tookMs = Math.ceil(performance.now() - killedMs);
    measured.push(tookMs);
    onProgress(`${name} ${i}/${kills}: ${tookMs} ms (${first.host} -> ${again.host})`);
    clean();
    await world.pool.full();
    await world.api.reached(task, "completed");
  }
  return measured;
}

const killProcess: Kill = async ({ pid }) => {
  process.kill(pid, "SIGKILL");
  return () => undefined;
};

const killHost: Kill = async ({ host }, { pool }) => {
  await pool.host(host).kill();
  return () => {
    pool.replace(host);
  };
};

function toRow(name: string, measured: readonly number[], limit: number): BenchRow {
  const ours = Math.max(...measured);
  return {
    name,
    ours,
    unit: "ms",
    peer: PEER_MEAN_MS,
    limit,
    ratio: Number((ours / PEER_MEAN_MS).toFixed(4)),
    n: measured.length,
  };
}

function describe(name: string, measured: readonly number[]): string {
  const at = (share: number) => percentile(measured, share);
  return `${name}: p50 ${at(0.5)} ms, p95 ${at(0.95)} ms, max ${Math.max(...measured)} ms, n ${measured.length}`;
}
