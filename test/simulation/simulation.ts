import { PROFILES, type ProfileName } from "../../shared/contract/profile.ts";
import { limitTasks, readRules, resumeTasks } from "../../shared/operations/manage-rules.ts";
import type { Ports } from "../../shared/ports/ports.ts";
import { type Fault, createWeather, planFaults } from "./faults.ts";
import { KILLED, createCloud } from "./cloud.ts";
import { type ApiKey, createApiKey } from "./requests.ts";
import { checkEnd } from "./end-check.ts";
import { planTalk } from "./chat-messages.ts";
import { createHistory } from "./history.ts";
import { type Host, createHost } from "./host.ts";
import { createLag } from "./lag.ts";
import { createNetwork } from "./network.ts";
import { type Random, createChoices } from "./random.ts";
import { createScheduler } from "./scheduler.ts";
import { type Violation, createWitness } from "./witness.ts";
import { runWorkload } from "./workload.ts";

const START_MS = Date.parse("2026-01-01T00:00:00Z");
const HOUR_MS = 3_600_000;
/**
 * Of one simulation, sessions times hours, unless that takes too long: with the quiet end and with who is down about 20 on
 * average. The fast profile beats ten times as often.
 */
const AGENT_HOURS: Readonly<Record<ProfileName, number>> = { standard: 22.5, fast: 6 };
/** Small fleets would only watch the sweep tick. Longer than a token lives. */
const LONGEST_MS = 1.75 * HOUR_MS;
/** Fewer sessions for longer would only watch the sweep tick. */
const FAST_SESSIONS_LEAST = 20;
const AUDIT_MS = 10_000;
/** After the last fault: how long what is left may take. */
const QUIET_LIMIT_MS = 4 * HOUR_MS;
const QUIET_STEP_MS = 60_000;
/** What a killed function did not do or say, the next tick or the repair does within its longest pass. */
const UNTOLD_LIMIT_MS = 20 * 60_000;
/** Long enough for whoever is silent to be found, and Redis to be rebuilt. */
const SETTLING_MS = 3 * 60_000;

export type Scenario = {
  readonly seed: number;
  readonly profile: ProfileName;
  readonly fleets: readonly string[];
  readonly hosts: number;
  readonly chatsPerHost: number;
  readonly horizonMs: number;
  readonly tasks: number;
  readonly meanMs: number;
  readonly suddenDeath: number;
  readonly repeated: number;
  readonly brittle: boolean;
  /** A thousand sessions lose their way to the control plane, and find it again at once. */
  readonly crowd: boolean;
};

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

/** How often a function dies at an effect even in good weather; now and then there is something in all of them. */
const SUDDEN_DEATH = 0.0004;
const FRAIL = 0.004;
/** How often a request comes twice; now and then there are clients that repeat every one. */
const REPEATED = 0.03;
/** How often somebody wants to know what has ended. */
const LISTENING = 0.3;
/** Every so many seeds the profile is fast. */
const FAST_EVERY = 10;

/** Every so many seeds a thousand sessions come back at once. */
const CROWD_EVERY = 200;
const CROWD_AT = 57;
const CROWD = {
  hosts: 250,
  chatsPerHost: 4,
  fleets: ["default"],
  horizonMs: 240_000,
  tasks: 60,
  meanMs: 20_000,
};

/** What a seed is about: how many sessions for how long, how much work, which profile. */
export function planScenario(seed: number, random: Random): Scenario {
  const profile = seed % FAST_EVERY === 0 ? "fast" : "standard";
  const sessions = Math.round(random.magnitude(profile === "fast" ? FAST_SESSIONS_LEAST : 3, 200));
  const chatsPerHost = Math.max(
    2,
    Math.min(100, Math.round(random.magnitude(2, Math.max(3, sessions / 1.5)))),
  );
  const fleets = random.chance(0.2) ? ["default", "other"] : ["default"];
  const hosts = Math.max(1, Math.round(Math.max(2, sessions / chatsPerHost) / fleets.length)) * fleets.length;
  const horizonMs = Math.min(LONGEST_MS, (AGENT_HOURS[profile] * HOUR_MS) / (hosts * chatsPerHost));
  return {
    seed,
    profile,
    fleets,
    hosts,
    chatsPerHost,
    horizonMs,
    tasks: Math.round(random.magnitude(20, 200)),
    suddenDeath: random.chance(0.1) ? FRAIL : SUDDEN_DEATH,
    repeated: random.chance(0.05) ? 1 : REPEATED,
    brittle: random.chance(0.1),
    meanMs: random.magnitude(2_000, Math.max(10_000, Math.min(900_000, horizonMs / 10))),
    crowd: false,
    ...(seed % CROWD_EVERY === CROWD_AT ? { ...CROWD, crowd: true } : {}),
  };
}

