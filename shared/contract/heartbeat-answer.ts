import * as z from "zod/mini";
import { AgentParameters } from "./agent-parameters.ts";
import { Fence, Id } from "./ids.ts";
import { Message } from "./message.ts";

/** What a session is asked to do. Repeated with every beat until acted on or moot. */
export const Command = z.discriminatedUnion("type", [
  z.object({ type: z.literal("start"), taskIds: z.array(Id) }),
  z.object({ type: z.literal("cancel"), taskId: Id, fence: Fence }),
  z.object({ type: z.literal("drain") }),
  z.object({ type: z.literal("restart") }),
  z.object({ type: z.literal("stop"), reason: z.string() }),
  z.object({
    type: z.literal("message"),
    messages: z.array(Message),
    /** Acknowledges exactly these; null without any. */
    cursor: z.nullable(z.string()),
    /** There are others, to be fetched. */
    more: z.boolean(),
  }),
  z.object({
    type: z.literal("config"),
    token: z.string(),
    hostToken: z.string(),
    tokenExpiresMs: z.int(),
    /** What the session goes by from now on, and its name; left out if that is what it last said. */
    parameters: z.optional(AgentParameters),
    version: z.optional(z.int()),
  }),
]);
export type Command = z.infer<typeof Command>;

export const HeartbeatAnswer = z.object({
  nowMs: z.int(),
  intervalMs: z.int(),
  sessions: z.array(z.object({ id: Id, commands: z.array(Command) })),
});
export type HeartbeatAnswer = z.infer<typeof HeartbeatAnswer>;
