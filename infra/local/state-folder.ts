import { randomBytes } from "node:crypto";
import { accessSync, constants, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import * as z from "zod/mini";
import { StartError, reasonOf } from "./start-error.ts";

const SECRET_BYTES = 32;
const OWNER_ONLY = 0o600;

export const Credentials = z.object({
  /** Creates fleets, and administers the fleet `default`. */
  rootKey: z.string().check(z.minLength(1)),
  /** `kid:base64url`: signs the tokens of hosts and sessions. */
  tokenKeys: z.string().check(z.minLength(1)),
  /** Admin key of the fleet `default`. */
  adminKey: z.optional(z.string()),
  /** Where the embedded cloud answers, or last did. */
  url: z.optional(z.string()),
});
export type Credentials = z.infer<typeof Credentials>;

export type StateFolder = {
  /** Absolute, or null if everything is kept in memory. */
  readonly path: string | null;
  readonly credentials: Credentials;
  /** Keeps these beside the rest. The file is replaced at once, never half written. */
  saveCredentials(changes: Partial<Credentials>): Credentials;
};

/**
 * Opens the folder that holds all that outlives the embedded cloud, and makes secrets on its first use. Null
 * keeps everything in memory. Throws `StartError` if the folder cannot be used; it changes nothing before
 * `saveCredentials`.
 */
export function openStateFolder(folder: string | null): StateFolder {
  if (folder === null) return createStateFolder(null, makeSecrets());
  const path = resolve(folder);
  makeFolder(path);
  return createStateFolder(path, readCredentials(join(path, "credentials.json")));
}

function createStateFolder(path: string | null, first: Credentials): StateFolder {
  let credentials = first;
  return {
    path,
    get credentials() {
      return credentials;
    },
    saveCredentials(changes) {
      credentials = { ...credentials, ...changes };
      if (path !== null) writeCredentials(join(path, "credentials.json"), credentials);
      return credentials;
    },
  };
}

function makeFolder(path: string): void {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    accessSync(path, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    throw new StartError(
      `The state folder ${path} cannot be used (${reasonOf(error)}). ` +
        "Choose a folder that you may write to with --state-dir.",
      { cause: error },
    );
  }
}

function makeSecrets(): Credentials {
  const random = () => randomBytes(SECRET_BYTES).toString("base64url");
  return { rootKey: `shim_root.${random()}`, tokenKeys: `k1:${random()}` };
}

function readCredentials(file: string): Credentials {
  try {
    return z.parse(Credentials, JSON.parse(readFileSync(file, "utf8")));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return makeSecrets();
    throw new StartError(
      `The credentials in ${file} cannot be read (${reasonOf(error)}). ` +
        "Restore the file, or remove it: new keys are made then, and all keys and tokens given out before stop working.",
      { cause: error },
    );
  }
}

function writeCredentials(file: string, credentials: Credentials): void {
  const draft = `${file}.${process.pid}`;
  writeFileSync(draft, `${JSON.stringify(credentials, null, 2)}\n`, { mode: OWNER_ONLY, flush: true });
  renameSync(draft, file);
}
