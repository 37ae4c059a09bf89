import type { HeldTask, RegisterRequest, Session } from "../../shared/contract/session.ts";
import { newId } from "../ids.ts";
import type { AgentApi } from "../worker/agent-api.ts";
import type { Beating, Heart } from "../worker/heart.ts";
import { monotonicMs } from "../worker/monotonic.ts";
import { registerSession, type Registration } from "../worker/register-session.ts";

/** One chat of this client: a registered session and the tasks it claimed. */
export type Chat = {
  readonly id: string;
  start(): Promise<Session>;
  claim(max: number): Promise<HeldTask[]>;
  /** Ends the task. Throws if this chat did not claim it. */
  complete(taskId: string, result: unknown): Promise<HeldTask | null>;
  fail(taskId: string, message: string, retryable: boolean): Promise<void>;
  holds(taskId: string): boolean;
  end(): Promise<void>;
  /** The chat's own token. Throws before it is registered. */
  token(): string;
};

export type ChatParts = {
  readonly request: RegisterRequest & { readonly id: string };
  readonly api: AgentApi;
  readonly heart: Heart;
  /** Something was assigned: claim it. */
  readonly onAssigned: ((chatId: string) => void) | undefined;
  /** Later calls wait for a registration in the background, and say so if it failed. */
  readonly track: (call: Promise<unknown>) => void;
};

export function createChat(parts: ChatParts): Chat {
  const { api, heart } = parts;
  const { id } = parts.request;
  const held = new Map<string, HeldTask>();
  const ended = new AbortController();
  let life: { readonly epoch: number; token: string } | null = null;

  const token = (): string => {
    if (life) return life.token;
    throw new Error(
      `Chat ${id} is not registered: it ended, or its registration is under way. Register it and wait for that.`,
    );
  };

  function adopt({ answer, sentAtMs }: Registration): Session {
    held.clear();
    life = { epoch: answer.session.epoch, token: answer.token };
    heart.adopt(answer.heartbeat, answer.hostToken, sentAtMs);
    return answer.session;
  }

  const beating: Beating = {
    id,
    describe: () =>
      life && {
        id,
        epoch: life.epoch,
        activity: held.size > 0 ? "working" : "idle",
        tasks: [...held.values()].map(({ task, fence }) => ({ id: task.id, fence })),
      },
    acknowledged(epoch, _sentAtMs, commands) {
      for (const command of commands) {
        if (life?.epoch !== epoch) return;
        if (command.type === "start") parts.onAssigned?.(id);
        else if (command.type === "cancel" && held.get(command.taskId)?.fence === command.fence)
          held.delete(command.taskId);
        else if (command.type === "stop" || command.type === "restart") restart();
        else if (command.type === "config") {
          life.token = command.token;
          heart.renew(command.hostToken);
        }
      }
    },
    refused: (epoch) => {
      if (life?.epoch === epoch) restart();
    },
  };
  heart.add(beating);

  /** In the background, through outages, until it succeeds or the chat is ended. */
  function restart(): void {
    life = null;
    held.clear();
    const options = { patient: true, signal: ended.signal, log: () => undefined };
    const again = registerSession(api, parts.request, heart.hostToken, options);
    parts.track(again.then((registration) => registration && adopt(registration)));
  }

  function fenceOf(taskId: string): number {
    const entry = held.get(taskId);
    if (entry) return entry.fence;
    throw new Error(
      `Chat ${id} does not hold task ${taskId}. Claim it first; if it was claimed, it has gone to another session.`,
    );
  }

  return {
    id,
    async start() {
      const sentAtMs = monotonicMs();
      return adopt({ answer: await api.register(parts.request, heart.hostToken(), newId("reg")), sentAtMs });
    },
    token,
    holds: (taskId) => held.has(taskId),
    async claim(max) {
      const tasks = await api.claim(id, token(), max);
      for (const entry of tasks) held.set(entry.task.id, entry);
      return tasks;
    },
    async complete(taskId, result) {
      const next = await api.report(taskId, token(), {
        route: "complete",
        body: { fence: fenceOf(taskId), result },
      });
      held.delete(taskId);
      if (next) held.set(next.task.id, next);
      return next;
    },
    async fail(taskId, message, retryable) {
      await api.report(taskId, token(), {
        route: "fail",
        body: { fence: fenceOf(taskId), error: { message }, retryable },
      });
      held.delete(taskId);
    },
    async end() {
      ended.abort();
      heart.remove(beating);
      const last = life;
      life = null;
      if (last) await api.end(id, last.token, { reason: "stopped" });
    },
  };
}
