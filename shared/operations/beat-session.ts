import { type Refusal, isRefusal, refuse } from "../contract/errors.ts";
import type { SessionBeat } from "../contract/heartbeat.ts";
import type { Command } from "../contract/heartbeat-answer.ts";
import type { OwnedTask, SessionRecord } from "../contract/records.ts";
import { Activity } from "../contract/session-state.ts";
import { refuseEpoch } from "../domain/session-transitions.ts";
import { isOwnedBy } from "../domain/task-transitions.ts";
import type { SessionClaims } from "../domain/tokens.ts";
import type { Ports } from "../ports/ports.ts";
import type { Reported } from "../ports/registry.ts";
import { recordHeartbeat } from "./record-heartbeat.ts";

export type OwnBeat = {
  readonly activity?: Activity;
  readonly signals?: Readonly<Record<string, unknown>>;
};

/**
 * A beat of one session for itself, by its own token. Its host's supervisor, if there is one, goes on beating for it: this takes
 * no turn of its sequence, and drops none of the tasks that it listed.
 *
 * @returns the commands for the session, without new tokens, and until when it may work; null if its deadline is not known
 */
export async function beatSession(
  ports: Ports,
  claims: SessionClaims,
  { activity, signals }: OwnBeat,
): Promise<{ commands: Command[]; leaseExpiresMs: number | null } | Refusal> {
  const { fleet, host, boot, session: id, epoch } = claims;
  const session = await ports.record.sessions.get(fleet, id);
  if (!session) return refuse("session.not_found", `There is no session ${id} in this fleet.`);
  const refused = refuseEpoch(session, epoch);
  if (refused) return refused.refusal;
  const [[report], [desired], working] = await Promise.all([
    ports.registry.reported(fleet, [id]),
    ports.registry.desired(fleet, [id]),
    runningTasks(ports, session),
  ]);
  const ours = report?.epoch === epoch && report.boot === boot ? report : null;
  const awaited = desired?.asked === true || Object.keys(desired?.stopping ?? {}).length > 0;
  const beat: SessionBeat = {
    id,
    epoch,
    activity: activity ?? Activity.safeParse(ours?.activity).data,
    ...(signals && { signals }),
    // Who has listed tasks is believed about the others; who never did loses nothing by listing none.
    tasks: ours?.listed ? working.map(({ id: task, fence }) => listed(task, fence, ours)) : [],
  };
  const seq = (ours?.seq ?? 0) + (awaited ? 1 : 0);
  const answer = await recordHeartbeat(ports, hostClaimsOf(claims), { host, boot, seq, sessions: [beat] });
  if (isRefusal(answer)) return answer;
  const [leaseExpiresMs = null] = await ports.registry.deadlines([{ fleet, host, session: id, epoch }]);
  const running = new Set(working.map(({ id: task }) => task));
  return { commands: ordersOf(answer.sessions[0]?.commands ?? [], running), leaseExpiresMs };
}

/** Without new tokens, and without what only says that a session which lists no tasks holds some that it has started. */
function ordersOf(commands: readonly Command[], running: ReadonlySet<string>): Command[] {
  return commands.flatMap((command): Command[] => {
    if (command.type === "config") return [];
    if (command.type !== "start") return [command];
    const taskIds = command.taskIds.filter((task) => !running.has(task));
    return taskIds.length > 0 ? [{ ...command, taskIds }] : [];
  });
}

/** A task with what was last reported of it. */
function listed(id: string, fence: number, { tasks }: Reported) {
  const { percent = null, message = null } = tasks[id] ?? {};
  return { id, fence, ...(percent !== null && { percent }), ...(message !== null && { message }) };
}

/** What a session works on, by the record. */
export async function runningTasks(
  ports: Ports,
  { fleet, id, epoch, held }: SessionRecord,
): Promise<OwnedTask[]> {
  const tasks = await ports.record.tasks.getMany(fleet, Object.keys(held));
  return tasks.filter((task): task is OwnedTask => task.state === "running" && isOwnedBy(task, id, epoch));
}

function hostClaimsOf({ kind: _, session: _session, epoch: _epoch, ...common }: SessionClaims) {
  return { kind: "host", ...common } as const;
}
