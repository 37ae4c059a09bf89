import { randomUUID } from "node:crypto";
import { startDynamo } from "../../infra/local/dynamo.ts";
import { type BullMq, type Connection, loadBullMq } from "./bullmq-peer.ts";
import { type QueueWorld as World, measureSingleTasks } from "./queue-single.ts";
import { measureBullMqKill } from "./bullmq-recovery.ts";
import type { BenchOptions, BenchResult, BenchRow } from "./benchmark.ts";
import {
  countOf,
  describeCommands,
  readCommands,
  resetCommands,
  transactionsOf,
} from "../../infra/cost/redis-commands.ts";
import { measurePairs, median, ratioRow, rounded, timed } from "./pairs.ts";
import { FLEET, idsOf, openSessions, submitAll, workOff } from "./queue-ours.ts";
import { measureRecovery } from "./recovery.ts";
import { type Lane, recordRequests, replayRequests } from "./recorded-requests.ts";
import { TABLE, dynamoClientOf, startBenchStores } from "./stores.ts";

const PAIRS = 7;
/** Single tasks on each side. */
const STARTS = 31;
const BACKLOG = 1_000;
/** The embedded DynamoDB is slow: a shorter backlog for what goes through it. */
const DURABLE_BACKLOG = 200;
const SESSIONS = 8;
const COMMANDS_LIMIT = 8;
const KILLS = 5;
const PEER_KILLS = 3;

/**
 * Our queue beside BullMQ at its defaults: on the same redis-server, in turn. Ours is measured where Lambda would run
 * it: operations, adapters and the Upstash REST protocol, without the way from a host to an API.
 */
export async function measureQueue({ n, seed, onProgress }: BenchOptions): Promise<BenchResult> {
  const pairs = n ?? PAIRS;
  const { bullmq, version } = await loadBullMq(onProgress);
  const stores = await startBenchStores("dynamo");
  try {
    const { host = "127.0.0.1", port = 0, password = "" } = stores.redis.options;
    const world = { stores, bullmq, connection: { host, port, password } };
    onProgress("commands of a task's whole life");
    const counted = await countCommands(world);
    onProgress(`single tasks, ${STARTS} on each side`);
    const single = await measureSingleTasks(world, STARTS);
    onProgress(`drain of ${BACKLOG}, ${pairs} pairs, the index alone`);
    const index = await measureIndex(world, pairs);
    onProgress(`drain of ${DURABLE_BACKLOG}, ${pairs} pairs, with the record`);
    const durable = await measureDurable(world, pairs);
    onProgress(`recovery after kill -9: ${PEER_KILLS} of BullMQ at once, up to 90 s, then ${KILLS} of ours`);
    const recovery = await compareRecovery(world, seed, onProgress);
    return {
      rows: [...counted.rows, ...single.rows, ...index, ...durable, recovery],
      notes: [
        `The peer is BullMQ ${version}, or the raw limit: the same requests to the same stores with nothing of ours around,`,
        "as bare bytes or by the AWS SDK, which signs, writes and reads them in a process that has one thread for all.",
        "Lower is better everywhere; a ratio over 1 is lost. 80% of the raw limit is a ratio of 1.25.",
        ...counted.notes,
        ...single.notes,
      ],
    };
  } finally {
    await stores.close();
  }
}

