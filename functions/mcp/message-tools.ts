import * as z from "zod/mini";
import { isRefusal } from "../../shared/contract/errors.ts";
import { Address } from "../../shared/contract/message-routes.ts";
import { acknowledgeMessages } from "../../shared/operations/acknowledge-messages.ts";
import { readMessages } from "../../shared/operations/read-messages.ts";
import { sendMessage } from "../../shared/operations/send-message.ts";
import { defineTool } from "./tool.ts";

/** Characters of a cursor: they are sealed, and grow with the topics that a session reads. */
const CURSOR_CHARACTERS_LIMIT = 4_096;

export const sendMessageTool = defineTool({
  name: "send_message",
  title: "Send a message",
  description:
    'Sends a message (any JSON, at most 64 KiB) to another session ("session:ID"), to all who read a topic ("topic:NAME"), or to all ' +
    'sessions of the fleet ("*"). Call it to tell others what they need to know or to ask them; an answer, if any, comes to your ' +
    "inbox. It is kept for a day until it is read. A refusal session.not_found means that there is no such session: check the id.",
  input: z.strictObject({ to: Address, body: z.unknown() }),
  readOnly: false,
  run: ({ ports, claims }, { to, body }) =>
    sendMessage(ports, { fleet: claims.fleet, claims, seed: null }, { to, body: body ?? null }),
});

export const inbox = defineTool({
  name: "inbox",
  title: "Read messages",
  description:
    "Reads the messages that you have not acknowledged, the oldest first. Call it when an order of heartbeat says that there are some, " +
    "and between tasks. Reading changes nothing: when you have dealt with a page, call inbox again with its cursor as `acknowledge`; " +
    "that page then never comes again, and the answer is the next. An empty page means that you have read all.",
  input: z.strictObject({
    acknowledge: z.optional(z.string().check(z.maxLength(CURSOR_CHARACTERS_LIMIT))),
  }),
  readOnly: false,
  run: async ({ ports, claims }, { acknowledge }) => {
    const reader = { fleet: claims.fleet, session: claims.session, claims };
    const noted = acknowledge ? await acknowledgeMessages(ports, reader, acknowledge) : null;
    return isRefusal(noted) ? noted : readMessages(ports, reader, null);
  },
});
