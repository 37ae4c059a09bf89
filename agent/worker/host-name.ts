import { createHash } from "node:crypto";
import { hostname, userInfo } from "node:os";

const ID_CHARACTERS_LIMIT = 64;
/** Room for `-<session number>`. */
const NAME_CHARACTERS_LIMIT = ID_CHARACTERS_LIMIT - 4;

/** Makes any text fit the pattern of identifiers. */
export function toId(text: string): string {
  return (
    text
      .replace(/[^A-Za-z0-9_.-]+/g, "-")
      .replace(/^-+|-+$/g, "")
      .slice(0, NAME_CHARACTERS_LIMIT) || "host"
  );
}

/**
 * The name of this machine's worker in `cwd`: the same after a restart, so that it takes up its sessions again;
 * another in another directory or for another user, so that two workers of one machine do not clash.
 */
export function defaultHostName(cwd: string): string {
  const suffix = createHash("sha256").update(`${userInfo().username}\0${cwd}`).digest("hex").slice(0, 6);
  return `${toId(hostname()).slice(0, NAME_CHARACTERS_LIMIT - suffix.length - 1)}-${suffix}`;
}