/** What the server executed for a backlog in batches of 100, by `INFO commandstats`: calls inside of scripts too. */
async function countCommands({ bullmq, connection, stores }: World) {
  const ours = await startBenchStores("memory");
  let mine: Awaited<ReturnType<typeof readCommands>>;
  try {
    await resetCommands(ours.redis);
    await submitAll(ours, idsOf("counted", BACKLOG));
    const submitted = await readCommands(ours.redis);
    const sessions = await openSessions(ours, "counting", SESSIONS);
    await resetCommands(ours.redis);
    const done = await Promise.all(sessions.map((session) => workOff(ours, session)));
    if (done.reduce((sum, one) => sum + one, 0) !== BACKLOG)
      throw new Error("Not every task was worked off.");
    const drained = await readCommands(ours.redis);
    mine = new Map(
      [...new Set([...submitted.keys(), ...drained.keys()])].map((name) => [
        name,
        (submitted.get(name) ?? 0) + (drained.get(name) ?? 0),
      ]),
    );
  } finally {
    await ours.close();
  }
  await resetCommands(stores.redis);
  await drainBullMq(bullmq, connection, BACKLOG, () => undefined);
  const theirs = await readCommands(stores.redis);
  const [ourCount, theirCount] = [countOf(mine) / BACKLOG, countOf(theirs) / BACKLOG];
  const row: BenchRow = {
    name: "commands a task",
    ours: rounded(ourCount),
    unit: "commands",
    peer: rounded(theirCount),
    limit: COMMANDS_LIMIT,
    ratio: rounded(ourCount / theirCount),
    n: BACKLOG,
  };
  return {
    rows: [row],
    notes: [
      `Ours, a task: ${describeCommands(mine, BACKLOG)}; MULTI and EXEC ${transactionsOf(mine) / BACKLOG}, not counted.`,
      `BullMQ, a task: ${describeCommands(theirs, BACKLOG)}; MULTI and EXEC ${transactionsOf(theirs) / BACKLOG}, not counted.`,
    ],
  };
}

/** Adds a backlog in batches, then drains it with one worker. */
async function drainBullMq(
  { Queue, Worker }: BullMq,
  connection: Connection,
  count: number,
  onFilled: () => void,
): Promise<void> {
  const name = `bench-${randomUUID()}`;
  const queue = new Queue(name, { connection });
  const jobs = idsOf("job", count).map((id) => ({ name: id, data: {} }));
  for (let from = 0; from < count; from += 100) await queue.addBulk(jobs.slice(from, from + 100));
  onFilled();
  const drained = Promise.withResolvers<undefined>();
  let done = 0;
  const process = async () => {
    if (++done === count) drained.resolve(undefined);
  };
  const worker = new Worker(name, process, { connection, concurrency: SESSIONS });
  await drained.promise;
  await worker.close();
  await queue.obliterate({ force: true });
  await queue.close();
}

async function bullMqMsPerTask({ bullmq, connection }: World, count: number): Promise<number> {
  let filledMs = 0;
  const wholeMs = await timed(async () => {
    const startedMs = performance.now();
    await drainBullMq(bullmq, connection, count, () => {
      filledMs = performance.now() - startedMs;
    });
  });
  return (wholeMs - filledMs) / count;
}

type Drain = {
  readonly tasks: number;
  /** Whether the record takes part. */
  readonly durable: boolean;
  /** Fills the queue; the lanes then drain it. */
  fill(pair: number): Promise<(() => Promise<void>)[]>;
};

/** A drain of ours beside the same requests alone, and beside BullMQ. Returns milliseconds a task. */
async function measureDrain(world: World, name: string, pairs: number, drain: Drain): Promise<BenchRow[]> {
  const { stores } = world;
  const raw: number[] = [];
  const byClient: number[] = [];
  const { ours, peer } = await measurePairs(
    pairs,
    async (pair) => {
      const recorder = recordRequests(stores);
      let lanes: (() => Promise<void>)[] = [];
      const filling = await recorder.lane(async () => {
        lanes = await drain.fill(pair);
      });
      let drained: Lane[] = [];
      const tookMs = await timed(async () => {
        drained = await Promise.all(lanes.map((lane) => recorder.lane(lane)));
      });
      recorder.stop();
      raw.push((await replayMs(world, filling, drained, false)) / drain.tasks);
      if (drain.durable) byClient.push((await replayMs(world, filling, drained, true)) / drain.tasks);
      return tookMs / drain.tasks;
    },
    () => bullMqMsPerTask(world, drain.tasks),
  );
  return [
    ratioRow(`${name}, against BullMQ`, { ours, peer }, "ms/task", null),
    ...(drain.durable
      ? [
          ratioRow(
            `${name}, against the same calls of the AWS SDK`,
            { ours, peer: byClient },
            "ms/task",
            null,
          ),
        ]
      : []),
    ratioRow(`${name}, against the raw limit`, { ours, peer: raw }, "ms/task", null),
  ];
}

