import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { pidsMarked } from "./orphans.ts";

/** What an agent's processes take together: memory that is theirs just now, and processor time since each began. */
export type ProcessUsage = {
  readonly processes: number;
  readonly memoryBytes: number;
  readonly cpuMs: number;
};

/** Linux counts processor time in hundredths of a second, and memory in pages; both are fixed on all its 64-bit machines of today. */
const TICK_MS = 10;
const PAGE_BYTES = 4096;

/** Null where nothing of it runs. */
export function usageOf(mark: string): ProcessUsage | null {
  const found = pidsMarked(mark).flatMap((pid) =>
    process.platform === "linux" ? readStat(pid) : askPs(pid),
  );
  if (found.length === 0) return null;
  return {
    processes: found.length,
    memoryBytes: found.reduce((sum, { memoryBytes }) => sum + memoryBytes, 0),
    cpuMs: found.reduce((sum, { cpuMs }) => sum + cpuMs, 0),
  };
}

type Usage = Omit<ProcessUsage, "processes">;

function readStat(pid: number): Usage[] {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The name in brackets may hold anything. Behind it are the state, and 11, 12 and 21 fields on the times and the pages.
    const fields = stat
      .slice(stat.lastIndexOf(")") + 2)
      .split(" ")
      .map(Number);
    const [user = 0, system = 0, pages = 0] = [fields[11], fields[12], fields[21]];
    return [{ memoryBytes: pages * PAGE_BYTES, cpuMs: (user + system) * TICK_MS }];
  } catch {
    // It ended just now.
    return [];
  }
}

function askPs(pid: number): Usage[] {
  try {
    const line = execFileSync("ps", ["-o", "rss=,cputime=", "-p", String(pid)], { encoding: "utf8" }).trim();
    const [rss = "0", time = "0"] = line.split(/\s+/);
    const seconds = time.split(":").reduce((sum, part) => sum * 60 + Number(part), 0);
    return [{ memoryBytes: Number(rss) * 1024, cpuMs: seconds * 1_000 }];
  } catch {
    return [];
  }
}

/** Usage between two looks: as signals tell it. `cpuCores`: how many cores it kept busy on average. */
export type UsageWatch = {
  look(mark: string | null, nowMs: number): { memoryBytes?: number; cpuCores?: number };
};

export function createUsageWatch(measure: (mark: string) => ProcessUsage | null = usageOf): UsageWatch {
  let before: { readonly mark: string; readonly cpuMs: number; readonly atMs: number } | null = null;
  return {
    look(mark, nowMs) {
      const usage = mark === null ? null : measure(mark);
      if (mark === null || usage === null) {
        before = null;
        return {};
      }
      const { memoryBytes, cpuMs } = usage;
      const since = before?.mark === mark && nowMs > before.atMs ? before : null;
      before = { mark, cpuMs, atMs: nowMs };
      if (!since) return { memoryBytes };
      // Processes that ended meanwhile took their time with them.
      const cores = Math.max(0, cpuMs - since.cpuMs) / (nowMs - since.atMs);
      return { memoryBytes, cpuCores: Math.round(cores * 100) / 100 };
    },
  };
}
