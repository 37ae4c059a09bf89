import { createRequire } from "node:module";
import { StartError } from "./start-error.ts";

type Level = { open(): Promise<void>; close(): Promise<void> };
type LevelModule = { Level: new (path: string) => Level };

/**
 * Opens a store once and closes it again: dynalite itself would never answer on a store that does not open.
 * Throws `StartError` if another process has it open (`knownUrl` is where that one answers), or if it is not a
 * store.
 */
export async function checkStore(path: string, knownUrl?: string): Promise<void> {
  const requireHere = createRequire(import.meta.url);
  // dynalite's own LevelDB, wherever npm has put it.
  const { Level } = createRequire(requireHere.resolve("dynalite"))("level") as LevelModule;
  const store = new Level(path);
  try {
    await store.open();
  } catch (error) {
    throw explain(
      path,
      error instanceof Error && error.cause instanceof Error ? error.cause : error,
      knownUrl,
    );
  }
  await store.close();
}

function explain(path: string, cause: unknown, knownUrl?: string): StartError {
  const { code, message } = cause as { code?: unknown; message?: string };
  if (code === "LEVEL_LOCKED") {
    return new StartError(
      `Another embedded cloud is running on this state folder (${path} is locked). ` +
        `Use that one${knownUrl === undefined ? "" : ` (${knownUrl})`}, stop it, or choose another folder with --state-dir.`,
      { cause },
    );
  }
  return new StartError(
    `The DynamoDB store in ${path} does not open (${message ?? String(cause)}). ` +
      "Restore the state folder from a copy, or move it away to start with an empty one.",
    { cause },
  );
}