/** @param byClient whether requests to DynamoDB go through its client, as ours do */
async function replayMs(
  { stores }: World,
  filling: Lane,
  drained: readonly Lane[],
  byClient: boolean,
): Promise<number> {
  const empty = await startDynamo({
    path: null,
    tableName: TABLE,
    onFailure: (error) => process.stderr.write(`DynamoDB: ${error.message}\n`),
  });
  const client = byClient ? dynamoClientOf(empty.endpoint) : null;
  const to = { redis: stores.rest.url, dynamo: client ?? empty.endpoint };
  try {
    await stores.redis.flushall();
    const notFilled = await replayRequests([filling], to);
    const startedMs = performance.now();
    const refused = await replayRequests(drained, to);
    const tookMs = performance.now() - startedMs;
    // What a store refuses costs it less: the raw limit would look quicker than it is.
    if (notFilled + refused > 0)
      throw new Error(`${notFilled + refused} requests were refused when they were sent again.`);
    return tookMs;
  } finally {
    await stores.redis.flushall();
    client?.destroy();
    await empty.close();
  }
}

/** The ready queue by itself: taken and settled, without any record. */
async function measureIndex(world: World, pairs: number): Promise<BenchRow[]> {
  const { workQueue, clock, chance } = world.stores.ports;
  const lane = async () => {
    for (;;) {
      const take = await workQueue.take(FLEET, [[]], chance.id(), clock.nowMs() + 10_000);
      if (!take) return;
      await workQueue.settle(FLEET, take);
    }
  };
  return measureDrain(world, "drain of the index", pairs, {
    tasks: BACKLOG,
    durable: false,
    async fill() {
      const ready = idsOf("indexed", BACKLOG).map((taskId, order) => ({ taskId, requires: [], order }));
      for (let from = 0; from < BACKLOG; from += 100)
        await workQueue.add(FLEET, ready.slice(from, from + 100));
      return Array.from({ length: SESSIONS }, () => lane);
    },
  });
}

/** The whole path: claimed, completed, the next handed out with the completion; the record in DynamoDB. */
async function measureDurable(world: World, pairs: number): Promise<BenchRow[]> {
  const { stores } = world;
  return measureDrain(world, "drain of the durable path", pairs, {
    tasks: DURABLE_BACKLOG,
    durable: true,
    async fill(pair) {
      await submitAll(stores, idsOf(`durable-${pair}`, DURABLE_BACKLOG));
      const sessions = await openSessions(stores, `draining-${pair}`, SESSIONS);
      return sessions.map((session) => async () => {
        await workOff(stores, session);
        const now = await stores.ports.record.sessions.get(FLEET, session.id);
        // The next backlog is for the next sessions.
        if (now) await stores.ports.record.sessions.commit(now, { ...now, state: "draining" });
      });
    },
  });
}

/** Both at their defaults: ours in profile `fast`, the death of a whole host; BullMQ's worker with its job. */
async function compareRecovery(
  { bullmq, connection }: World,
  seed: number,
  onProgress: (line: string) => void,
): Promise<BenchRow> {
  const kills = Array.from({ length: PEER_KILLS }, (_, place) =>
    measureBullMqKill(bullmq, connection, `killed-${place}`),
  );
  const peer = await Promise.all(kills);
  const { rows } = await measureRecovery({ n: KILLS, seed, onProgress });
  const ours = rows.find(({ name }) => name === "host death");
  if (!ours) throw new Error("The recovery benchmark has no row of a host's death.");
  const theirs = Math.round(median(peer));
  return {
    ...ours,
    name: "recovery after kill -9",
    peer: theirs,
    ratio: rounded(ours.ours / theirs),
  };
}
