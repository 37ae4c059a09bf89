import type * as z from "zod/mini";
import type { Refusal } from "../../shared/contract/errors.ts";
import type { SessionClaims } from "../../shared/domain/tokens.ts";
import type { Ports } from "../../shared/ports/ports.ts";

/** Who calls a tool: a start of a session, by its token. */
export type ToolCaller = { readonly ports: Ports; readonly claims: SessionClaims };

/** A tool as a model sees it. Its description says when to call it, what the answer means and what to do on a refusal. */
export type Tool = {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly input: z.ZodMiniType;
  /** It changes nothing. */
  readonly readOnly: boolean;
  readonly run: (caller: ToolCaller, input: unknown) => Promise<object>;
};

/** Ties a tool's input to the schema that has checked it. */
export function defineTool<S extends z.ZodMiniType>(
  tool: Omit<Tool, "input" | "run"> & {
    readonly input: S;
    readonly run: (caller: ToolCaller, input: z.infer<S>) => Promise<object | Refusal>;
  },
): Tool {
  return { ...tool, run: (caller, input) => tool.run(caller, input as z.infer<S>) };
}
