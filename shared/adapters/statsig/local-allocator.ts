import type { StatsigServer } from "statsig-node";
import type { ActiveExperiment } from "../../contract/experiments.ts";
import type { Log } from "../../ports/ports.ts";
import type { StatsigAllocator } from "./allocator.ts";
import { evaluate, loadStatsig, mayMeet } from "./evaluate.ts";
import { bootstrapOf } from "./spec.ts";

/** Sets of experiments that one process keeps ready: one for each fleet that it serves, and the one before a change. */
const SERVERS_LIMIT = 32;

/** Each option alone keeps the SDK off the network; together no part of it is left that knows another way. */
async function startLocally(fleet: string, active: readonly ActiveExperiment[]): Promise<StatsigServer> {
  const { StatsigServer } = await loadStatsig();
  const server = new StatsigServer("secret-local", {
    localMode: true,
    bootstrapValues: JSON.stringify(bootstrapOf(fleet, active)),
    networkOverrideFunc: () => Promise.reject(new Error("local mode")),
    disableAllLogging: true,
    disableDiagnostics: true,
    disableRulesetsSync: true,
    disableIdListsSync: true,
    initStrategyForIDLists: "none",
    initStrategyForIP3Country: "none",
  });
  const { success, error } = await server.initializeAsync();
  if (!success) throw error ?? new Error("Statsig refused its bootstrap");
  return server;
}

/** Statsig's own evaluation of the experiments that it is handed. Nobody watches elsewhere, so exposures end here. */
export function createLocalAllocator(log: Log): StatsigAllocator {
  /** The one used last stands last. */
  const servers = new Map<string, Promise<StatsigServer>>();

  const drop = async (fingerprint: string): Promise<void> => {
    const dropped = servers.get(fingerprint);
    servers.delete(fingerprint);
    // Whoever waits for it goes on before this does, and evaluates at once. One that did not start has said so.
    const server = await dropped?.catch(() => undefined);
    server?.shutdown();
  };

  const serverFor = (fleet: string, active: readonly ActiveExperiment[]): Promise<StatsigServer> => {
    const fingerprint = JSON.stringify([fleet, active.map(({ id, treatmentShare }) => [id, treatmentShare])]);
    const server = servers.get(fingerprint) ?? startLocally(fleet, active);
    servers.delete(fingerprint);
    servers.set(fingerprint, server);
    const oldest = servers.keys().next();
    if (servers.size > SERVERS_LIMIT && !oldest.done) void drop(oldest.value);
    return server;
  };

  return {
    async allocate(active, experiment, unit) {
      if (!mayMeet(active, experiment, unit)) return null;
      try {
        return evaluate(await serverFor(unit.fleet, active), experiment, unit);
      } catch (error) {
        const { message } = error instanceof Error ? error : new Error("unknown");
        log.error("Statsig does not evaluate locally", { experiment: experiment.id, message });
        return null;
      }
    },
    expose() {},
    async flush() {},
    async close() {
      await Promise.all([...servers.keys()].map(drop));
    },
  };
}
