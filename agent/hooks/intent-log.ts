import { closeSync, mkdirSync, openSync, readFileSync, readdirSync, rmSync, writeSync } from "node:fs";
import path from "node:path";
import * as z from "zod/mini";
import type { ToolCall } from "../../shared/contract/checkpoint.ts";
import { parseJson } from "../parse-json.ts";
import { ownedPrefix, ownerIsGone } from "../worker/owned-directories.ts";

/** One line: a call is about to run (`name`), or has ended (`ok`). */
const Line = z.union([
  z.object({
    id: z.string(),
    name: z.string(),
    summary: z.string(),
    task: z.nullable(z.string()),
    at: z.string(),
  }),
  z.object({ id: z.string(), ok: z.boolean(), at: z.string() }),
]);

/** What an agent was about to do, on this machine's disk before it did it: it outlives the agent and its supervisor. */
export type IntentLog = {
  /** Returns once the operating system has it. */
  begun(call: Pick<ToolCall, "id" | "name" | "summary">, task: string | null, at: Date): void;
  ended(id: string, ok: boolean, at: Date): void;
  close(): void;
};

/** Bytes of a log that are read: the last. */
const READ_BYTES_LIMIT = 1024 * 1024;

/** Appends to `file`, which it makes, readable by this user alone. */
export function openIntentLog(file: string): IntentLog {
  mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
  const descriptor = openSync(file, "a", 0o600);
  const append = (line: object) => void writeSync(descriptor, `${JSON.stringify(line)}\n`);
  return {
    begun: ({ id, name, summary }, task, at) => {
      append({ id, name, summary, task, at: at.toISOString() });
    },
    ended: (id, ok, at) => {
      append({ id, ok, at: at.toISOString() });
    },
    close: () => {
      closeSync(descriptor);
    },
  };
}

/** A call, and the task that it was made for. */
export type Intent = ToolCall & { readonly task: string | null };

/** The calls of a log, in the order in which they began. What was cut short, as by a full disk, is passed over. */
export function readIntents(file: string): Intent[] {
  const calls = new Map<string, Intent>();
  for (const text of readEnd(file).split("\n")) {
    const line = Line.safeParse(parseJson(text)).data;
    if (!line) continue;
    if ("name" in line) {
      const { at, ...call } = line;
      calls.set(call.id, { ...call, startedAt: at, endedAt: null, outcome: "unknown" });
      continue;
    }
    const begun = calls.get(line.id);
    if (begun) calls.set(line.id, { ...begun, endedAt: line.at, outcome: line.ok ? "ok" : "failed" });
  }
  return [...calls.values()];
}

export function removeIntents(file: string): void {
  rmSync(file, { force: true });
}

const PREFIX = "intents";

/** Where the calls of a session of this process are noted. */
export const intentFile = (folder: string, session: string) =>
  path.join(folder, `${ownedPrefix(PREFIX)}${session}.jsonl`);

/**
 * Calls of unknown outcome that supervisors which are gone left behind in a folder, and forgets them. Whoever goes on with their tasks on this
 * machine is told of them, also of those that the control plane never heard of.
 */
export function takeLeftIntents(folder: string): Intent[] {
  const files = readdirSync(folder).filter((name) => ownerIsGone(name, PREFIX));
  return files.flatMap((name) => {
    const file = path.join(folder, name);
    const left = readIntents(file).filter(({ outcome }) => outcome === "unknown");
    removeIntents(file);
    return left;
  });
}

function readEnd(file: string): string {
  try {
    return readFileSync(file).subarray(-READ_BYTES_LIMIT).toString("utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return "";
    throw error;
  }
}
