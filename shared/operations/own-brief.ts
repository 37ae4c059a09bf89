import type { ResumeBrief } from "../contract/checkpoint.ts";
import { type Refusal, refuse } from "../contract/errors.ts";
import { refuseEpoch } from "../domain/session-transitions.ts";
import type { SessionClaims } from "../domain/tokens.ts";
import type { Ports } from "../ports/ports.ts";
import { runningTasks } from "./beat-session.ts";
import { briefOfSession, briefOfTask } from "./brief-of.ts";

/**
 * What a session is to go on with: of the task that is named, else of the first that it works on, else of its own previous start.
 * A task of others is not its to read about.
 */
export async function ownBrief(
  ports: Ports,
  { fleet, session: id, epoch }: SessionClaims,
  taskId: string | null,
): Promise<{ resume: ResumeBrief | null } | Refusal> {
  const session = await ports.record.sessions.get(fleet, id);
  if (!session) return refuse("session.not_found", `There is no session ${id} in this fleet.`);
  const refused = refuseEpoch(session, epoch);
  if (refused) return refused.refusal;
  const running = await runningTasks(ports, session);
  const task = taskId === null ? running[0] : running.find((held) => held.id === taskId);
  if (taskId !== null && !task)
    return refuse("lease.stale", `Task ${taskId} is not one that this session works on.`);
  return { resume: await (task ? briefOfTask(ports, task) : briefOfSession(ports, session)) };
}
