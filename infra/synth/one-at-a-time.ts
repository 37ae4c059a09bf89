import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { setTimeout as wait } from "node:timers/promises";

const POLL_MS = 100;

function runs(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

async function isHeld(file: string): Promise<boolean> {
  try {
    // Empty: its holder is about to write its process id.
    const holder = await readFile(file, "utf8");
    return holder === "" || runs(Number(holder));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw error;
  }
}

async function take(file: string): Promise<boolean> {
  try {
    await writeFile(file, String(process.pid), { flag: "wx" });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

/**
 * Runs `work` while no other process that names the same `file` runs its own. The file of a process that was killed
 * is taken over. Two processes that take over at once may both run, and so may those that have waited `patienceMs`:
 * this saves work that would be done twice, and must not be all that makes doing it twice safe.
 */
export async function oneAtATime<T>(file: string, patienceMs: number, work: () => Promise<T>): Promise<T> {
  await mkdir(path.dirname(file), { recursive: true });
  const untilMs = performance.now() + patienceMs;
  while (!(await take(file))) {
    if ((await isHeld(file)) && performance.now() < untilMs) await wait(POLL_MS);
    else await rm(file, { force: true });
  }
  try {
    return await work();
  } finally {
    await rm(file, { force: true });
  }
}