async function takeBackRules(ports: Ports, fleet: string): Promise<void> {
  const { rules } = await readRules(ports, fleet);
  if (rules.paused.fleet) await resumeTasks(ports, fleet, {});
  for (const group of rules.paused.groups) await resumeTasks(ports, fleet, { group });
  for (const type of rules.paused.types) await resumeTasks(ports, fleet, { type });
  for (const key of rules.paused.keys) await resumeTasks(ports, fleet, { key });
  for (const type of Object.keys(rules.limits.types)) await limitTasks(ports, fleet, { type, limit: null });
}

const CAPABILITIES = ["gpu", "docs"];
/** What only a session that crashes whenever it was started can do. */
const BRITTLE = "brittle";

/** @param faults what goes wrong, if not what the seed says: how a failing seed's faults are thinned out */
export async function simulate(
  seed: number,
  options: { readonly faults?: readonly Fault[]; readonly keepAll?: boolean } = {},
): Promise<Simulated> {
  const random = createChoices(seed);
  const scenario = planScenario(seed, random.stream("scenario"));
  const planned = planFaults(
    random.stream("faults"),
    scenario.horizonMs,
    scenario.hosts,
    PROFILES[scenario.profile].timeoutMs,
    scenario.crowd,
  );
  const faults = options.faults ?? planned;
  const scheduler = createScheduler(START_MS, random.stream("ties").uniform);
  const nowMs = () => Math.floor(scheduler.nowMs());
  const weather = createWeather();
  const history = createHistory(options.keepAll ?? false);
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

  function noteEffect(path: string, result: unknown): void {
    if (path === "record.tasks.commit" || path === "record.sessions.commit") {
      const kind = path === "record.tasks.commit" ? "task" : "session";
      const written = result as {
        id: string;
        state: string;
        rev: number;
        fence?: number;
        epoch?: number;
      } | null;
      if (written === null) history.note(scheduler.nowMs(), `${kind} conflict`);
      else {
        lag.committed(result as Parameters<typeof lag.committed>[0], kind, nowMs());
        const { id, state, rev, fence, epoch } = written;
        history.note(scheduler.nowMs(), `${kind} ${id} ${state} rev ${rev} ${fence ?? epoch ?? ""}`);
      }
    } else if (!path.startsWith("registry.beat")) history.note(scheduler.nowMs(), path);
  }

  for (const fleet of scenario.fleets.slice(1)) await cloud.addFleet(fleet);
  const keys = new Map<string, ApiKey>();
  for (const fleet of scenario.fleets) keys.set(fleet, await createApiKey(cloud.base, fleet));
  const keyOf = (fleet: string) => keys.get(fleet) as ApiKey;
  const untilMs = START_MS + scenario.horizonMs;
  cloud.sweepEveryMinute(untilMs + QUIET_LIMIT_MS + 24 * HOUR_MS);
  const talk = planTalk(scenario.hosts * scenario.chatsPerHost, scenario.horizonMs, untilMs);
  const listens = random.chance(LISTENING);
  const hosts = scenario.fleets.flatMap((fleet) =>
    Array.from({ length: scenario.hosts / scenario.fleets.length }, (_, i) =>
      createHost({
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
        scheduler,
        random: random.stream(`host ${fleet} ${i}`),
        network,
        cloud,
        witness,
        fencesItself: random.chance(0.7),
        crashes: scenario.brittle && i === 0,
        listener: listens && i === 0 ? `${fleet}-h0-c1` : null,
        talk,
      }),
    ),
  );
  for (const host of hosts) scheduler.at(START_MS + random.uniform() * 20_000, () => void host.start());
  for (const fleet of scenario.fleets)
    void runWorkload({
      ...scenario,
      fleet,
      key: keyOf(fleet),
      capabilities: scenario.brittle ? [...CAPABILITIES, BRITTLE] : CAPABILITIES,
      scheduler,
      random: random.stream(`work ${fleet}`),
      network,
      witness,
    });
  for (const fault of faults)
    scheduler.at(START_MS + fault.atMs, () => {
      strike(fault);
    });

  function strike(fault: Fault): void {
    const atMs = scheduler.nowMs();
    history.note(atMs, `FAULT ${JSON.stringify(fault)}`);
    weather.happened(fault.kind, atMs);
    if ("untilMs" in fault) {
      const close = weather.open(fault.kind, fault.share);
      scheduler.at(START_MS + Math.min(fault.untilMs, scenario.horizonMs), () => {
        close();
        weather.happened(fault.kind, scheduler.nowMs());
        const wholly = fault.kind === "redis.down" && fault.share === 1;
        if (wholly && scheduler.nowMs() - atMs > PROFILES[scenario.profile].timeoutMs)
          witness.failovers.cameBack(nowMs());
      });
      return;
    }
    const host = "host" in fault ? hosts[fault.host % hosts.length] : undefined;
    switch (fault.kind) {
      case "redis.wiped":
        cloud.loseRedis();
        witness.redisLost();
        return;
      case "redis.restored": {
        const restore = cloud.saveRedis();
        scheduler.at(atMs + fault.lostMs, () => {
          const { agenda } = cloud.stores;
          const before = agenda.stamped();
          restore();
          witness.failovers.failedOver(agenda.stamped() !== before, nowMs());
          witness.redisLost();
          weather.happened(fault.kind, scheduler.nowMs());
          history.note(scheduler.nowMs(), "FAULT redis is back where it was");
        });
        return;
      }
      case "sweep.doubled":
        void cloud.startSweep();
        return;
      case "queue.poisoned":
        cloud.poison();
        return;
      case "host.killed":
        host?.kill();
        if (host && fault.backAfterMs !== null)
          scheduler.at(atMs + fault.backAfterMs, () => {
            if (!host.isAlive()) void host.start();
          });
        return;
      case "host.frozen":
        host?.freeze(atMs + fault.forMs);
        return;
      case "session.killed":
        void host?.killChat();
    }
  }

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
  await watch(untilMs);
  await finish(hosts);

  async function finish(working: readonly Host[]): Promise<void> {
    // A pause that came twice may have come last. Whoever forgets one waits for ever, as told.
    for (const fleet of scenario.fleets)
      while ((await cloud.invoke("resume", false, (ports) => takeBackRules(ports, fleet))) === KILLED);
    // Some hosts never come back; the others go on, and somebody who can do everything joins them.
    for (const host of working) if (random.chance(0.3)) host.kill();
    for (const fleet of scenario.fleets) {
      const finisher = createHost({
        name: `${fleet}-finisher`,
        fleet,
        key: keyOf(fleet),
        profile: scenario.profile,
        chats: [{ id: `${fleet}-finisher`, capabilities: [...CAPABILITIES, BRITTLE], capacity: 100 }],
        scheduler,
        random: random.stream(`finisher ${fleet}`),
        network,
        cloud,
        witness,
        fencesItself: true,
        listener: null,
        talk,
      });
      void finisher.start();
    }
    const limitMs = scheduler.nowMs() + QUIET_LIMIT_MS;
    await watch(scheduler.nowMs() + SETTLING_MS);
    while (scheduler.nowMs() < limitMs && witness.hasOpenTasks() && witness.violations.length === 0)
      await watch(scheduler.nowMs() + QUIET_STEP_MS);
    await watch(scheduler.nowMs() + SETTLING_MS);
    const untoldMs = scheduler.nowMs() + UNTOLD_LIMIT_MS;
    const isUnsettled = () => witness.hasRecovering() || witness.messages.owed().length > 0;
    while (isUndecided() && scheduler.nowMs() < untoldMs && isUnsettled())
      await watch(scheduler.nowMs() + QUIET_STEP_MS);
    if (!isUndecided()) return;
    await checkEnd(cloud, witness, scenario.fleets);
  }

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
