import * as z from "zod/mini";
import { isRefusal, refuse } from "../../shared/contract/errors.ts";
import { Fence, Id } from "../../shared/contract/ids.ts";
import { TEXT_CHARACTERS_LIMIT } from "../../shared/contract/limits.ts";
import { Activity } from "../../shared/contract/session-state.ts";
import { refuseEpoch } from "../../shared/domain/session-transitions.ts";
import { beatSession, runningTasks } from "../../shared/operations/beat-session.ts";
import { reportProgress } from "../../shared/operations/settle-task.ts";
import { viewSession } from "../../shared/operations/view-session.ts";
import { type ToolCaller, defineTool } from "./tool.ts";

/** The calling session, as long as this start of it counts. */
async function ownSession({ ports, claims: { fleet, session: id, epoch } }: ToolCaller) {
  const session = await ports.record.sessions.get(fleet, id);
  if (!session) return refuse("session.not_found", `There is no session ${id} in this fleet.`);
  return refuseEpoch(session, epoch)?.refusal ?? session;
}

async function describeSession(caller: ToolCaller) {
  const session = await ownSession(caller);
  if (isRefusal(session)) return session;
  const [view, running] = await Promise.all([
    viewSession(caller.ports, session),
    runningTasks(caller.ports, session),
  ]);
  const tasks = running.map(({ id, type, fence, attempt, progress }) => ({
    ...{ taskId: id, fence, type, attempt },
    percent: progress?.percent ?? null,
  }));
  const { id, epoch, host, agent, state, capacity, currentTasks } = view;
  return { session: { id, epoch, host, agent, state, capacity, currentTasks }, tasks };
}

export const register = defineTool({
  name: "register",
  title: "Who am I",
  description:
    "Says which SHIM session you are: its id, epoch, host and state, and the tasks you hold with their fences. You are registered " +
    "already: your credential is this session's. Call it once at the beginning, or when you are unsure whether you may still work. " +
    "A refusal session.superseded or session.ended means that this start of the session counts no more: stop all work and publish " +
    "nothing; your tasks are others' now.",
  input: z.strictObject({}),
  readOnly: true,
  run: (caller) => describeSession(caller),
});

export const status = defineTool({
  name: "status",
  title: "What I hold",
  description:
    "Lists the tasks that you are working on, each with its taskId, fence and percent, and the state of your session. Call it when " +
    "you have lost track of a task's fence, for instance after your context was compacted. It changes nothing. What is not listed " +
    "is not yours: do not go on with it.",
  input: z.strictObject({}),
  readOnly: true,
  run: (caller) => describeSession(caller),
});

export const heartbeat = defineTool({
  name: "heartbeat",
  title: "I am alive",
  description:
    "Proves that you are alive, extends the lease of your tasks, and brings orders. Call it before and after long work, at least " +
    "twice a minute, unless a supervisor runs you (then it beats for you, and you need this only to report progress). With taskId, " +
    "fence and percent it also reports how far that task is. Carry out every order in `orders` before you go on. A refusal " +
    "lease.stale or task.cancelled means: stop working on that task and publish nothing of it; then claim_task.",
  input: z.strictObject({
    activity: z.optional(Activity),
    taskId: z.optional(Id),
    fence: z.optional(Fence),
    percent: z.optional(z.number().check(z.minimum(0), z.maximum(100))),
    message: z.optional(z.string().check(z.maxLength(TEXT_CHARACTERS_LIMIT))),
  }),
  readOnly: false,
  run: async ({ ports, claims }, { activity, taskId, fence, percent, message }) => {
    if (taskId !== undefined) {
      if (fence === undefined || percent === undefined)
        return refuse("request.invalid", "With taskId, fence and percent are needed.");
      const told = await reportProgress(ports, claims, taskId, { fence, percent, message });
      if (isRefusal(told)) return told;
    }
    const beat = await beatSession(ports, claims, { activity });
    if (isRefusal(beat)) return beat;
    const { commands, leaseExpiresMs } = beat;
    return {
      leaseExpiresAt: leaseExpiresMs === null ? null : new Date(leaseExpiresMs).toISOString(),
      orders: commands.map(toOrder),
    };
  },
});

type Command = Exclude<Awaited<ReturnType<typeof beatSession>>, { refused: unknown }>["commands"][number];

/** A command in words that a model acts on. */
function toOrder(command: Command): object {
  switch (command.type) {
    case "start":
      return { order: "Tasks wait for you: call claim_task.", taskIds: command.taskIds };
    case "cancel":
      return {
        order: "Stop working on this task and publish nothing of it. It is not yours any more.",
        taskId: command.taskId,
        fence: command.fence,
      };
    case "drain":
      return { order: "Finish what you hold, claim nothing more, then end." };
    case "restart":
      return { order: "Write a checkpoint, then end: this session is to be started again." };
    case "stop":
      return {
        order: "Stop all work at once and publish nothing: this start of the session counts no more.",
      };
    case "message":
      return { order: "There are messages for you: call inbox." };
    case "config":
      return { order: "Nothing to do." }; // Tokens are not for a model's eyes.
  }
}
