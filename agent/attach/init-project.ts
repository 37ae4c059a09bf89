import { createHash } from "node:crypto";
import { mkdir, readFile, rm, rmdir, writeFile } from "node:fs/promises";
import path from "node:path";
import * as z from "zod/mini";
import type { ConfigFile } from "./agent-configs.ts";

/** A file as it is, and as it would be. Null: there is none. */
export type Change = { readonly file: string; readonly before: string | null; readonly after: string | null };

/** What `init` found, so that it can be put back to the byte, as long as nobody changed what it wrote. */
const Kept = z.object({ before: z.nullable(z.string()), afterHash: z.string() });

/** Kept beside the local server's files, which git ignores. */
const keptFile = (project: string, file: string) =>
  path.join(project, ".shim", "init", `${file.replaceAll("/", "__")}.json`);

export async function planInit(project: string, files: readonly ConfigFile[]): Promise<Change[]> {
  return Promise.all(
    files.map(async ({ file, add }) => {
      const before = await readText(path.join(project, file));
      return { file, before, after: add(before) };
    }),
  );
}

export async function planRemoval(project: string, files: readonly ConfigFile[]): Promise<Change[]> {
  return Promise.all(
    files.map(async ({ file, remove }) => {
      const before = await readText(path.join(project, file));
      if (before === null) return { file, before, after: null };
      const kept = await readKept(project, file);
      const untouched = kept !== null && kept.afterHash === hash(before);
      return { file, before, after: untouched ? kept.before : remove(before) };
    }),
  );
}

/** Writes what was planned; a file that would be as it is is not written. */
export async function applyInit(project: string, changes: readonly Change[]): Promise<void> {
  for (const { file, before, after } of changes) {
    if (after === null || after === before) continue;
    const kept = keptFile(project, file);
    // What the first one found counts: later ones find our own part.
    const first = (await readKept(project, file))?.before ?? before;
    await mkdir(path.dirname(kept), { recursive: true, mode: 0o700 });
    await writeFile(path.join(project, ".shim", "init", ".gitignore"), "*\n");
    await writeFile(kept, JSON.stringify({ before: first, afterHash: hash(after) }), { mode: 0o600 });
    await mkdir(path.dirname(path.join(project, file)), { recursive: true });
    await writeFile(path.join(project, file), after);
  }
}

export async function applyRemoval(project: string, changes: readonly Change[]): Promise<void> {
  for (const { file, before, after } of changes) {
    const target = path.join(project, file);
    if (after !== null && after !== before) await writeFile(target, after);
    if (after === null && before !== null) {
      await rm(target);
      // The folder too, if it held nothing else.
      if (path.dirname(file) !== ".") await rmdir(path.dirname(target)).catch(() => undefined);
    }
    await rm(keptFile(project, file), { force: true });
  }
}

async function readKept(project: string, file: string): Promise<z.infer<typeof Kept> | null> {
  const text = await readText(keptFile(project, file));
  return text === null ? null : Kept.parse(JSON.parse(text));
}

async function readText(file: string): Promise<string | null> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}

const hash = (text: string) => createHash("sha256").update(text).digest("hex");
