import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { lstat, open, readlink, realpath } from "node:fs/promises";
import path from "node:path";

/** Files of which a checkpoint has the content's hash, and bytes of all of them. The diff's hash is of every file. */
export const HASHED_FILES_LIMIT = 200;
const HASHED_BYTES_LIMIT = 16 * 1024 * 1024;

/**
 * SHA-256 of files below a folder, in hex; null for one that is not there. A link has its target's name hashed. What is no
 * file, lies outside, or would be past the limits is not in the result.
 */
export async function hashFiles(
  top: string,
  paths: readonly string[],
): Promise<Record<string, string | null>> {
  const root = await realpath(top);
  const hashes: [string, string | null][] = [];
  let bytes = 0;
  for (const name of paths.slice(0, HASHED_FILES_LIMIT)) {
    const hashed = await hashFile(root, name, HASHED_BYTES_LIMIT - bytes);
    if (!hashed) continue;
    bytes += hashed.bytes;
    hashes.push([name, hashed.hash]);
  }
  return Object.fromEntries(hashes);
}

type Hashed = { readonly hash: string | null; readonly bytes: number };

async function hashFile(root: string, name: string, limit: number): Promise<Hashed | null> {
  const file = path.join(root, name);
  const isInside = (place: string) => place.startsWith(`${root}${path.sep}`);
  // A name that is no UTF-8 cannot be opened by its text.
  if (!isInside(file) || name.endsWith("/") || name.includes("\ufffd")) return null;
  try {
    // A folder on the way may be a link that leads outside.
    const folder = await realpath(path.dirname(file));
    if (folder !== root && !isInside(folder)) return null;
    const stat = await lstat(file);
    if (stat.isSymbolicLink()) return { hash: sha256(`link:${await readlink(file)}`), bytes: 0 };
    if (!stat.isFile() || stat.size > limit) return null;
    const handle = await open(file, constants.O_RDONLY | constants.O_NOFOLLOW);
    try {
      const content = await handle.readFile();
      return { hash: sha256(content), bytes: content.length };
    } finally {
      await handle.close();
    }
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : null;
    return code === "ENOENT" || code === "ENOTDIR" ? { hash: null, bytes: 0 } : null;
  }
}

const sha256 = (content: Buffer | string) => createHash("sha256").update(content).digest("hex");
