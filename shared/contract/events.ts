import * as z from "zod/mini";
import { Id } from "./ids.ts";

/**
 * A message of the dispatch queue: these tasks may be ready. It is a hint: a handler that sees it twice, late
 * or never is still right, because it reads the record.
 */
export const ReadyEvent = z.object({ type: z.literal("tasks.ready"), fleet: Id, taskIds: z.array(Id) });
export type ReadyEvent = z.infer<typeof ReadyEvent>;

/** A message of the wake queue: something lives again, so the sweep must run before its next minute. */
export const WakeEvent = z.object({ type: z.literal("sweep.wake") });
