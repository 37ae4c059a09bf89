// Stands in for shared/runtime's wiring while simulations run, so that the real handlers touch simulated stores.
import { AsyncLocalStorage } from "node:async_hooks";
import type { Ports } from "../../shared/ports/ports.ts";

const inUse = new AsyncLocalStorage<Ports>();

/** Runs a handler on these ports. */
export const withPorts = <T>(ports: Ports, run: () => T): T => inUse.run(ports, run);

export function allPorts(): Ports {
  const ports = inUse.getStore();
  if (!ports) throw new Error("A handler ran without its simulated ports.");
  return ports;
}
/** No unit is put into an experiment: the simulation's ports have no allocator that does. */
export const tuningPorts = allPorts;
const meter = { commandsSent: () => undefined, beatEnded: async () => undefined };
export const beatPorts = () => ({ ...allPorts(), meter });
