import * as z from "zod/mini";
import { Epoch, Fence, Id } from "./ids.ts";
import { HOST_SESSIONS_LIMIT } from "./limits.ts";
import { Message } from "./message.ts";
import { Activity } from "./session.ts";

/** POST /v1/heartbeat. Unknown fields are ignored, so that an agent one version newer keeps working. */
export const HeartbeatRequest = z.object({
  host: Id,
  boot: Id,
  seq: z.int().check(z.nonnegative()),
  sessions: z
    .array(
      z.object({
        id: Id,
        epoch: Epoch,
        /** One that a newer agent invented counts as not said. */
        activity: z.catch(z.optional(Activity), undefined),
        signals: z.optional(z.record(z.string(), z.unknown())),
        tasks: z.optional(
          z.array(
            z.object({
              id: Id,
              fence: Fence,
              percent: z.optional(z.number().check(z.minimum(0), z.maximum(100))),
              message: z.optional(z.string()),
            }),
          ),
        ),
      }),
    )
    .check(z.maxLength(HOST_SESSIONS_LIMIT)),
});
export type HeartbeatRequest = z.infer<typeof HeartbeatRequest>;
export type SessionBeat = HeartbeatRequest["sessions"][number];

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
  z.object({ type: z.literal("config"), token: z.string(), hostToken: z.string(), tokenExpiresMs: z.int() }),
]);
export type Command = z.infer<typeof Command>;

export const HeartbeatAnswer = z.object({
  nowMs: z.int(),
  intervalMs: z.int(),
  sessions: z.array(z.object({ id: Id, commands: z.array(Command) })),
});
export type HeartbeatAnswer = z.infer<typeof HeartbeatAnswer>;
