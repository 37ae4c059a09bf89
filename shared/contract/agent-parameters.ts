import * as z from "zod/mini";

/** The parameters that agents themselves use. Apart from the table of all, because the heartbeat carries these alone. */
export const AgentParameters = z.object({
  checkpointIntervalMs: z.int(),
  checkpointToolCalls: z.int(),
  contextWarning: z.number(),
  contextDanger: z.number(),
});
export type AgentParameters = z.infer<typeof AgentParameters>;
