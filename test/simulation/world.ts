import { createCloud } from "./cloud.ts";
import { type Fault, createWeather, planFaults } from "./faults.ts";
import { PROFILES } from "../../shared/contract/profile.ts";
import { createHistory } from "./history.ts";
import { createLag } from "./lag.ts";
import { createNetwork } from "./network.ts";
import { createChoices } from "./random.ts";
import { type ApiKey, createApiKey } from "./requests.ts";
import { START_MS, planScenario } from "./scenario.ts";
import { createScheduler } from "./scheduler.ts";
import { createWitness } from "./witness.ts";

export type World = Awaited<ReturnType<typeof createWorld>>;

/** All of one seed but those who use the control plane: time, weather, the control plane, the way to it, the witness. */
export async function createWorld(seed: number, keepAll: boolean) {
  const random = createChoices(seed);
  const scenario = planScenario(seed, random.stream("scenario"));
  const planned: readonly Fault[] = planFaults(
    random.stream("faults"),
    scenario.horizonMs,
    scenario.hosts,
    PROFILES[scenario.profile].timeoutMs,
    scenario.crowd,
  );
  const scheduler = createScheduler(START_MS, random.stream("ties").uniform);
  const nowMs = () => Math.floor(scheduler.nowMs());
  const weather = createWeather();
  const history = createHistory(keepAll);
  const lag = createLag(weather, nowMs);
  const witness = createWitness({ weather, profile: scenario.profile, nowMs });
  const cloud = createCloud({
    scheduler,
    weather,
    random: random.stream("cloud"),
    history,
    lag,
    profile: scenario.profile,
    suddenDeath: scenario.suddenDeath,
    died: witness.functionDied,
    observe: (call, result) => {
      witness.observe(call, result);
      noteEffect(call.path, result);
    },
  });
  const network = createNetwork({
    scheduler,
    weather,
    random: random.stream("network"),
    history,
    cloud,
    count: witness.count,
    repeated: scenario.repeated,
  });
  const keys = new Map<string, ApiKey>();
  for (const fleet of scenario.fleets.slice(1)) await cloud.addFleet(fleet);
  for (const fleet of scenario.fleets) keys.set(fleet, await createApiKey(cloud.base, fleet));
  const keyOf = (fleet: string) => keys.get(fleet) as ApiKey;

  type Written = { id: string; state: string; rev: number; fence?: number; epoch?: number };
  function noteEffect(path: string, result: unknown): void {
    if (path === "record.tasks.commit" || path === "record.sessions.commit") {
      const kind = path === "record.tasks.commit" ? "task" : "session";
      const written = result as Written | null;
      if (written === null) history.note(scheduler.nowMs(), `${kind} conflict`);
      else {
        lag.committed(result as Parameters<typeof lag.committed>[0], kind, nowMs());
        const { id, state, rev, fence, epoch } = written;
        history.note(scheduler.nowMs(), `${kind} ${id} ${state} rev ${rev} ${fence ?? epoch ?? ""}`);
      }
    } else if (!path.startsWith("registry.beat")) history.note(scheduler.nowMs(), path);
  }

  return { random, scenario, planned, scheduler, nowMs, weather, history, witness, cloud, network, keyOf };
}
