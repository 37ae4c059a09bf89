import { readFileSync, readdirSync, renameSync, writeFileSync } from "node:fs";
import path from "node:path";
import * as z from "zod/mini";

const Attempt = z.object({
  task: z.string(),
  fence: z.int(),
  host: z.string(),
  pid: z.int(),
  startedMs: z.number(),
});

/** One start of a task's process, as that process noted it first of all. `startedMs` is epoch milliseconds. */
export type Attempt = z.infer<typeof Attempt>;

/** Notes that an attempt began. Whoever reads the folder sees the whole note or none. */
export function noteAttempt(folder: string, attempt: Attempt): void {
  const file = path.join(folder, `${attempt.task}.${attempt.fence}`);
  writeFileSync(`${file}.draft`, JSON.stringify(attempt));
  renameSync(`${file}.draft`, file);
}

export function readAttempts(folder: string): Attempt[] {
  return readdirSync(folder)
    .filter((name) => !name.endsWith(".draft"))
    .map((name) => z.parse(Attempt, JSON.parse(readFileSync(path.join(folder, name), "utf8"))));
}

/** Whether a process, or with `-pid` any process of its group, is there. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it lives, under another user.
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
