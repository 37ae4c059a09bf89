import { readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { execFileSync } from "node:child_process";
import { tmpdir, userInfo } from "node:os";
import path from "node:path";
import * as z from "zod/mini";
import { ownedPrefix, ownerIsGone } from "../worker/owned-directories.ts";

/** How the hooks of an agent find the process that supervises it: a file that is named by the agent's process. */
const Attachment = z.object({
  url: z.string(),
  token: z.string(),
  session: z.string(),
  /** Whoever wrote it; once that is gone, it says nothing. */
  owner: z.string(),
});
export type Attachment = z.infer<typeof Attachment>;

const OWNER = "attached";
const PREFIX = `shim-attached-${userInfo().uid}-`;
const fileOf = (agentPid: number) => path.join(tmpdir(), `${PREFIX}${agentPid}.json`);

/** Lets the hooks of the agent `agentPid` find this process, until what is returned is called. */
export function attach(agentPid: number, attachment: Omit<Attachment, "owner">): () => void {
  const file = fileOf(agentPid);
  // Made anew, so that nobody else can have put a file there that others may read.
  rmSync(file, { force: true });
  writeFileSync(file, JSON.stringify({ ...attachment, owner: ownedPrefix(OWNER) }), {
    mode: 0o600,
    flag: "wx",
  });
  return () => {
    rmSync(file, { force: true });
  };
}

/** What supervises the agent that started this process, however many shells are between; null if nothing does. */
export function findAttachment(): Attachment | null {
  for (const pid of ancestors()) {
    const found = readAttachment(fileOf(pid));
    if (found && !ownerIsGone(found.owner, OWNER)) return found;
  }
  return null;
}

/** Whether a live process supervises a session of this id on this machine already. */
export function isAttached(session: string): boolean {
  return readdirSync(tmpdir())
    .filter((name) => name.startsWith(PREFIX))
    .some((name) => {
      const found = readAttachment(path.join(tmpdir(), name));
      return found?.session === session && !ownerIsGone(found.owner, OWNER);
    });
}

function readAttachment(file: string): Attachment | null {
  try {
    return Attachment.parse(JSON.parse(readFileSync(file, "utf8")));
  } catch {
    return null;
  }
}

/** Generations of processes that are looked at: an agent's hook is a child, or a grandchild by a shell. */
const GENERATIONS_LIMIT = 10;

function ancestors(): number[] {
  const found: number[] = [];
  for (let pid = process.ppid; pid > 1 && found.length < GENERATIONS_LIMIT; pid = parentOf(pid))
    found.push(pid);
  return found;
}

function parentOf(pid: number): number {
  try {
    if (process.platform !== "linux")
      return Number(execFileSync("ps", ["-o", "ppid=", "-p", String(pid)], { encoding: "utf8" }).trim());
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
  } catch {
    return 0;
  }
}
