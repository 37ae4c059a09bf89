import type { AgentParameters } from "../contract/agent-parameters.ts";
import type { SessionBeat } from "../contract/heartbeat.ts";
import type { Command } from "../contract/heartbeat-answer.ts";
import type { SessionState } from "../contract/session-state.ts";

type DesiredView = {
  readonly epoch: number;
  readonly host: string;
  readonly state: SessionState;
  readonly capacity: number;
  readonly tasks: Readonly<Record<string, number>>;
  readonly stopping: Readonly<Record<string, number>>;
  readonly restart: boolean;
  readonly parameters?: AgentParameters;
  readonly version?: number;
};

/**
 * What a beat says of one session compared with what is desired. `unknown`: Redis does not know it, so the
 * record must be asked. `gone`: this epoch must stop. A document that is behind the beat counts as unknown.
 */
export function standing(
  beat: SessionBeat,
  host: string,
  desired: DesiredView | null,
): "known" | "unknown" | "gone" {
  if (!desired || (desired.host === host && desired.epoch < beat.epoch)) return "unknown";
  const alive = desired.state === "live" || desired.state === "draining";
  return desired.host === host && desired.epoch === beat.epoch && alive ? "known" : "gone";
}

/**
 * The commands that lead from what a known session reported to what is desired. A task that is reported but
 * neither owned nor to be stopped gets no command: the document may be behind a claim, and silence loses no work.
 */
export function commandsFor(beat: SessionBeat, desired: DesiredView): Command[] {
  const reported = new Map((beat.tasks ?? []).map(({ id, fence }) => [id, fence]));
  const commands: Command[] = [];
  if (desired.restart) commands.push({ type: "restart" });
  if (desired.state === "draining") commands.push({ type: "drain" });
  for (const [taskId, fence] of reported) {
    const stopped = desired.stopping[taskId] === fence;
    const otherTenure = desired.tasks[taskId] !== undefined && desired.tasks[taskId] > fence;
    if (stopped || otherTenure) commands.push({ type: "cancel", taskId, fence });
  }
  const unstarted = Object.entries(desired.tasks).filter(([taskId, fence]) => reported.get(taskId) !== fence);
  if (unstarted.length > 0)
    commands.push({ type: "start", taskIds: unstarted.map(([taskId]) => taskId).sort() });
  return commands;
}

/**
 * What a session must be told to go by; null if it goes by that, or was never given anything but the defaults. One that does not say
 * what it goes by is older than this: it would be told with every beat, and never do it.
 */
export function newConfig(
  { config }: SessionBeat,
  { parameters, version }: DesiredView,
): { readonly parameters: AgentParameters; readonly version: number } | null {
  if (config === undefined || parameters === undefined || version === undefined) return null;
  return config === version ? null : { parameters, version };
}

/** Whether a session could take more work than it holds. */
export function hasRoom(desired: DesiredView): boolean {
  return (
    desired.state === "live" &&
    Object.keys(desired.tasks).length + Object.keys(desired.stopping).length < desired.capacity
  );
}
