import { fileURLToPath } from "node:url";

/** The relay beside the hook server: `.ts` in the checkout, `.js` when built. */
const RELAY = fileURLToPath(
  new URL(`../hooks/relay${import.meta.url.slice(import.meta.url.lastIndexOf("."))}`, import.meta.url),
);

/** Command of a hook that must be a process. It finds the supervisor by its environment. */
export const HOOK_COMMAND: readonly [string, ...string[]] = [process.execPath, RELAY];
