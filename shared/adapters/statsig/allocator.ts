import type { Allocator } from "../../ports/allocation.ts";
import type { Log } from "../../ports/ports.ts";
import { createLiveAllocator } from "./live-allocator.ts";
import { createLocalAllocator } from "./local-allocator.ts";

export type StatsigAllocator = Allocator & {
  /** Delivers what is left and stops the SDK. Nothing needs it to end a process. */
  close(): Promise<void>;
};

/**
 * Allocation by statsig-node: from the experiments that it is handed, without any connection; with a server key, by the
 * live service.
 *
 * @param options.serverKey null: local mode
 * @param options.baseUrl where the live service is asked instead of Statsig's own addresses
 */
export function createStatsigAllocator(options: {
  serverKey: string | null;
  log: Log;
  baseUrl?: string;
  nowMs?: () => number;
}): StatsigAllocator {
  const { serverKey, log, baseUrl, nowMs = () => performance.now() } = options;
  return serverKey === null
    ? createLocalAllocator(log)
    : createLiveAllocator({ serverKey, log, baseUrl, nowMs });
}
