import type { HeldTask } from "../../shared/contract/session.ts";
import type { AgentAdapter, OwnSession } from "../adapters/adapter.ts";
import { type Fidelity, restore } from "../checkpoints/restore.ts";
import { codeOf, messageOf } from "../problem.ts";
import type { AgentApi } from "../worker/agent-api.ts";
import type { Life } from "../worker/life.ts";

/** What was found on this machine of what a predecessor left. */
export type Resumed = {
  /** Its agent's own session, if that is here and intact; null: a fresh one, with the brief. */
  readonly own: OwnSession | null;
  readonly fidelity: Fidelity | null;
  /** For the agent: what fits the checkpoint here, and what does not. */
  readonly findings: readonly string[];
};

/** Prepares a worktree for a task that was begun before; null if it was not. */
export type ResumeTask = (
  held: HeldTask,
  life: Life,
  cwd: string,
  /** Whether the worktree is the attempt's own, so that files may be put back into it. */
  isOwn: boolean,
) => Promise<Resumed | null>;

export type ResumeTaskParts = {
  readonly session: string;
  readonly adapter: AgentAdapter;
  readonly api: AgentApi;
  readonly say: (what: string, task: string, fields?: Record<string, string | number>) => void;
};

export function createResumeTask({ session, adapter, api, say }: ResumeTaskParts): ResumeTask {
  return async (held, life, cwd, isOwn) => {
    const { task, resume } = held;
    if (resume === null) return null;
    const own = await ownSession();
    if (resume.checkpoint === null) return { own, fidelity: null, findings: [] };
    try {
      const { state } = await api.taskCheckpoint(session, life.token(), task.id);
      const restored = await restore({ state, cwd, isOwn, taskId: task.id, ownIntact: own !== null });
      const { total, parts, findings } = restored;
      say("restored", task.id, { fidelity: total, ...parts });
      return { own, fidelity: restored, findings };
    } catch (error) {
      // The brief says what was done; how much of it is here the agent must see for itself.
      const why = codeOf(error) ?? messageOf(error);
      say("could not be compared with its checkpoint", task.id, { why });
      return {
        own,
        fidelity: null,
        findings: [`This worktree could not be compared with the checkpoint (${why}).`],
      };
    }

    /** A session of the same agent, made here and in this folder: elsewhere it would not be found. */
    async function ownSession(): Promise<OwnSession | null> {
      const left = resume?.agent;
      if (left?.kind !== adapter.name || left.cwd !== cwd || !left.sessionId) return null;
      const found = { sessionId: left.sessionId, transcriptPath: left.transcriptPath ?? null };
      return (await adapter.isIntact(found).catch(() => false)) ? found : null;
    }
  };
}
