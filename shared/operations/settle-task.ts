import { type Refusal, isRefusal, refuse } from "../contract/errors.ts";
import { TASK_RESULT_BYTES_LIMIT } from "../contract/limits.ts";
import type { TaskRecord } from "../contract/records.ts";
import type { HeldTask } from "../contract/session.ts";
import type {
  CompleteRequest,
  FailRequest,
  ProgressRequest,
  ReleaseRequest,
  Task,
} from "../contract/task.ts";
import { hashOf } from "../domain/canonical-json.ts";
import { taskExperiment } from "../domain/experiments/parameters.ts";
import type { Decision } from "../domain/decision.ts";
import { usedBy } from "../domain/experiments/used.ts";
import { type Holder, complete, fail, progress, release } from "../domain/task-settlement.ts";
import { isEnded } from "../domain/task-transitions.ts";
import type { SessionClaims } from "../domain/tokens.ts";
import type { Ports } from "../ports/ports.ts";
import { tellMet, valueForTask } from "./allocate-task.ts";
import { announceReady } from "./announce-ready.ts";
import { changeTask } from "./change.ts";
import { claimNext } from "./claim-tasks.ts";
import { backoffBaseOf, fleetOf } from "./fleet-of.ts";
import { notePerformance } from "./note-performance.ts";
import { withOnePublication } from "./one-publication.ts";
import { releasePlace } from "./release-place.ts";
import { runEndEffects } from "./run-end-effects.ts";
import { viewTask } from "./view-task.ts";

function holderOf(claims: SessionClaims, fence: number): Holder {
  return { session: claims.session, epoch: claims.epoch, fence };
}

/** The holder says how far it is. */
export async function reportProgress(
  ports: Ports,
  claims: SessionClaims,
  id: string,
  request: ProgressRequest,
): Promise<{ task: Task } | Refusal> {
  const holder = holderOf(claims, request.fence);
  const result = await changeTask(ports, claims.fleet, id, (task) =>
    progress(task, holder, request.percent, request.message ?? null, ports.clock.nowMs()),
  );
  return isRefusal(result) ? result : { task: await viewTask(ports, result.document) };
}

/** Stands for payloads while it is only asked whether the task may be completed at all. */
const NOT_STORED = { result: { at: "inline", json: "null" }, evidence: null } as const;

/** The holder completes its task and gets the next one. The result is stored before the task names it. */
export async function completeTask(
  ports: Ports,
  claims: SessionClaims,
  id: string,
  request: CompleteRequest,
): Promise<{ task: Task; next: HeldTask | null } | Refusal> {
  const { fence, result, evidence } = request;
  const before = await ports.record.tasks.get(claims.fleet, id);
  if (!before) return refuse("task.not_found", `There is no task ${id} in this fleet.`);
  const outcome = evidence === undefined ? result : { result, evidence };
  const bytes = Buffer.byteLength(JSON.stringify(outcome ?? null));
  if (bytes > TASK_RESULT_BYTES_LIMIT)
    return refuse(
      "result.too_large",
      `The result is ${bytes} bytes; the limit is ${TASK_RESULT_BYTES_LIMIT}.`,
    );
  const bodyHash = hashOf("complete", result, evidence);
  const holder = holderOf(claims, fence);
  const probe = complete(before, holder, bodyHash, NOT_STORED, ports.clock.nowMs());
  if (probe.kind === "refused") return probe.refusal;
  const put = (name: string, value: unknown) =>
    ports.record.payloads.put(claims.fleet, id, `${name}-${fence}`, value);
  const stored = await put("result", result ?? null);
  const used = usedBy(result);
  const payloads = {
    result: stored,
    evidence: evidence == null ? null : await put("evidence", evidence),
    // So that it need not be fetched to know.
    ...(stored.at !== "inline" && Object.keys(used).length > 0 && { used }),
  };
  // Letting go of this task and taking the next are one change of the session, as far as others are told.
  const [task, next] = await withOnePublication(ports, async (once) => {
    const settled = await settle(once, claims, id, (current) =>
      complete(current, holder, bodyHash, payloads, ports.clock.nowMs()),
    );
    if (isRefusal(settled)) return [settled, null] as const;
    await notePerformance(once, settled, claims.session, fence, true);
    return [settled, await claimNext(once, claims, { task: id, session: claims.session, fence })] as const;
  });
  return isRefusal(task) ? task : { task: await viewTask(ports, task), next };
}

