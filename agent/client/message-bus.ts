import * as z from "zod/mini";
import type { Registry } from "./registry.ts";

const MessagesAnswer = z.object({ messages: z.array(z.unknown()), cursor: z.nullable(z.string()) });
const CursorAnswer = z.object({ cursor: z.nullable(z.string()) });

/** Messages between chats. A server that does not have these routes answers 501 `route.not_implemented`. */
export type MessageBus = {
  /** To `session:ID`, `topic:NAME` or `*`. From a chat of this client, or from the operator whose key it is. */
  send(to: string, body: unknown, fromChatId?: string): Promise<void>;
  read(chatId: string, cursor?: string): Promise<z.infer<typeof MessagesAnswer>>;
  acknowledge(chatId: string, cursor: string): Promise<string | null>;
};

export function createMessageBus(registry: Registry): MessageBus {
  const { http, key, pending } = registry;
  return {
    async send(to, body, fromChatId) {
      await pending.settle();
      const bearer = fromChatId === undefined ? key : registry.chat(fromChatId).token();
      await http({ method: "POST", path: "/v1/messages", answer: z.unknown(), bearer, body: { to, body } });
    },
    async read(chatId, cursor) {
      await pending.settle();
      const query = cursor === undefined ? "" : `?cursor=${encodeURIComponent(cursor)}`;
      const path = `/v1/sessions/${chatId}/messages${query}`;
      return await http({
        method: "GET",
        path,
        answer: MessagesAnswer,
        bearer: registry.chat(chatId).token(),
      });
    },
    async acknowledge(chatId, cursor) {
      await pending.settle();
      const path = `/v1/sessions/${chatId}/messages/ack`;
      const bearer = registry.chat(chatId).token();
      return (await http({ method: "POST", path, answer: CursorAnswer, bearer, body: { cursor } })).cursor;
    },
  };
}
