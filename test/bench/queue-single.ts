import { randomUUID } from "node:crypto";
import { isRefusal } from "../../shared/contract/errors.ts";
import { claimTasks } from "../../shared/operations/claim-tasks.ts";
import { completeTask } from "../../shared/operations/settle-task.ts";
import { submitTasks } from "../../shared/operations/submit-tasks.ts";
import type { BullMq, Connection } from "./bullmq-peer.ts";
import type { BenchRow } from "./benchmark.ts";
import { countOf, describeCommands, readCommands, resetCommands } from "../../infra/cost/redis-commands.ts";
import { measurePairs, median, ratioRow, rounded, timed } from "./pairs.ts";
import { FLEET, deliver, openSessions } from "./queue-ours.ts";
import { claimsOf } from "./seed-fleet.ts";
import type { BenchStores } from "./stores.ts";

export type QueueWorld = {
  readonly stores: BenchStores;
  readonly bullmq: BullMq;
  readonly connection: Connection;
};

/** The way of one task through our functions, in order; what starts it ends with the claim. */
const LEGS = ["submit", "dispatch", "claim", "complete"] as const;
type Leg = (typeof LEGS)[number];

/**
 * One task at a time, for a worker that waits: how many commands its life costs, how long it takes from handing it in to
 * its work starting, and in which function that time goes.
 */
export async function measureSingleTasks(
  { stores, bullmq, connection }: QueueWorld,
  starts: number,
): Promise<{ rows: BenchRow[]; notes: string[] }> {
  const ours = await openOurs(stores);
  const { redis } = stores;
  await ours.run();
  await resetCommands(redis);
  await ours.run();
  const mine = await readCommands(redis);
  // Opened after that: what its worker asks for while it waits would count as ours.
  const theirs = await openTheirs(bullmq, connection);
  try {
    await theirs.run();
    const pairs = await measurePairs(starts, ours.run, theirs.run);
    await resetCommands(redis);
    await theirs.run();
    const peer = await readCommands(redis);
    const [count, peerCount] = [countOf(mine), countOf(peer)];
    return {
      rows: [
        {
          ...{ name: "commands of a single task", ours: count, unit: "commands", peer: peerCount },
          ...{ limit: null, ratio: rounded(count / peerCount), n: 1 },
        },
        ratioRow("enqueue to start", pairs, "ms", null),
        ...LEGS.map((leg) => ({
          ...{ name: `single task, ${leg}`, ours: rounded(median(ours.tookMs(leg))), unit: "ms", peer: null },
          ...{ limit: null, ratio: null, n: starts },
        })),
      ],
      notes: [
        `Ours, a single task: ${describeCommands(mine, 1)}.`,
        `BullMQ, a single task: ${describeCommands(peer, 1)}.`,
        "Enqueue to start is submit, dispatch and claim at once after each other. Deployed, the way through SQS and the wait",
        "for a beat that says so come to it: a host with free slots beats every 5 s, in profile fast every 0.5 s.",
      ],
    };
  } finally {
    await theirs.close();
    await ours.close();
  }
}

async function openOurs(stores: BenchStores) {
  const { ports } = stores;
  const [session] = await openSessions(stores, "starting", 1);
  if (!session) throw new Error("No session was opened.");
  const claims = claimsOf(session);
  const took = new Map<Leg, number[]>(LEGS.map((leg) => [leg, []]));
  let count = 0;

  async function runLeg<T>(leg: Leg, run: () => Promise<T>): Promise<T> {
    let result: T | undefined;
    took.get(leg)?.push(
      await timed(async () => {
        result = await run();
      }),
    );
    return result as T;
  }

  return {
    tookMs: (leg: Leg) => took.get(leg) ?? [],
    /** From submission to start, in milliseconds; then it is completed. */
    async run(): Promise<number> {
      const id = `single-${++count}`;
      const startedMs = performance.now();
      const task = { id, type: "bench", data: {} };
      const submitted = await runLeg("submit", () => submitTasks(ports, FLEET, [task], null));
      if (isRefusal(submitted)) throw new Error(submitted.detail);
      await runLeg("dispatch", () => deliver(stores));
      const answer = await runLeg("claim", () => claimTasks(ports, claims, 1));
      const tookMs = performance.now() - startedMs;
      const [held] = isRefusal(answer) ? [] : answer.tasks;
      if (!held) throw new Error("The task was not handed out.");
      const end = { fence: held.fence, result: null };
      const ended = await runLeg("complete", () => completeTask(ports, claims, id, end));
      if (isRefusal(ended)) throw new Error(ended.detail);
      return tookMs;
    },
    async close() {
      // What is measured next is for other sessions.
      const now = await ports.record.sessions.get(FLEET, session.id);
      if (now) await ports.record.sessions.commit(now, { ...now, state: "draining" });
      await deliver(stores);
    },
  };
}

async function openTheirs({ Queue, Worker }: BullMq, connection: Connection) {
  const name = `bench-${randomUUID()}`;
  const queue = new Queue(name, { connection });
  let started = Promise.withResolvers<undefined>();
  let done = Promise.withResolvers<undefined>();
  const worker = new Worker(
    name,
    async () => {
      started.resolve(undefined);
    },
    { connection, concurrency: 1 },
  );
  worker.on("completed", () => {
    done.resolve(undefined);
  });
  await worker.waitUntilReady();
  return {
    /** From adding one to its processor being called, in milliseconds; then it is completed. */
    async run(): Promise<number> {
      started = Promise.withResolvers();
      done = Promise.withResolvers();
      const startedMs = performance.now();
      await queue.add("job", {});
      await started.promise;
      const tookMs = performance.now() - startedMs;
      await done.promise;
      return tookMs;
    },
    async close() {
      await worker.close();
      await queue.obliterate({ force: true });
      await queue.close();
    },
  };
}
