import * as z from "zod/mini";

/** An error's body: RFC 9457 problem details, with the stable `code` that clients branch on. */
export const Problem = z.object({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  code: z.string(),
  detail: z.string(),
  next: z.string(),
  requestId: z.optional(z.string()),
});
export type Problem = z.infer<typeof Problem>;
