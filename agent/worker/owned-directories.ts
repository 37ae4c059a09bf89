import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { lstat, readdir, rm } from "node:fs/promises";
import { hostname } from "node:os";
import path from "node:path";

/** `PREFIX-MACHINE-PID-START-REST`, so that whoever sees the directory at all sees whose it is. */
const NAME = /^([a-z]+)-([0-9a-f]{8})-(\d+)-([0-9a-f]{8})-/;

let ownStart: string | null = null;

/**
 * How a directory of this process begins its name. The process's start is part of it: a pid alone is soon another
 * process's, and in a container it is the same after every restart.
 */
export function ownedPrefix(prefix: string): string {
  ownStart ??= readStart(process.pid);
  if (ownStart === null)
    throw new Error("This process cannot be found among the machine's. Is /proc mounted?");
  return `${prefix}-${digest(hostname())}-${process.pid}-${ownStart}-`;
}

/**
 * Removes the directories in `parent` with this prefix whose process is gone. Those of another machine's processes,
 * of another user, or under another name stay: nobody here can tell whether they are in use. Two containers that
 * share `parent` and a host name, but not their processes, would take each other's for gone.
 */
export async function removeOrphans(parent: string, prefix: string): Promise<void> {
  for (const name of await readdir(parent)) {
    if (!ownerIsGone(name, prefix)) continue;
    const dir = path.join(parent, name);
    if (await isOurs(dir)) await rm(dir, { recursive: true, force: true, maxRetries: 3 });
  }
}

/** Whether what is named so belongs to a process of this machine that is gone. Of another's names nobody here can tell. */
export function ownerIsGone(name: string, prefix: string): boolean {
  const [, ownPrefix, machine, pid, start] = NAME.exec(name) ?? [];
  return ownPrefix === prefix && machine === digest(hostname()) && readStart(Number(pid)) !== start;
}

async function isOurs(dir: string): Promise<boolean> {
  try {
    const { uid } = await lstat(dir);
    return process.getuid === undefined || uid === process.getuid();
  } catch (error) {
    // Another supervisor that started just now was faster.
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw error;
  }
}

/** When a process started, as text that no other process of its pid has; null if it is gone, or a zombie. */
function readStart(pid: number): string | null {
  const found = process.platform === "linux" ? askProc(pid) : askPs(pid);
  return found === null || /^[ZX]/.test(found.state) ? null : digest(found.start);
}

type Found = { readonly state: string; readonly start: string };

function askProc(pid: number): Found | null {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // ESRCH: it ended between the opening of the file and its reading.
    if (code === "ENOENT" || code === "ESRCH") return null;
    throw error;
  }
  // The name in brackets may hold anything. Behind it are the state, and the start in ticks since the machine's own.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8");
  return { state: fields[0] ?? "", start: `${boot} ${fields[19] ?? ""}` };
}

function askPs(pid: number): Found | null {
  // The time is printed in words of the language and for the place that are set.
  const env = { ...process.env, LC_ALL: "C", TZ: "UTC" };
  try {
    const line = execFileSync("ps", ["-o", "stat=,lstart=", "-p", String(pid)], { encoding: "utf8", env });
    const [state = "", ...start] = line.trim().split(/\s+/);
    return { state, start: start.join(" ") };
  } catch (error) {
    // It prints nothing and ends with 1 when there is no such process.
    if ((error as { status?: unknown }).status === 1) return null;
    throw error;
  }
}

function digest(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 8);
}
