import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import * as z from "zod/mini";

const Message = z.looseObject({
  id: z.optional(z.union([z.string(), z.number()])),
  method: z.optional(z.string()),
  params: z.optional(z.looseObject({ name: z.optional(z.string()) })),
});

/** Posts one message to the control plane's MCP; resolves to its answer's text, or to null where there is none to give. */
export type PostMessage = (text: string) => Promise<string | null>;

/** How a proxy's messages become answers that MCP's own client reads. INTERNAL_ERROR is JSON-RPC's. */
const INTERNAL_ERROR = -32603;

/**
 * MCP on standard input and output, as agents start it: every message is posted as it is, and answered in whatever order the answers
 * come. Resolves when the agent closes its end.
 *
 * @param beforeTool is awaited before a tool is called, with its name
 */
export async function serveMcp(
  input: Readable,
  output: Writable,
  post: PostMessage,
  beforeTool: (name: string) => Promise<void>,
): Promise<void> {
  const pending = new Set<Promise<void>>();
  const answer = async (line: string): Promise<void> => {
    const message = read(line);
    try {
      if (message?.method === "tools/call") await beforeTool(message.params?.name ?? "");
      const text = await post(line);
      if (text !== null) output.write(`${text}\n`);
    } catch (error) {
      // A notification has no id, and gets no answer.
      if (message?.id === undefined) return;
      const why = error instanceof Error ? error.message : String(error);
      const failed = { jsonrpc: "2.0", id: message.id, error: { code: INTERNAL_ERROR, message: why } };
      output.write(`${JSON.stringify(failed)}\n`);
    }
  };
  for await (const line of createInterface({ input, crlfDelay: Infinity })) {
    if (line.trim() === "") continue;
    const answering = answer(line).finally(() => pending.delete(answering));
    pending.add(answering);
  }
  await Promise.all(pending);
}

function read(line: string): z.infer<typeof Message> | null {
  try {
    return Message.safeParse(JSON.parse(line)).data ?? null;
  } catch {
    return null;
  }
}
