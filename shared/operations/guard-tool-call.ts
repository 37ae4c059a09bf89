import type { HookAnswer, HookPayload } from "../contract/hook.ts";
import type { SessionRecord } from "../contract/records.ts";
import { GO_ON, denyCall, supersededReason, takenReason, wasTaken } from "../domain/hook-answers.ts";
import { lastTaskOf } from "../domain/journal.ts";
import { refuseEpoch } from "../domain/session-transitions.ts";
import type { SessionClaims } from "../domain/tokens.ts";
import type { Ports } from "../ports/ports.ts";
import { runningTasks } from "./beat-session.ts";
import { type Tenure, isOwnTool, noteToolCall } from "./note-tool-call.ts";

/** The session of a token, if this start of it counts. */
export async function countingSession(
  { record }: Ports,
  { fleet, session: id, epoch }: SessionClaims,
): Promise<SessionRecord | null> {
  const session = await record.sessions.get(fleet, id);
  return session && !refuseEpoch(session, epoch) ? session : null;
}

/**
 * Asked before each tool call: refuses those of a session that counts no more, or that surely lost the task it works on, by what
 * the record says now; and notes the others before they run.
 */
export async function guardToolCall(
  ports: Ports,
  claims: SessionClaims,
  payload: HookPayload,
): Promise<HookAnswer> {
  const session = await countingSession(ports, claims);
  // By its own tools a session hears for itself that it counts no more.
  if (isOwnTool(payload)) return GO_ON;
  if (!session) return denyCall(supersededReason(claims.session));
  const running = await runningTasks(ports, session);
  const taken = running.length === 0 ? await takenTask(ports, claims) : null;
  if (taken) return denyCall(takenReason(taken.id, taken.cancelled));
  await noteToolCall(ports, claims, payload, onlyTask(running));
  return GO_ON;
}

/** The task that a session works on; null where it holds several, because no hook says which one a call is for. */
export function onlyTask(running: readonly Tenure[]): Tenure | null {
  const [only, ...others] = running;
  return only && others.length === 0 ? { id: only.id, fence: only.fence } : null;
}

/** The task that this start last used a tool for, if it was surely taken from it. */
async function takenTask(
  { record }: Ports,
  { fleet, session, epoch }: SessionClaims,
): Promise<{ id: string; cancelled: boolean } | null> {
  const last = lastTaskOf(await record.journals.get(fleet, session), epoch);
  const task = last && (await record.tasks.get(fleet, last.id));
  if (!task || !wasTaken(task, { session, epoch, fence: last.fence })) return null;
  return { id: task.id, cancelled: task.state === "cancelled" };
}
