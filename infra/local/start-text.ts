import { join, relative } from "node:path";
import type { RedisEngine } from "./redis.ts";

export type Ready = { url: string; rootKey: string; adminKey: string };

/** What a person reads when the cloud is ready: where it is, its keys, and what to try next. */
export function formatReady(
  { url, rootKey, adminKey }: Ready,
  folder: string | null,
  engine: RedisEngine,
): string {
  const kept = folder === null ? "nowhere" : join(relative(process.cwd(), folder) || ".", "");
  // The command finds the default folder by itself.
  const toFind = kept === join(".shim", "") ? "" : `  export SHIM_URL=${url} SHIM_KEY=${adminKey}\n`;
  return `
SHIM is ready.

  API         ${url}
  Root key    ${rootKey}   (creates fleets)
  Admin key   ${adminKey}   (fleet "default")
  State       ${kept}   (delete it to forget everything; Redis here is ${engine})

Try, in another terminal:

${toFind}  npm run -s shim -- status
  npm run -s shim -- worker --sessions 2 --adapter command -- sh -c 'cat "$SHIM_TASK_FILE" > "$SHIM_RESULT_FILE"'
  echo '{"type":"hello","data":{"to":"world"}}' | npm run -s shim -- submit -

Ctrl-C stops everything.
`;
}
