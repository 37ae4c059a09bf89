import * as z from "zod/mini";
import { Word } from "./ids.ts";
import { TEXT_CHARACTERS_LIMIT } from "./limits.ts";

/**
 * Requests about many tasks. Each does a bounded part of the work: send it again with the answer's cursor until that
 * is null.
 */
const Cursor = z.nullable(z.string());

/** POST /v1/tasks/cancel */
export const CancelGroupRequest = z.strictObject({
  group: Word,
  reason: z.optional(z.string().check(z.maxLength(TEXT_CHARACTERS_LIMIT))),
  cursor: z.optional(Cursor),
});
export type CancelGroupRequest = z.infer<typeof CancelGroupRequest>;

/** How many tasks this request cancelled. */
export const CancelGroupAnswer = z.object({ cancelled: z.int(), cursor: Cursor });
export type CancelGroupAnswer = z.infer<typeof CancelGroupAnswer>;

/** POST /v1/dead-letters/redrive: those of a group and type, or all. */
export const RedriveRequest = z.strictObject({
  group: z.optional(Word),
  type: z.optional(Word),
  cursor: z.optional(Cursor),
});
export type RedriveRequest = z.infer<typeof RedriveRequest>;

/** How many this request redrove, and how many it left because a dependency of theirs failed or was cancelled. */
export const RedriveAnswer = z.object({ redriven: z.int(), left: z.int(), cursor: Cursor });
export type RedriveAnswer = z.infer<typeof RedriveAnswer>;
