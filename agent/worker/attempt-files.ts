import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import type { HeldTask } from "../../shared/contract/session.ts";
import { TASK_RESULT_BYTES_LIMIT } from "../../shared/contract/limits.ts";
import { ownedPrefix, removeOrphans } from "./owned-directories.ts";

/** The files by which a command learns its task and hands back its result, in a directory only we can read. */
export type AttemptFiles = {
  readonly dir: string;
  readonly task: string;
  readonly result: string;
  readonly resume: string;
};

export type ResultReading =
  | { readonly ok: true; readonly result: unknown }
  | { readonly ok: false; readonly code: string; readonly message: string };

const PREFIX = "shim";
/** A result may be written with more white space than it is sent with, but not with any amount. */
const RESULT_FILE_BYTES_LIMIT = 4 * TASK_RESULT_BYTES_LIMIT;

/** Removes the files of supervisors that are gone: the commands that read them died with them. */
export async function removeOrphanedAttemptFiles(): Promise<void> {
  await removeOrphans(tmpdir(), PREFIX);
}

export async function createAttemptFiles(held: HeldTask): Promise<AttemptFiles> {
  // mkdtemp makes it mode 700.
  const dir = await mkdtemp(path.join(tmpdir(), ownedPrefix(PREFIX)));
  const files = {
    dir,
    task: path.join(dir, "task.json"),
    result: path.join(dir, "result.json"),
    resume: path.join(dir, "resume.json"),
  };
  await writeFile(files.task, JSON.stringify({ ...held.task, inputs: held.inputs }));
  await writeFile(files.resume, JSON.stringify(held.resume));
  return files;
}

export async function removeAttemptFiles(files: AttemptFiles): Promise<void> {
  await rm(files.dir, { recursive: true, force: true, maxRetries: 3 });
}

/** The result a command wrote; null if it wrote none. */
export async function readResult(file: string): Promise<ResultReading> {
  const text = await readBounded(file);
  if (text === null) return { ok: true, result: null };
  if (text === undefined) return tooLarge();
  let result: unknown;
  try {
    result = JSON.parse(text);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return {
      ok: false,
      code: "result.invalid",
      message: `The result file is not JSON (${reason}). Write one JSON value to SHIM_RESULT_FILE.`,
    };
  }
  return Buffer.byteLength(JSON.stringify(result)) > TASK_RESULT_BYTES_LIMIT
    ? tooLarge()
    : { ok: true, result };
}

function tooLarge(): ResultReading {
  return {
    ok: false,
    code: "result.too_large",
    message: `The result is over ${TASK_RESULT_BYTES_LIMIT / 1024} KB of JSON. Store it elsewhere and write a reference to SHIM_RESULT_FILE.`,
  };
}

/** A file's text; null if there is none, undefined if it is too large to be worth reading. */
async function readBounded(file: string): Promise<string | null | undefined> {
  try {
    if ((await stat(file)).size > RESULT_FILE_BYTES_LIMIT) return undefined;
    return await readFile(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}
