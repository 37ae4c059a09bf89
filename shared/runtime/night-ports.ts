import { createConsoleMirror } from "../adapters/statsig/console-mirror.ts";
import type { Ports } from "../ports/ports.ts";
import { allPorts } from "./all-ports.ts";
import { optionalLink } from "./links.ts";

let ports: Ports | undefined;

/** As `allPorts`, and experiments are shown in Statsig's console if there is a key for it. */
export function nightPorts(): Ports {
  if (ports) return ports;
  const all = allPorts();
  const consoleKey = optionalLink("StatsigConsoleKey", "value");
  ports =
    consoleKey === null
      ? all
      : { ...all, mirror: createConsoleMirror({ consoleKey, clock: all.clock, log: all.log }) };
  return ports;
}
