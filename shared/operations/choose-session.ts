import type { BalancePolicy } from "../contract/fleet.ts";
import type { TaskRecord } from "../contract/records.ts";
import { expectedFinishes } from "../domain/performance.ts";
import { couldTake, demandsOf, splitDemands } from "../domain/placement.ts";
import { load } from "../domain/session-transitions.ts";
import type { Ports } from "../ports/ports.ts";
import type { Candidate } from "../ports/registry.ts";

/** Sessions tried for one task before it goes back to its queue. */
const CANDIDATES_LIMIT = 5;
/** Sessions whose expected finish is compared: one that is fast and busy may be better than those that hold least. */
const COMPARED_LIMIT = 20;

/** Sessions with room that could take what asks for this, the least loaded first. Empty: nobody can, now. */
export async function candidatesFor(
  ports: Ports,
  fleet: string,
  demands: readonly string[],
  policy: BalancePolicy,
): Promise<Candidate[]> {
  const { session, host, capabilities } = splitDemands(demands);
  if (session !== undefined || host !== undefined)
    return sessionsAt(ports, fleet, { session, host }, demands);
  const limit = policy === "performance" ? COMPARED_LIMIT : CANDIDATES_LIMIT;
  return ports.registry.candidates(fleet, capabilities, limit);
}

/**
 * The same sessions in the order in which this task should be offered to them: first where it would rather be, then by
 * the fleet's policy. A preference chooses among sessions with room and never makes a task wait.
 */
export async function inOrderFor(
  ports: Ports,
  task: TaskRecord,
  candidates: readonly Candidate[],
  policy: BalancePolicy,
): Promise<string[]> {
  const preferred = await preferredBy(ports, task);
  const byPolicy = policy === "performance" ? await byFinish(ports, task, candidates) : candidates;
  const ids = [...preferred, ...byPolicy].map(({ session }) => session);
  return [...new Set(ids)].slice(0, CANDIDATES_LIMIT);
}

/** Sessions with room where a task would rather be. */
async function preferredBy(ports: Ports, task: TaskRecord): Promise<Candidate[]> {
  const { fleet, affinity, key } = task;
  if (!affinity || affinity.required) return [];
  const { session, host } = affinity;
  const demands = demandsOf(task);
  const last =
    affinity.key && key !== null
      ? (await ports.record.semaphores.get(fleet, `key:${key}`))?.lastSession
      : undefined;
  const places = [{ session: last }, { session }, { host }];
  const found: Candidate[] = [];
  for (const place of places)
    if (place.session !== undefined || place.host !== undefined)
      found.push(...(await sessionsAt(ports, fleet, place, demands)));
  return found;
}

type Place = { readonly session?: string | undefined; readonly host?: string | undefined };

/** Sessions at a place that could take what asks for this, as the record has them, the least loaded first. */
async function sessionsAt(
  { record }: Ports,
  fleet: string,
  { session, host }: Place,
  demands: readonly string[],
): Promise<Candidate[]> {
  const ids =
    session !== undefined ? [session] : ((await record.hosts.get(fleet, host ?? ""))?.sessions ?? []);
  const sessions = await record.sessions.getMany(fleet, ids);
  return sessions
    .filter((one) => couldTake(one, demands))
    .map((one) => ({ session: one.id, load: load(one) }))
    .sort((a, b) => a.load - b.load || (a.session < b.session ? -1 : 1));
}

/** Those expected to finish it first in front; equal ones as they were. */
async function byFinish(
  { record }: Ports,
  { fleet, type }: TaskRecord,
  candidates: readonly Candidate[],
): Promise<Candidate[]> {
  const records = await record.performances.getMany(
    fleet,
    candidates.map(({ session }) => session),
  );
  const finishes = expectedFinishes(
    new Map(candidates.map((candidate) => [candidate.session, candidate.load])),
    new Map(records.map((one) => [one.session, one])),
    type,
  );
  const finishOf = ({ session }: Candidate) => finishes.get(session) ?? Infinity;
  return candidates.toSorted((a, b) => finishOf(a) - finishOf(b));
}
