import { isRefusal } from "../../shared/contract/errors.ts";
import type { SessionRecord } from "../../shared/contract/records.ts";
import { claimTasks } from "../../shared/operations/claim-tasks.ts";
import { dispatchReady } from "../../shared/operations/dispatch-ready.ts";
import { publishSession } from "../../shared/operations/publish-session.ts";
import { completeTask } from "../../shared/operations/settle-task.ts";
import { submitTasks } from "../../shared/operations/submit-tasks.ts";
import type { HeldTask } from "../../shared/contract/session.ts";
import { claimsOf, seedSessions } from "./seed-fleet.ts";
import type { BenchStores } from "./stores.ts";

export const FLEET = "default";
const BATCH = 100;

/** Tasks of a backlog, by their ids. */
export const idsOf = (prefix: string, count: number) =>
  Array.from({ length: count }, (_, place) => `${prefix}-${place}`);

/** Submits them in batches of 100, and delivers the events that this sends. */
export async function submitAll(stores: BenchStores, ids: readonly string[]): Promise<void> {
  for (let from = 0; from < ids.length; from += BATCH) {
    const batch = ids.slice(from, from + BATCH).map((id) => ({ id, type: "bench", data: {} }));
    const answer = await submitTasks(stores.ports, FLEET, batch, null);
    if (isRefusal(answer)) throw new Error(answer.detail);
    await deliver(stores);
  }
}

export async function deliver({ ports, takeEvents }: BenchStores): Promise<void> {
  for (const event of takeEvents()) await dispatchReady(ports, { type: "tasks.ready", ...event });
}

/** Sessions of one task each, in the record and in Redis. */
export async function openSessions(
  { ports }: BenchStores,
  prefix: string,
  count: number,
): Promise<SessionRecord[]> {
  const sessions = await seedSessions(
    ports,
    FLEET,
    idsOf(prefix, count).map((id) => ({ id, capacity: 1 })),
  );
  await ports.registry.extend(
    sessions.map(({ fleet, host, id, epoch }) => ({ fleet, host, session: id, epoch })),
    ports.clock.nowMs() + 1_000_000,
  );
  for (const session of sessions) await publishSession(ports, session);
  return sessions;
}

/** One session works until nothing is left: it claims, then each completion hands it the next. */
export async function workOff({ ports }: BenchStores, session: SessionRecord): Promise<number> {
  const claims = claimsOf(session);
  const claimed = await claimTasks(ports, claims, 1);
  if (isRefusal(claimed)) throw new Error(claimed.detail);
  let next: HeldTask | null = claimed.tasks[0] ?? null;
  let done = 0;
  while (next) {
    const { task, fence }: HeldTask = next;
    const answer = await completeTask(ports, claims, task.id, { fence, result: null });
    if (isRefusal(answer)) throw new Error(answer.detail);
    next = answer.next;
    done++;
  }
  return done;
}
