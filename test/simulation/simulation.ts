import { limitTasks, readRules, resumeTasks } from "../../shared/operations/manage-rules.ts";
import type { Ports } from "../../shared/ports/ports.ts";
import { type Talk, planTalk } from "./chat-messages.ts";
import { KILLED } from "./cloud.ts";
import { checkEnd } from "./end-check.ts";
import type { Fault } from "./faults.ts";
import { type Host, createHost } from "./host.ts";
import { BRITTLE, CAPABILITIES, HOUR_MS, START_MS } from "./scenario.ts";
import { scheduleFaults } from "./strike.ts";
import type { Violation } from "./witness.ts";
import { runWorkload } from "./workload.ts";
import { type World, createWorld } from "./world.ts";

const AUDIT_MS = 10_000;
/** After the last fault: how long what is left may take. */
const QUIET_LIMIT_MS = 4 * HOUR_MS;
const QUIET_STEP_MS = 60_000;
/** What a killed function did not do or say, the next tick or the repair does within its longest pass. */
const UNTOLD_LIMIT_MS = 20 * 60_000;
/** Long enough for whoever is silent to be found, and Redis to be rebuilt. */
const SETTLING_MS = 3 * 60_000;
/** The schedule starts the sweep again within a minute of its death, and a tick mends what was lost. */
const MENDED_MS = 90_000;

/** How often somebody wants to know what has ended. */
const LISTENING = 0.2;
export type Simulated = {
  readonly seed: number;
  /** How long all sessions together lived, the quiet end among it. */
  readonly agentHours: number;
  readonly violations: readonly Violation[];
  readonly historyHash: string;
  readonly history: readonly string[];
  readonly faults: readonly Fault[];
  /** How often each transition and each outcome was reached. */
  readonly reached: ReadonlyMap<string, number>;
};

function createHosts(world: World, talk: Talk): Host[] {
  const { scenario, random, keyOf } = world;
  const listens = random.chance(LISTENING);
  return scenario.fleets.flatMap((fleet) =>
    Array.from({ length: scenario.hosts / scenario.fleets.length }, (_, i) =>
      createHost({
        ...world,
        name: `${fleet}-h${i}`,
        fleet,
        key: keyOf(fleet),
        profile: scenario.profile,
        chats: Array.from({ length: scenario.chatsPerHost }, (_unused, n) => ({
          id: `${fleet}-h${i}-c${n}`,
          capabilities: [
            ...random.some(CAPABILITIES, random.between(0, 2)),
            ...(scenario.brittle && i === 0 && n === 0 ? [BRITTLE] : []),
          ],
          capacity: random.between(1, 4),
        })),
        random: random.stream(`host ${fleet} ${i}`),
        fencesItself: random.chance(0.7),
        crashes: scenario.brittle && i === 0,
        listener: listens && i === 0 ? `${fleet}-h0-c1` : null,
        talk,
      }),
    ),
  );
}

/** Some hosts never come back; the others go on, and somebody who can do everything joins them. */
function letSomeFinish(world: World, hosts: readonly Host[], talk: Talk): void {
  const { scenario, random, keyOf } = world;
  for (const host of hosts) if (random.chance(0.3)) host.kill();
  for (const fleet of scenario.fleets) {
    const finisher = createHost({
      ...world,
      name: `${fleet}-finisher`,
      fleet,
      key: keyOf(fleet),
      profile: scenario.profile,
      chats: [{ id: `${fleet}-finisher`, capabilities: [...CAPABILITIES, BRITTLE], capacity: 100 }],
      random: random.stream(`finisher ${fleet}`),
      fencesItself: true,
      listener: null,
      talk,
    });
    void finisher.start();
  }
}

async function takeBackRules(ports: Ports, fleet: string): Promise<void> {
  const { rules } = await readRules(ports, fleet);
  if (rules.paused.fleet) await resumeTasks(ports, fleet, {});
  for (const group of rules.paused.groups) await resumeTasks(ports, fleet, { group });
  for (const type of rules.paused.types) await resumeTasks(ports, fleet, { type });
  for (const key of rules.paused.keys) await resumeTasks(ports, fleet, { key });
  for (const type of Object.keys(rules.limits.types)) await limitTasks(ports, fleet, { type, limit: null });
}

/** @param faults what goes wrong, if not what the seed says: how a failing seed's faults are thinned out */
export async function simulate(
  seed: number,
  options: { readonly faults?: readonly Fault[]; readonly keepAll?: boolean } = {},
): Promise<Simulated> {
  const world = await createWorld(seed, options.keepAll ?? false);
  const { scenario, scheduler, cloud, witness, history, random, keyOf } = world;
  const faults = options.faults ?? world.planned;
  const untilMs = START_MS + scenario.horizonMs;
  const talk = planTalk(scenario.hosts * scenario.chatsPerHost, scenario.horizonMs, untilMs);
  cloud.sweepEveryMinute(untilMs + QUIET_LIMIT_MS + 24 * HOUR_MS);
  const hosts = createHosts(world, talk);
  for (const host of hosts) scheduler.at(START_MS + random.uniform() * 20_000, () => void host.start());
  for (const fleet of scenario.fleets)
    void runWorkload({
      ...world,
      ...scenario,
      fleet,
      key: keyOf(fleet),
      capabilities: scenario.brittle ? [...CAPABILITIES, BRITTLE] : CAPABILITIES,
      random: random.stream(`work ${fleet}`),
    });
  scheduleFaults(world, hosts, faults);

  let agentMs = 0;
  const isUndecided = () => witness.violations.length === 0 && cloud.thrown.length === 0;
  const watch = async (toMs: number) => {
    while (scheduler.nowMs() < toMs && isUndecided()) {
      const stepMs = Math.min(AUDIT_MS, toMs - scheduler.nowMs());
      await scheduler.runUntil(scheduler.nowMs() + stepMs);
      agentMs += stepMs * hosts.reduce((sum, host) => sum + host.liveChats(), 0);
      witness.audit();
    }
  };
  /** Goes on while something is left to do, but not for longer than this. */
  const watchWhile = async (isLeft: () => boolean, limitMs: number) => {
    const lastMs = scheduler.nowMs() + limitMs;
    while (isUndecided() && scheduler.nowMs() < lastMs && isLeft())
      await watch(scheduler.nowMs() + QUIET_STEP_MS);
  };

  await watch(untilMs);
  // A pause that came twice may have come last. Whoever forgets one waits for ever, as told.
  for (const fleet of scenario.fleets)
    while ((await cloud.invoke("resume", false, (ports) => takeBackRules(ports, fleet))) === KILLED);
  letSomeFinish(world, hosts, talk);
  await watch(scheduler.nowMs() + SETTLING_MS);
  await watchWhile(() => witness.hasOpenTasks(), QUIET_LIMIT_MS - SETTLING_MS);
  await watch(scheduler.nowMs() + SETTLING_MS);
  await watchWhile(() => witness.hasRecovering() || witness.messages.owed().length > 0, UNTOLD_LIMIT_MS);
  const isDisturbed = () => scheduler.nowMs() - witness.calmSinceMs(scheduler.nowMs()) < MENDED_MS;
  await watchWhile(isDisturbed, UNTOLD_LIMIT_MS);
  if (isUndecided()) await checkEnd(cloud, witness, scenario.fleets);

  for (const what of cloud.thrown) witness.complain(7, `a function threw: ${what}`);
  return {
    seed,
    agentHours: agentMs / HOUR_MS,
    violations: witness.violations,
    historyHash: history.hash(),
    history: history.tail(),
    faults,
    reached: witness.reached,
  };
}
