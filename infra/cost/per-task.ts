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
/** Long enough for what was sent to be dispatched. */
const SETTLING_MS = 500;
/** Receiving a batch and deleting it. */
const REQUESTS_PER_DISPATCH = 2;

/** Works off tasks as a fleet at work does: a session takes its next task from the answer to the last. */
export async function measureTasks(
  ask: Ask,
  key: string,
  meters: Pick<Meters, "take">,
  load: Load,
): Promise<PerTask> {
  const host = `host-${load.tasks}`;
  const sessions = [];
  for (let i = 0; i < load.sessions; i++)
    sessions.push(
      RegisterAnswer.parse(
        await ask("POST", "/v1/sessions", key, { host, boot: "boot1", agent: "cost", capacity: 1 }),
      ),
    );
  // What is done once, as loading scripts, is no part of a task.
  await workOff(ask, key, sessions, "warm", { ...load, tasks: load.perSubmission, pauseMs: 0 });
  await wait(SETTLING_MS);
  await meters.take();
  await workOff(ask, key, sessions, "task", load);
  await wait(SETTLING_MS);
  return perTask(await meters.take(), load.tasks);
}

async function workOff(
  ask: Ask,
  key: string,
  sessions: readonly RegisterAnswer[],
  name: string,
  { tasks, perSubmission, pauseMs = 0 }: Load,
): Promise<void> {
  for (let at = 0; at < tasks; at += perSubmission)
    await ask(
      "POST",
      "/v1/tasks",
      key,
      Array.from({ length: perSubmission }, (_, i) => ({
        id: `${name}-${at + i}`,
        type: "work",
        data: { at: i },
      })),
    );
  let completed = 0;
  const work = async ({ session, token }: RegisterAnswer): Promise<void> => {
    const claim = await ask("POST", `/v1/sessions/${session.id}/claim`, token, {});
    let next: HeldTask | null = Claimed.parse(claim).tasks[0] ?? null;
    while (next) {
      const { task, fence }: HeldTask = next;
      if (pauseMs > 0) await wait(pauseMs);
      const answer = await ask("POST", `/v1/tasks/${task.id}/complete`, token, {
        fence,
        result: { ok: true },
      });
      completed++;
      ({ next } = Completed.parse(answer));
    }
  };
  await Promise.all(sessions.map(work));
  if (completed !== tasks)
    throw new Error(`${completed} of ${tasks} tasks were completed; nothing can be told from that.`);
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
