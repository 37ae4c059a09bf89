import { hostname } from "node:os";
import { CheckpointState } from "../../shared/contract/checkpoint.ts";
import type { HeldTask } from "../../shared/contract/session.ts";
import type { AgentAdapter, OwnSession } from "../adapters/adapter.ts";
import type { Fidelity } from "../checkpoints/fidelity.ts";
import { restore } from "../checkpoints/restore.ts";
import type { Intent } from "../hooks/intent-log.ts";
import { codeOf, messageOf } from "../problem.ts";
import type { AgentApi } from "../worker/agent-api.ts";
import type { Life } from "../worker/life.ts";

/** What was found on this machine of what a predecessor left. */
export type Resumed = {
  /** Its agent's own session, if that is here and intact; null: a fresh one, with the brief. */
  readonly own: OwnSession | null;
  /** How much of the checkpoint fits what is here; null if that could not be measured. */
  readonly fidelity: Fidelity | null;
  /** For the agent: what does not fit. */
  readonly findings: readonly string[];
};

/** Prepares a folder for a task that was begun before; null if it was not. */
export type ResumeTask = (
  held: HeldTask,
  life: Life,
  cwd: string,
  /** Whether the folder is the attempt's own, so that files may be put back into it. */
  isOwn: boolean,
) => Promise<Resumed | null>;

export type ResumeTaskParts = {
  /** Calls that a supervisor which is gone left behind on this machine. */
  readonly left: readonly Intent[];
  readonly session: string;
  readonly adapter: AgentAdapter;
  readonly api: AgentApi;
  readonly say: (what: string, task: string, fields?: Record<string, string | number>) => void;
};

export function createResumeTask({ left, session, adapter, api, say }: ResumeTaskParts): ResumeTask {
  return async (held, life, cwd, isOwn) => {
    const { task, resume } = held;
    if (resume === null) return null;
    const told = resume.unknown.map(({ id }) => id);
    const begun = left
      .filter((call) => call.task === task.id && !told.includes(call.id))
      .map(({ name, summary }) => `Begun on this machine, outcome unknown: ${name}: ${summary}`);
    if (resume.checkpoint === null) return { own: null, fidelity: null, findings: begun };
    try {
      const checkpoint = await api.taskCheckpoint(session, life.token(), task.id);
      const state = CheckpointState.safeParse(checkpoint.state).data ?? {};
      const { outcome, fidelity, ownSession } = await restore({
        ...{ state, dir: cwd, taskId: task.id, host: hostname(), measureOnly: !isOwn },
        isIntact: adapter.isIntact,
      });
      const { total, parts, findings } = fidelity;
      const byPart = Object.entries(parts).map(([part, score]) => `${part} ${score}`);
      say("compared with its checkpoint", task.id, { outcome, fidelity: total, parts: byPart.join(", ") });
      // One that failed by itself, as by a context that is too long, would fail again.
      const goesOn = ownSession && (resume.cause === "crash" || resume.cause === "timeout");
      return {
        own: goesOn ? ownSessionOf(state, adapter, cwd) : null,
        fidelity,
        findings: [...begun, ...findings],
      };
    } catch (error) {
      // The brief says what was done; how much of it is here the agent must see for itself.
      const why = codeOf(error) ?? messageOf(error);
      say("could not be compared with its checkpoint", task.id, { why });
      const finding = `This folder could not be compared with the checkpoint (${why}): look at it first.`;
      return { own: null, fidelity: null, findings: [...begun, finding] };
    }
  };
}

/** A session of the same agent, made in this folder: elsewhere its agent would not find it. */
function ownSessionOf({ agent }: CheckpointState, adapter: AgentAdapter, cwd: string): OwnSession | null {
  if (agent?.kind !== adapter.name || agent.cwd !== cwd || !agent.sessionId) return null;
  return { sessionId: agent.sessionId, transcriptPath: agent.transcriptPath ?? null };
}
