import { setTimeout as wait } from "node:timers/promises";
import * as z from "zod/mini";
import { HeldTask, RegisterAnswer } from "../../shared/contract/session.ts";
import type { Meters, Use } from "./meters.ts";
import { countOf } from "./redis-commands.ts";

/** Sends one request to the API, and reads its answer. */
export type Ask = (method: string, path: string, bearer: string, body?: unknown) => Promise<unknown>;

/** How tasks come, are worked on and are settled. */
export type Load = {
  readonly tasks: number;
  readonly perSubmission: number;
  readonly sessions: number;
  /** How long a session works on a task. */
  readonly pauseMs?: number;
};

/** What one of them costs, on average. */
export type PerTask = {
  readonly redis: number;
  readonly writeUnits: number;
  readonly readUnits: number;
  readonly invocations: number;
  /** Requests of functions, and those by which Lambda receives and deletes what they sent. */
  readonly sqs: number;
  readonly s3: number;
};

const Claimed = z.object({ tasks: z.array(HeldTask) });
const Completed = z.object({ next: z.nullable(HeldTask) });
const SETTLING_MS = 500;
/** Receiving a batch and deleting it. */
const REQUESTS_PER_DISPATCH = 2;

/**
 * Counts what a task uses in a fleet that always has some waiting: sessions take their next task from the answer to the last, and
 * whenever as many have ended as are submitted at once, so many more are. Not counted: how it begins and how it ends.
 */
export async function measureTasks(
  ask: Ask,
  key: string,
  meters: Pick<Meters, "take">,
  load: Load,
): Promise<PerTask> {
  const { tasks, perSubmission, pauseMs = 0 } = load;
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
  };
  await submit();
  await submit();
  await wait(SETTLING_MS);

  const countedFrom = perSubmission;
  const counted: Use[] = [];
  let completed = 0;
  const work = async ({ session, token }: RegisterAnswer): Promise<void> => {
    const claim = await ask("POST", `/v1/sessions/${session.id}/claim`, token, {});
    let next: HeldTask | null = Claimed.parse(claim).tasks[0] ?? null;
    while (next && completed < countedFrom + tasks) {
      const { task, fence }: HeldTask = next;
      if (pauseMs > 0 && completed >= countedFrom) await wait(pauseMs);
      const body = { fence, result: { ok: true } };
      ({ next } = Completed.parse(await ask("POST", `/v1/tasks/${task.id}/complete`, token, body)));
      const place = ++completed;
      if (place === countedFrom) await meters.take();
      if (place === countedFrom + tasks) counted.push(await settled().then(() => meters.take()));
      else if (place % perSubmission === 0) await submit();
    }
  };
  await Promise.all(sessions.map(work));
  const [use] = counted;
  if (!use)
    throw new Error(`${completed} tasks were completed, not ${countedFrom + tasks}: nothing can be told.`);
  return perTask(use, tasks);
}

/** Long enough for what was sent to be dispatched. */
const settled = () => wait(SETTLING_MS);

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

function perTask({ dynamo, redis, requests, invocations }: Use, tasks: number): PerTask {
  const sum = (of: "writeUnits" | "readUnits") => dynamo.reduce((total, use) => total + use[of], 0);
  const dispatched = invocations.filter(({ fn }) => fn === "dispatch").length;
  const sent = requests.filter((name) => name.startsWith("SendMessage")).length;
  return {
    redis: countOf(redis) / tasks,
    writeUnits: sum("writeUnits") / tasks,
    readUnits: sum("readUnits") / tasks,
    invocations: invocations.length / tasks,
    sqs: (sent + REQUESTS_PER_DISPATCH * dispatched) / tasks,
    s3: (requests.length - sent) / tasks,
  };
}
