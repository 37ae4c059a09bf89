import * as z from "zod/mini";
import { MapWord, Word } from "./ids.ts";
import { CONCURRENCY_LIMIT } from "./limits.ts";

/** What of a fleet's work is held back, and how many of its tasks may be held at once. */
export const Rules = z.object({
  /** Nothing of what is paused starts. What runs goes on. */
  paused: z.object({
    fleet: z.boolean(),
    groups: z.array(z.string()),
    types: z.array(z.string()),
    keys: z.array(z.string()),
  }),
  /** How many tasks of a type, or of a `key`, sessions hold at once. A key without a limit has 1. */
  limits: z.object({ types: z.record(z.string(), z.int()), keys: z.record(z.string(), z.int()) }),
});
export type Rules = z.infer<typeof Rules>;

/** POST /v1/pause and /v1/resume: the tasks of one group, type or key; the whole fleet if none is named. */
export const PauseRequest = z
  .strictObject({ group: z.optional(Word), type: z.optional(Word), key: z.optional(Word) })
  .check(
    z.refine((target) => Object.keys(target).length <= 1, "must name at most one of group, type and key"),
  );
export type PauseRequest = z.infer<typeof PauseRequest>;

/** POST /v1/limits: how many tasks of a type or key may be held at once; null takes the limit back. */
export const LimitRequest = z
  .strictObject({
    type: z.optional(MapWord),
    key: z.optional(MapWord),
    limit: z.nullable(z.int().check(z.minimum(1), z.maximum(CONCURRENCY_LIMIT))),
  })
  .check(
    z.refine(
      (request) => (request.type === undefined) !== (request.key === undefined),
      "must name a type or a key",
    ),
  );
export type LimitRequest = z.infer<typeof LimitRequest>;

export const RulesAnswer = z.object({ rules: Rules });
export type RulesAnswer = z.infer<typeof RulesAnswer>;
