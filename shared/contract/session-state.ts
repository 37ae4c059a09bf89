import * as z from "zod/mini";

export const SessionState = z.enum(["live", "draining", "recovering", "crashed", "ended"]);
export type SessionState = z.infer<typeof SessionState>;

/** What a session says it is doing. */
export const Activity = z.enum(["working", "tool_running", "model_waiting", "awaiting_human", "idle"]);
export type Activity = z.infer<typeof Activity>;