/** Of a parameter that is not under experiment a task is given what the fleet uses. */
const FLEETS = { value: undefined, meets: null } as const;

/**
 * The holder reports a failed attempt. The factor of the backoff is used, and an experiment on it met, if the task is to be tried
 * again: not if it is a dead letter now.
 */
export async function failTask(
  ports: Ports,
  claims: SessionClaims,
  id: string,
  request: FailRequest,
): Promise<{ task: Task } | Refusal> {
  const { fleet, session } = claims;
  const { fence, error, retryable = true } = request;
  const settings = await fleetOf(ports, fleet);
  // Only an experiment must know the task before it is changed.
  const varied = retryable && taskExperiment(settings.tuning, "retryBackoffFactor") !== null;
  const known = (varied && (await ports.record.tasks.get(fleet, id))) || undefined;
  const { value, meets } = known ? await valueForTask(ports, settings, known, "retryBackoffFactor") : FLEETS;
  const failure = {
    ...{ error, retryable, bodyHash: hashOf("fail", error, retryable), uniform: ports.chance.uniform() },
    ...(meets && { meets: { [meets.experiment.id]: meets.exposure } }),
  };
  const decide = (current: TaskRecord) => {
    const backoffBaseMs = backoffBaseOf(settings, current, value);
    return fail(current, holderOf(claims, fence), { ...failure, backoffBaseMs }, ports.clock.nowMs());
  };
  const task = await settleAndLetGo(ports, claims, id, fence, decide, known);
  if (isRefusal(task)) return task;
  if (meets) await tellMet(ports, task, meets);
  await notePerformance(ports, task, session, fence, false);
  return { task: await viewTask(ports, task) };
}

/** The holder gives its task back. Of a cancelled task it says that it has stopped. */
export async function releaseTask(
  ports: Ports,
  claims: SessionClaims,
  id: string,
  request: ReleaseRequest,
): Promise<{ task: Task } | Refusal> {
  const { fence, reason } = request;
  const bodyHash = hashOf("release", reason);
  const task = await settleAndLetGo(ports, claims, id, fence, (current) =>
    release(current, holderOf(claims, fence), bodyHash, ports.clock.nowMs()),
  );
  if (!isRefusal(task)) return { task: await viewTask(ports, task) };
  if (task.refused !== "task.cancelled") return task;
  await releasePlace(ports, claims.fleet, claims.session, id, fence);
  const cancelled = await ports.record.tasks.get(claims.fleet, id);
  return cancelled ? { task: await viewTask(ports, cancelled) } : task;
}

/**
 * Commits a holder's decision, then its effects. Whoever calls it lets the session go of the task afterwards: until then the
 * session's `held` remembers that effects may be missing. A replay runs the later steps again.
 */
async function settle(
  ports: Ports,
  { fleet }: SessionClaims,
  id: string,
  decide: (task: TaskRecord) => Decision<TaskRecord>,
  known?: TaskRecord,
): Promise<TaskRecord | Refusal> {
  const result = await changeTask(ports, fleet, id, decide, known);
  if (isRefusal(result)) return result;
  const task = result.document;
  if (isEnded(task)) await runEndEffects(ports, task);
  else await announceReady(ports, fleet, [task]);
  return task;
}

async function settleAndLetGo(
  ports: Ports,
  claims: SessionClaims,
  id: string,
  fence: number,
  decide: (task: TaskRecord) => Decision<TaskRecord>,
  known?: TaskRecord,
): Promise<TaskRecord | Refusal> {
  const task = await settle(ports, claims, id, decide, known);
  if (!isRefusal(task)) await releasePlace(ports, claims.fleet, claims.session, id, fence);
  return task;
}
