import * as z from "zod/mini";
import { Epoch, Fence, Id } from "./ids.ts";
import { HOST_SESSIONS_LIMIT } from "./limits.ts";
import { Activity } from "./session-state.ts";

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
        /** The `version` of the parameters that it goes by. One that never says it is never told others. */
        config: z.catch(z.optional(z.int()), undefined),
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
