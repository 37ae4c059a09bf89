import { type Message } from "../../shared/contract/message.ts";
import { AcknowledgeAnswer, MessagesAnswer, SendAnswer } from "../../shared/contract/message-routes.ts";
import { newId } from "../ids.ts";
import type { Registry } from "./registry.ts";

export type SubscribeOptions = {
  /** Between two looks while no beat's answer says that there is something to read, in milliseconds. */
  readonly pollIntervalMs?: number;
  /** Told of what went wrong; the messages come again. By default a warning of the process. */
  readonly onError?: (error: unknown) => void;
};

export type Subscription = {
  /** Ends it, when the message that is being handled is done. What was not acknowledged stays unread. */
  close(): Promise<void>;
};

/** Messages between chats. */
export type MessageBus = {
  /** To `session:ID`, `topic:NAME` or `*`. From a chat of this client, or from the operator whose key it is. */
  publish(to: string, body: unknown, fromChatId?: string): Promise<SendAnswer>;
  /**
   * Calls back with each message to the chat, to all, and to the topics that it was registered with, one after the
   * other. They are acknowledged once the callback has resolved for a whole page: when it rejects, or this process ends
   * before, they come again, so know them by their ids. Lasts until the chat ends, and keeps no process alive. Throws if this client has no such chat.
   */
  subscribe(
    chatId: string,
    onMessage: (message: Message) => void | Promise<void>,
    options?: SubscribeOptions,
  ): Subscription;
  /** One page of what the chat has not acknowledged, after `cursor` if one is given. */
  read(chatId: string, cursor?: string): Promise<MessagesAnswer>;
  acknowledge(chatId: string, cursor: string): Promise<string>;
  /** Ends all subscriptions. */
  close(): Promise<void>;
};

const POLL_INTERVAL_MS = 15_000;

export function createMessageBus(registry: Registry): MessageBus {
  const { http, key, pending } = registry;
  const subscriptions = new Set<Subscription>();

  async function read(chatId: string, cursor?: string): Promise<MessagesAnswer> {
    await pending.settle();
    const query = cursor === undefined ? "" : `?cursor=${encodeURIComponent(cursor)}`;
    const path = `/v1/sessions/${chatId}/messages${query}`;
    return http({ method: "GET", path, answer: MessagesAnswer, bearer: registry.chat(chatId).token() });
  }

  async function acknowledge(chatId: string, cursor: string): Promise<string> {
    await pending.settle();
    const path = `/v1/sessions/${chatId}/messages/ack`;
    const bearer = registry.chat(chatId).token();
    return (await http({ method: "POST", path, answer: AcknowledgeAnswer, bearer, body: { cursor } })).cursor;
  }

  const isRegistered = (chatId: string) => registry.chats().some(({ id }) => id === chatId);

  /** @returns whether there may be more to read at once */
  async function handlePage(
    chatId: string,
    onMessage: (message: Message) => void | Promise<void>,
    signal: AbortSignal,
  ): Promise<boolean> {
    const { messages, cursor } = await read(chatId);
    for (const message of messages) {
      if (signal.aborted) return false;
      await onMessage(message);
    }
    if (cursor === null) return false;
    await acknowledge(chatId, cursor);
    return true;
  }

  return {
    async publish(to, body, fromChatId) {
      await pending.settle();
      const bearer = fromChatId === undefined ? key : registry.chat(fromChatId).token();
      // A request that is sent again, because its answer was lost, is the same message.
      const headers = { "idempotency-key": newId("send") };
      const path = "/v1/messages";
      return http({ method: "POST", path, answer: SendAnswer, bearer, headers, body: { to, body } });
    },
    subscribe(chatId, onMessage, { pollIntervalMs = POLL_INTERVAL_MS, onError = warn } = {}) {
      registry.chat(chatId); // Throws if there is none.
      const closing = new AbortController();
      const { signal } = closing;
      async function follow(): Promise<void> {
        while (!signal.aborted && isRegistered(chatId)) {
          const more = await handlePage(chatId, onMessage, signal).catch((error: unknown) => {
            onError(error);
            return false;
          });
          if (!more && isRegistered(chatId))
            await registry.chat(chatId).awaitMessages(pollIntervalMs, signal);
        }
      }
      const following = follow();
      const subscription = {
        async close() {
          closing.abort();
          subscriptions.delete(subscription);
          await following;
        },
      };
      subscriptions.add(subscription);
      return subscription;
    },
    read,
    acknowledge,
    async close() {
      await Promise.all([...subscriptions].map((subscription) => subscription.close()));
    },
  };
}

function warn(error: unknown): void {
  process.emitWarning(`A message could not be read or handled; it comes again. ${String(error)}`);
}
