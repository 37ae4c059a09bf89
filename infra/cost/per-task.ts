import { setTimeout as wait } from "node:timers/promises";
import * as z from "zod/mini";
import { HeldTask, RegisterAnswer } from "../../shared/contract/session.ts";
import type { Meters, Use } from "./meters.ts";
import { countOf } from "./redis-commands.ts";

/** Sends one request to the API, and reads its answer. */
export type Ask = (method: string, path: string, bearer: string, body?: unknown) => Promise<unknown>;

/** How tasks come and are settled. */
export type Load = {
  /** A multiple of what is submitted at once. */
  readonly tasks: number;
  readonly perSubmission: number;
  readonly sessions: number;
  /** From the end of a task to the end of the next, in milliseconds. */
  readonly paceMs?: number;
};

/** What one of them costs, on average. */
export type PerTask = {
  readonly redis: number;
  readonly redisBytes: number;
  readonly writeUnits: number;
  readonly readUnits: number;
  readonly invocations: number;
  /** Requests of functions, and those by which Lambda receives and deletes what they sent. */
  readonly sqs: number;
  readonly s3: number;
};

const Claimed = z.object({ tasks: z.array(HeldTask) });
const Completed = z.object({ next: z.nullable(HeldTask) });
/** Long enough for what was sent to be dispatched. */
const SETTLING_MS = 500;
/** Receiving a batch and deleting it. */
const REQUESTS_PER_DISPATCH = 2;

/**
 * Counts what a task uses in a fleet that always has some waiting: sessions take their next task from the answer to the last, one
 * after another, and whenever as many have ended as are submitted at once, so many more are. How the fleet begins and ends is not
 * counted.
 */
export async function measureTasks(
  ask: Ask,
  key: string,
  meters: Pick<Meters, "take">,
  load: Load,
): Promise<PerTask> {
  const { tasks, perSubmission, paceMs = 0 } = load;
  const sessions = await registerSessions(ask, key, load.sessions);
  let submitted = 0;
  const submit = async () => {
    const from = submitted;
    submitted += perSubmission;
    const batch = Array.from({ length: perSubmission }, (_, i) => ({
      id: `task-${from + i}`,
      type: "work",
      data: { at: i },
    }));
    await ask("POST", "/v1/tasks", key, batch);
    await wait(SETTLING_MS);
  };
  await submit();
  await submit();
  const holders: { token: string; held: HeldTask | null }[] = [];
  for (const { session, token } of sessions) {
    const claim = await ask("POST", `/v1/sessions/${session.id}/claim`, token, {});
    holders.push({ token, held: Claimed.parse(claim).tasks[0] ?? null });
  }
  const workOff = async (count: number) => {
    for (let ended = 1; ended <= count; ended++) {
      await wait(paceMs);
      const holder = holders.shift();
      if (!holder?.held) throw new Error("A session holds no task, though some wait: nothing can be told.");
      const { token, held } = holder;
      const body = { fence: held.fence, result: { ok: true } };
      const { next } = Completed.parse(await ask("POST", `/v1/tasks/${held.task.id}/complete`, token, body));
      holders.push({ token, held: next });
      if (ended % perSubmission === 0) await submit();
    }
  };
  await workOff(perSubmission);
  await meters.take();
  await workOff(tasks);
  return perTask(await meters.take(), tasks);
}

async function registerSessions(ask: Ask, key: string, count: number): Promise<RegisterAnswer[]> {
  const sessions = [];
  for (let i = 0; i < count; i++)
    sessions.push(
      RegisterAnswer.parse(
        await ask("POST", "/v1/sessions", key, { host: "worker", boot: "boot1", agent: "cost", capacity: 1 }),
      ),
    );
  return sessions;
}

function perTask({ dynamo, redis, redisBytes, requests, invocations }: Use, tasks: number): PerTask {
  const sum = (of: "writeUnits" | "readUnits") => dynamo.reduce((total, use) => total + use[of], 0);
  const dispatched = invocations.filter(({ fn }) => fn === "dispatch").length;
  const sent = requests.filter((name) => name.startsWith("SendMessage")).length;
  return {
    redis: countOf(redis) / tasks,
    redisBytes: redisBytes / tasks,
    writeUnits: sum("writeUnits") / tasks,
    readUnits: sum("readUnits") / tasks,
    invocations: invocations.length / tasks,
    sqs: (sent + REQUESTS_PER_DISPATCH * dispatched) / tasks,
    s3: (requests.length - sent) / tasks,
  };
}
