import { type HookPayload } from "../contract/hook.ts";
import { shortened, summarise } from "../contract/tool-summary.ts";
import { outcomeOf } from "../domain/hook-answers.ts";
import { noteCall, noteOutcome } from "../domain/journal.ts";
import type { SessionClaims } from "../domain/tokens.ts";
import type { Ports } from "../ports/ports.ts";
import { redact } from "../redaction/redact.ts";
import { changeOrCreate } from "./change.ts";

/** Characters of an id and of a tool's name; what is longer is none. */
const NAME_CHARACTERS_LIMIT = 200;

/** How much of a line is looked through for secrets: far more than is kept. */
const REDACTED_CHARACTERS = 4_000;

/** A task and the fence by which it is held. */
export type Tenure = { readonly id: string; readonly fence: number };

/** SHIM's own tools, by which an agent says that it stops working on something: never refused, and no work themselves. */
const OWN_TOOL = /^mcp__shim__/;

export function isOwnTool({ tool_name }: HookPayload): boolean {
  return OWN_TOOL.test(tool_name ?? "");
}

/** The id and name of the call that a hook is about; null if it is of no use to a journal. */
function callOf(payload: HookPayload): { id: string; name: string } | null {
  const { tool_use_id: id = "", tool_name: name = "" } = payload;
  const fits = id !== "" && id.length <= NAME_CHARACTERS_LIMIT && name.length <= NAME_CHARACTERS_LIMIT;
  return fits && !isOwnTool(payload) ? { id, name } : null;
}

/**
 * Notes that a tool is about to run, on one line and without what is known to be a secret: native hooks come as they are. Of its
 * input nothing else is kept.
 *
 * @param task what the session works on, if that is known
 */
export async function noteToolCall(
  ports: Ports,
  { fleet, session, epoch }: SessionClaims,
  payload: HookPayload,
  task: Tenure | null,
): Promise<void> {
  const call = callOf(payload);
  if (!call) return;
  const tenure = { taskId: task?.id ?? null, ...(task && { fence: task.fence }) };
  // Cut twice: a secret of which only a part is left would not be known any more.
  const summary = shortened(redact(summarise(payload.tool_input, REDACTED_CHARACTERS).toWellFormed()));
  await changeJournal(ports, fleet, session, (journal) =>
    noteCall(journal, { fleet, session, epoch }, { ...call, summary, ...tenure }, ports.clock.nowMs()),
  );
}

/** Notes how a tool call ended. Late or repeated it changes nothing. */
export async function noteToolOutcome(
  ports: Ports,
  { fleet, session, epoch }: SessionClaims,
  payload: HookPayload,
): Promise<void> {
  const call = callOf(payload);
  if (!call) return;
  await changeJournal(ports, fleet, session, (journal) =>
    noteOutcome(journal, epoch, call.id, outcomeOf(payload), ports.clock.nowMs()),
  );
}

/** A journal that others keep changing is left as it is: it is no reason to hold an agent up. */
async function changeJournal(
  { record: { journals } }: Ports,
  fleet: string,
  session: string,
  decide: Parameters<typeof changeOrCreate<NonNullable<Awaited<ReturnType<typeof journals.get>>>>>[2],
): Promise<void> {
  await changeOrCreate(() => journals.get(fleet, session), journals.commit, decide);
}
