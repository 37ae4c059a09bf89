import { createStatsigAllocator } from "../adapters/statsig/allocator.ts";
import type { Allocator } from "../ports/allocation.ts";
import type { Ports } from "../ports/ports.ts";
import { allPorts } from "./all-ports.ts";
import { optionalLink } from "./links.ts";

let allocator: Allocator | undefined;

/** All ports, and an allocator that puts units into experiments. For functions that do, and no other: its SDK is a load. */
export function tuningPorts(): Ports {
  const ports = allPorts();
  allocator ??= createStatsigAllocator({
    serverKey: optionalLink("StatsigServerKey", "value"),
    log: ports.log,
  });
  return { ...ports, allocator };
}
