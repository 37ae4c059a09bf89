import { execFileSync } from "node:child_process";
import { readFileSync, readdirSync } from "node:fs";
import { ownedPrefix, ownerIsGone } from "./owned-directories.ts";

/**
 * In the environment of everything that an agent starts, however deep, and whatever group it puts itself into: the only thing that
 * still tells whose it is once its parents are dead.
 */
export const MARK = "SHIM_AGENT";

let marks = 0;

/** A mark for one agent of this process. It names this process, so that others can tell when it is gone. */
export function newMark(): string {
  marks += 1;
  return `${ownedPrefix("agent")}${marks}`;
}

/** Kills what an agent left running. Returns how many there were. */
export function killLeftBehind(mark: string): number {
  return killAll((found) => found === mark);
}

/** Kills what the agents of supervisors that are gone left running on this machine. */
export function killOrphans(): number {
  return killAll((mark) => ownerIsGone(mark, "agent"));
}

/** What an agent runs now, itself included. */
export function pidsMarked(mark: string): number[] {
  return markedProcesses().flatMap((found) => (found.mark === mark ? [found.pid] : []));
}

function killAll(isTheirs: (mark: string) => boolean): number {
  const killed = new Set<number>();
  // Whoever is being killed may start another just now; it is found by the next look.
  for (let looks = 0; looks < 3; looks += 1) {
    const found = markedProcesses().filter(({ pid, mark }) => pid !== process.pid && isTheirs(mark));
    if (found.length === 0) break;
    for (const { pid } of found) if (kill(pid)) killed.add(pid);
  }
  return killed.size;
}

type Marked = { readonly pid: number; readonly mark: string };

/** Processes of this user that carry a mark. Zombies have no environment any more. */
function markedProcesses(): Marked[] {
  return process.platform === "linux" ? readProc() : askPs();
}

function readProc(): Marked[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const environment = readFileSync(`/proc/${name}/environ`, "latin1");
        return marksIn(Number(name), environment.split("\0"));
      } catch {
        // Another user's, or gone by now.
        return [];
      }
    });
}

function askPs(): Marked[] {
  // With the environment behind the command, of this user's own processes.
  const listed = execFileSync("ps", ["-E", "-x", "-o", "pid=,command="], {
    encoding: "utf8",
    maxBuffer: 64 * 1024 * 1024,
  });
  return listed.split("\n").flatMap((row) => marksIn(Number(row.trim().split(" ", 1)[0]), row.split(" ")));
}

function marksIn(pid: number, words: readonly string[]): Marked[] {
  const mark = words.find((word) => word.startsWith(`${MARK}=`))?.slice(MARK.length + 1);
  return mark ? [{ pid, mark }] : [];
}

function kill(pid: number): boolean {
  try {
    process.kill(pid, "SIGKILL");
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== "ESRCH" && code !== "EPERM") throw error;
    return false;
  }
}
