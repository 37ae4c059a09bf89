import type { EndedTask, TaskIn, TaskRecord } from "../contract/records.ts";
import type { FailurePolicy, TaskSubmission } from "../contract/task.ts";
import { type Decision, UNCHANGED, commit } from "./decision.ts";
import { enter } from "./task-state.ts";

/** One entry of a submission's `dependsOn`, spelled out. */
export type Edge = { readonly id: string; readonly onFailure: FailurePolicy };

export function edgesOf({ dependsOn = [] }: Pick<TaskSubmission, "dependsOn">): Edge[] {
  return dependsOn.map((entry) => (typeof entry === "string" ? { id: entry, onFailure: "fail" } : entry));
}

/** The first dependency that is named with two policies, or null. */
export function findAmbiguous(edges: readonly Edge[]): string | null {
  const policies = new Map(edges.map(({ id, onFailure }) => [id, onFailure]));
  return edges.find(({ id, onFailure }) => policies.get(id) !== onFailure)?.id ?? null;
}

export function policyOf(task: Pick<TaskRecord, "onFailure">, dependency: string): FailurePolicy {
  return task.onFailure?.[dependency] ?? "fail";
}

/** Whether this dependency, as it is now, keeps the task from ever running. */
export function isBroken(task: Pick<TaskRecord, "onFailure">, dependency: TaskRecord): boolean {
  const lost = dependency.state === "failed" || dependency.state === "cancelled";
  return lost && policyOf(task, dependency.id) !== "run";
}

/**
 * What a dependency's end means to a task that waits for it. What becomes of the task depends on how its
 * dependencies end and never on who ends first: a lost `fail` edge fails it at once; a lost `skip` edge is kept in
 * mind until every `fail` edge has held; else it runs once all have ended.
 */
export function endDependency(task: TaskRecord, dependency: EndedTask, nowMs: number): Decision<TaskRecord> {
  if (task.state !== "blocked" || !task.waitingOn.includes(dependency.id)) return UNCHANGED;
  const broken = isBroken(task, dependency) && policyOf(task, dependency.id);
  if (broken === "fail") return commit(failByDependency(task, dependency.id, nowMs));
  const skippedBy = task.skippedBy ?? (broken === "skip" ? dependency.id : undefined);
  const waitingOn = task.waitingOn.filter(
    (id) => id !== dependency.id && (skippedBy === undefined || policyOf(task, id) === "fail"),
  );
  const next = { ...task, waitingOn, ...(skippedBy !== undefined && { skippedBy }) };
  return commit(waitingOn.length === 0 ? unblock(next, nowMs) : next);
}

/** A blocked task with nothing left to wait for is ready, or is skipped if that was settled before. */
export function settleBlocked(task: TaskRecord, nowMs: number): Decision<TaskRecord> {
  return task.state === "blocked" && task.waitingOn.length === 0 ? commit(unblock(task, nowMs)) : UNCHANGED;
}

function unblock(task: TaskIn<"blocked">, nowMs: number): TaskIn<"queued" | "cancelled"> {
  const { skippedBy } = task;
  if (skippedBy === undefined) return enter(task, "queued", { notBeforeMs: nowMs }, { nowMs });
  const skipped = {
    fence: task.fence + 1,
    error: { code: "dependency.skipped", message: `Dependency ${skippedBy} did not complete.` },
    lastHolder: null,
    endedAtMs: nowMs,
    effectsPending: true,
  };
  return enter(task, "cancelled", skipped, { nowMs });
}

function failByDependency(task: TaskIn<"blocked">, dependency: string, nowMs: number): TaskIn<"failed"> {
  const error = { code: "dependency.failed", message: `Dependency ${dependency} did not complete.` };
  const failed = { fence: task.fence + 1, error, endedAtMs: nowMs, effectsPending: true };
  return enter(task, "failed", failed, { nowMs });
}
