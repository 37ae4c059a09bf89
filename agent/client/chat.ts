import type { Command } from "../../shared/contract/heartbeat-answer.ts";
import type { HeldTask, Session } from "../../shared/contract/session.ts";
import type { Beating } from "../worker/heart.ts";
import { type ChatLife, type ChatLifeParts, createChatLife } from "./chat-life.ts";

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
  /** Resolves when a beat's answer says that there are messages to read, at the latest after `limitMs`, or when aborted. */
  awaitMessages(limitMs: number, signal: AbortSignal): Promise<void>;
};

export type ChatParts = ChatLifeParts & {
  /** Something was assigned: claim it. */
  readonly onAssigned: ((chatId: string) => void) | undefined;
};

export function createChat(parts: ChatParts): Chat {
  const { api, heart } = parts;
  const { id } = parts.request;
  const held: Held = new Map();
  const mail = new EventTarget();
  const life = createChatLife(parts, () => {
    held.clear();
  });
  const beating = createBeating(parts, life, held, () => mail.dispatchEvent(new Event(MESSAGES)));
  heart.add(beating);

  function fenceOf(taskId: string): number {
    const entry = held.get(taskId);
    if (entry) return entry.fence;
    throw new Error(
      `Chat ${id} does not hold task ${taskId}. Claim it first; if it was claimed, it has gone to another session.`,
    );
  }

  return {
    id,
    start: life.start,
    token: () => life.now().token,
    holds: (taskId) => held.has(taskId),
    async awaitMessages(limitMs, signal) {
      const over = AbortSignal.any([signal, AbortSignal.timeout(limitMs)]);
      if (over.aborted) return;
      const { promise, resolve } = Promise.withResolvers<null>();
      const end = () => {
        resolve(null);
      };
      over.addEventListener("abort", end, { once: true });
      mail.addEventListener(MESSAGES, end, { once: true });
      await promise;
      over.removeEventListener("abort", end);
      mail.removeEventListener(MESSAGES, end);
    },
    async claim(max) {
      const tasks = await api.claim(id, life.now().token, max);
      for (const entry of tasks) held.set(entry.task.id, entry);
      return tasks;
    },
    async complete(taskId, result) {
      const next = await api.report(taskId, life.now().token, {
        route: "complete",
        body: { fence: fenceOf(taskId), result },
      });
      held.delete(taskId);
      if (next) held.set(next.task.id, next);
      return next;
    },
    async fail(taskId, message, retryable) {
      await api.report(taskId, life.now().token, {
        route: "fail",
        body: { fence: fenceOf(taskId), error: { message }, retryable },
      });
      held.delete(taskId);
    },
    async end() {
      heart.remove(beating);
      await life.end();
    },
  };
}

const MESSAGES = "messages";

/** What this chat claimed and has not settled, by task. */
type Held = Map<string, HeldTask>;

/** What the heartbeat reports of a chat, and what it does about the answer. */
function createBeating(
  { request, heart, onAssigned }: ChatParts,
  life: ChatLife,
  held: Held,
  onMessages: () => void,
): Beating {
  const { id } = request;

  function obey(command: Command): void {
    if (command.type === "start") onAssigned?.(id);
    else if (command.type === "message") onMessages();
    else if (command.type === "cancel" && held.get(command.taskId)?.fence === command.fence)
      held.delete(command.taskId);
    else if (command.type === "stop" || command.type === "restart") life.restart();
    else if (command.type === "config") {
      life.renew(command.token);
      heart.renew(command.hostToken);
    }
  }

  return {
    id,
    describe() {
      const epoch = life.epoch();
      if (epoch === null) return null;
      const tasks = [...held.values()].map(({ task, fence }) => ({ id: task.id, fence }));
      return { id, epoch, activity: tasks.length > 0 ? "working" : "idle", tasks };
    },
    acknowledged(epoch, _sentAtMs, commands) {
      // An earlier command may have ended the start that the later ones were for.
      for (const command of commands) if (life.epoch() === epoch) obey(command);
    },
    refused(epoch) {
      if (life.epoch() === epoch) life.restart();
    },
  };
}
