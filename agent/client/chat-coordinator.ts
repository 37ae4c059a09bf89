import { HOST_SESSIONS_LIMIT } from "../../shared/contract/limits.ts";
import type { HeldTask, Session } from "../../shared/contract/session.ts";
import { ProgressSummary, type Task, type TaskSubmission } from "../../shared/contract/task.ts";
import { cancelGroup, redriveDeadLetters } from "../bulk.ts";
import { submitTasks } from "../submit-tasks.ts";
import type { MessageBus } from "./message-bus.ts";
import type { ChatOptions, Registry } from "./registry.ts";

export type ChatCoordinatorOptions = {
  readonly registry: Registry;
  readonly messageBus: MessageBus;
  /** Chats of this client; more are refused. */
  readonly maxConcurrentChats?: number;
};

/** Gives work to chats and says how far it is. A class because its users write `new`. */
export class ChatCoordinator {
  readonly #registry: Registry;
  readonly #maxConcurrentChats: number;
  readonly messageBus: MessageBus;

  constructor({ registry, messageBus, maxConcurrentChats = HOST_SESSIONS_LIMIT }: ChatCoordinatorOptions) {
    this.#registry = registry;
    this.messageBus = messageBus;
    this.#maxConcurrentChats = maxConcurrentChats;
  }

  /** Registers a chat and keeps it alive. It need not be awaited: later calls wait for it, and throw if it failed. */
  registerChat(id: string, options: ChatOptions = {}): Promise<Session> {
    const others = this.#registry.chats().filter((chat) => chat.id !== id).length;
    if (others < this.#maxConcurrentChats) return this.#registry.register(id, options);
    const error = new Error(
      `Chat ${id} would be one more than the ${this.#maxConcurrentChats} chats this client may have. End one first.`,
    );
    return this.#registry.pending.track(Promise.reject<Session>(error));
  }

  async endChat(id: string): Promise<void> {
    await this.#registry.pending.settle();
    await this.#registry.end(id);
  }

  /** Submits one task; the server assigns it to a chat with room. */
  async assignTask(task: TaskSubmission): Promise<Task> {
    await this.#registry.pending.settle();
    const [accepted] = await submitTasks(this.#registry.http, this.#registry.key, [task]);
    if (accepted) return accepted;
    throw new Error(
      "The server accepted the submission and named no task. Is it a SHIM server of this version?",
    );
  }

  /** Cancels the tasks of a group that have not ended; answers how many. */
  async cancelGroup(group: string, reason?: string): Promise<number> {
    await this.#registry.pending.settle();
    const request = reason === undefined ? { group } : { group, reason };
    return (await cancelGroup(this.#registry, request)).cancelled;
  }

  /** Returns dead letters to work: those of a group and type, or all; answers how many, and how many could not be. */
  async redriveDeadLetters(
    which: { readonly group?: string; readonly type?: string } = {},
  ): Promise<{ redriven: number; left: number }> {
    await this.#registry.pending.settle();
    return await redriveDeadLetters(this.#registry, which);
  }

  /** At most 5 s behind. */
  async getProgressSummary(group?: string): Promise<ProgressSummary> {
    const { http, key, pending } = this.#registry;
    await pending.settle();
    const path = group === undefined ? "/v1/progress" : `/v1/progress?group=${encodeURIComponent(group)}`;
    return await http({ method: "GET", path, answer: ProgressSummary, bearer: key });
  }

  /** What the chat is to work on now: with `max`, at most so many. */
  async claimTasks(chatId: string, max = 1): Promise<HeldTask[]> {
    await this.#registry.pending.settle();
    return await this.#registry.chat(chatId).claim(max);
  }

  /** Completes a task that a chat of this client claimed; returns the chat's next one, which it then holds. */
  async completeTask(taskId: string, result: unknown): Promise<HeldTask | null> {
    return await this.#holderOf(taskId).complete(taskId, result);
  }

  async failTask(taskId: string, message: string, retryable = true): Promise<void> {
    await this.#holderOf(taskId).fail(taskId, message, retryable);
  }

  #holderOf(taskId: string) {
    const holder = this.#registry.chats().find((chat) => chat.holds(taskId));
    if (holder) return holder;
    throw new Error(`No chat of this client holds task ${taskId}. Claim it first.`);
  }
}
