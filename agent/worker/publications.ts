import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import path from "node:path";
import * as z from "zod/mini";
import { Fence, Id } from "../../shared/contract/ids.ts";
import { newId } from "../ids.ts";
import { git } from "./git.ts";

/** A commit that will be published under this ref, if the task's completion with this fence is accepted. */
const Intent = z.object({ taskId: Id, fence: Fence, commit: z.string(), ref: z.string() });
export type Intent = z.infer<typeof Intent>;

export type Published = "published" | "already published";

/** One attempt's commit, from before its completion is sent until its ref is made. */
export type Publication = Intent & {
  /** Notes it on disk. Call before the completion is sent. */
  note(): Promise<void>;
  /** Call once the server accepted the completion. Throws if the ref exists with another value. */
  publish(): Promise<Published>;
  /** Removes the note. Call once the ref is made, or it is certain that the completion is not accepted. */
  forget(): Promise<void>;
};

/**
 * What this repository's workers publish. What is to be published is noted before the completion is sent, so that if
 * the worker is killed between the completion and the ref, the next worker that starts can make the ref.
 */
export type Publications = {
  /** The commit as `prefix/task/fence`. */
  prepare(taskId: string, fence: number, commit: string): Publication;
  /**
   * All that is noted, also by workers that live: whoever publishes it first, the ref is the same. Whoever does not
   * know that a completion was accepted must leave its note, because the completion may be under way. Notes older
   * than any ended task in the record are removed.
   */
  leftovers(): Promise<Publication[]>;
};

/** As long as the record keeps a task that has ended. */
const NOTE_KEPT_MS = 30 * 86_400_000;

export async function openPublications(repository: string, prefix: string): Promise<Publications> {
  // Shared by all worktrees of the repository, wherever a worker keeps its own.
  const common = await git(repository, "rev-parse", "--git-common-dir");
  const notes = path.resolve(repository, common, "shim", "unpublished");
  await mkdir(notes, { recursive: true, mode: 0o700 });

  function open(file: string, intent: Intent): Publication {
    return {
      ...intent,
      async note() {
        // Renamed when whole: a note that was half written was not followed by a completion.
        await writeFile(`${file}.tmp`, JSON.stringify(intent));
        await rename(`${file}.tmp`, file);
      },
      publish: () => createRef(repository, intent.ref, intent.commit),
      forget: () => rm(file, { force: true }),
    };
  }

  return {
    prepare(taskId, fence, commit) {
      const ref = `${prefix}/${refComponent(taskId)}/${fence}`;
      return open(path.join(notes, `${newId("note")}.json`), { taskId, fence, commit, ref });
    },
    async leftovers() {
      const found: Publication[] = [];
      for (const name of await readdir(notes)) {
        const file = path.join(notes, name);
        if (await isExpired(file)) await rm(file, { force: true });
        else if (name.endsWith(".json")) {
          const intent = await readNote(file);
          if (intent) found.push(open(file, intent));
        }
      }
      return found;
    },
  };
}

/** False also if it is gone: then its owner, or another start, was faster. */
async function isExpired(file: string): Promise<boolean> {
  const stats = await ifThere(stat(file));
  return stats !== null && stats.mtimeMs < Date.now() - NOTE_KEPT_MS;
}

/** Null if it is gone, or damaged, as after a power failure. */
async function readNote(file: string): Promise<Intent | null> {
  const text = await ifThere(readFile(file, "utf8"));
  if (text === null) return null;
  try {
    return Intent.parse(JSON.parse(text));
  } catch {
    return null;
  }
}

async function ifThere<T>(reading: Promise<T>): Promise<T | null> {
  try {
    return await reading;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}

/**
 * Creates the ref with the expected old value "none", so that an attempt never moves what another published;
 * the same value again counts as done.
 */
async function createRef(root: string, ref: string, commit: string): Promise<Published> {
  try {
    await git(root, "update-ref", ref, commit, "0".repeat(commit.length));
    return "published";
  } catch (error) {
    const existing = await git(root, "rev-parse", "--verify", "--quiet", ref).catch(() => null);
    if (existing === commit) return "already published";
    throw error;
  }
}

/** A task's id as one component of a ref's name, which git restricts more than we restrict ids. */
export function refComponent(taskId: string): string {
  const plain =
    /^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$/.test(taskId) &&
    !taskId.endsWith(".lock") &&
    !taskId.startsWith("hex-");
  return plain ? taskId : `hex-${Buffer.from(taskId).toString("hex")}`;
}
