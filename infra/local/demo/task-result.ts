import * as z from "zod/mini";

/** What a task of the demo completes with: enough to publish its commit, should its host die before it does. */
export const TaskResult = z.object({
  commit: z.string().check(z.regex(/^[0-9a-f]{40,64}$/)),
  fence: z.int(),
  host: z.string(),
  /** What came out, for a person. */
  summary: z.string(),
});
export type TaskResult = z.infer<typeof TaskResult>;
