import { ParameterName } from "../../shared/contract/parameters.ts";
import { endSession } from "../../shared/operations/end-session.ts";
import { getExperiment, listExperiments } from "../../shared/operations/decide-experiment.ts";
import { guardExperiments } from "../../shared/operations/guard-experiments.ts";
import { runNight } from "../../shared/operations/run-night.ts";
import { allFleets } from "../../shared/operations/sweep-tick.ts";
import { tellExposures } from "../../shared/operations/tell-exposures.ts";
import { writeCheckpoint } from "../../shared/operations/write-checkpoint.ts";
import { FLEET, createWorld, must, type World } from "../fixtures/memory-world.ts";
import type { FleetDoor } from "./whole-fleet.ts";

/** A control plane in memory: the operations that functions run, without their functions. */
export function createMemoryDoor(): FleetDoor & { readonly world: World; readonly startMs: number } {
  const world = createWorld();
  const { ports } = world;
  return {
    world,
    startMs: world.nowMs(),
    setMs: (ms) => {
      world.advance(ms - world.nowMs());
    },
    async register(id, host) {
      const session = await world.register(id, { host, boot: `boot-${host}`, capacity: 1 });
      const { config } = session.answer;
      return {
        config,
        async tell() {
          const parameters = (config.experiments ?? []).map((name) => ParameterName.parse(name));
          must(await tellExposures(ports, session.claims, { parameters }));
        },
        checkpoint: async () =>
          void must(await writeCheckpoint(ports, session.claims, { trigger: "interval", state: {} })),
        end: async (reason) => void must(await endSession(ports, session.claims, id, { reason })),
      };
    },
    list: () => listExperiments(ports, FLEET),
    show: async (id) => must(await getExperiment(ports, FLEET, id)).experiment,
    async night() {
      const { failed } = await runNight(ports);
      if (failed > 0)
        throw new Error(
          `A night failed: ${JSON.stringify(world.logged.filter(({ level }) => level === "error"))}`,
        );
    },
    guard: async () => guardExperiments(ports, await allFleets(ports)),
  };
}
