import { shortened, summarise as describe } from "../../shared/contract/tool-summary.ts";
import { redact } from "../../shared/redaction/redact.ts";

/** Characters that are looked at: of a secret that is cut here nothing is left in the summary. */
const READ_LIMIT = 4_000;

/** What a tool call is to do, on one short line without secrets. They are taken out before it is cut: half a secret is known by nothing. */
export function summarise(input: unknown): string {
  return shortened(redact(describe(input, READ_LIMIT)));
}
