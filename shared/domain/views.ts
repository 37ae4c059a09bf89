import type { Fleet, Key } from "../contract/fleet.ts";
import type { FleetRecord, KeyRecord, SessionRecord, TaskRecord } from "../contract/records.ts";
import type { Session } from "../contract/session.ts";
import type { Progress, Task } from "../contract/task.ts";
import { retentionOf } from "./retention.ts";
import { load } from "./session-transitions.ts";
import { isEnded, isOwned } from "./task-transitions.ts";

function instant(ms: number): string {
  return new Date(ms).toISOString();
}
function instantOrNull(ms: number | null): string | null {
  return ms === null ? null : instant(ms);
}

/** A task's payloads, loaded. */
export type Payloads = { readonly data: unknown; readonly result?: unknown; readonly evidence?: unknown };

/** A task as answers show it. `reported` is what its session's last beat said. */
export function taskView(
  task: TaskRecord,
  { data, result, evidence }: Payloads,
  reported: Progress | null = null,
): Task {
  return {
    id: task.id,
    type: task.type,
    priority: task.priority,
    state: task.state,
    data,
    group: task.group,
    dependsOn: task.dependsOn,
    ...(task.onFailure && { onFailure: task.onFailure }),
    key: task.key,
    requires: task.requires,
    attempt: task.attempt,
    maxAttempts: task.maxAttempts,
    sessionId: isOwned(task) ? task.owner.session : (task.settledBy?.session ?? null),
    progress: reported ?? task.progress,
    result: result ?? null,
    evidence: evidence ?? null,
    error: task.error,
    createdAt: instant(task.createdAtMs),
    startedAt: instantOrNull(task.startedAtMs),
    endedAt: isEnded(task) ? instant(task.endedAtMs) : null,
  };
}

/** What a session's beats say that its record does not keep. */
export type Seen = { readonly activity: Session["activity"]; readonly lastBeatAtMs: number | null };

export function sessionView(session: SessionRecord, seen: Seen): Session {
  return {
    id: session.id,
    host: session.host,
    agent: session.agent,
    state: session.state,
    epoch: session.epoch,
    activity: seen.activity,
    labels: session.labels,
    capabilities: session.capabilities,
    capacity: session.capacity,
    currentTasks: load(session),
    restarts: session.restarts,
    startedAt: instant(session.startedAtMs),
    lastBeatAt: instantOrNull(seen.lastBeatAtMs ?? session.lastBeatAtMs),
  };
}

export function keyView(key: KeyRecord): Key {
  return {
    id: key.id,
    scope: key.scope,
    name: key.name,
    createdAt: instant(key.createdAtMs),
    expiresAt: instantOrNull(key.expiresAtMs),
    revokedAt: instantOrNull(key.revokedAtMs),
  };
}

export function fleetView(fleet: FleetRecord): Fleet {
  return {
    id: fleet.fleet,
    profile: fleet.profile,
    autoBalance: fleet.autoBalance,
    retentionMs: retentionOf(fleet).keptMs,
    policy: fleet.policy ?? "least-loaded",
    createdAt: instant(fleet.createdAtMs),
  };
}
