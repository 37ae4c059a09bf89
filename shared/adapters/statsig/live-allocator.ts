import { setTimeout as wait } from "node:timers/promises";
import type { StatsigServer } from "statsig-node";
import type { ActiveExperiment, Variant } from "../../contract/experiments.ts";
import type { AllocationUnit } from "../../ports/allocation.ts";
import type { Log } from "../../ports/ports.ts";
import type { StatsigAllocator } from "./allocator.ts";
import { admitted } from "./admission.ts";
import { evaluate, loadStatsig, mayMeet } from "./evaluate.ts";
import { experimentName, userIdOf } from "./spec.ts";

/** How long the experiments may take to arrive before units are in none of them, in milliseconds. */
export const START_TIMEOUT_MS = 3_000;
/** How long the delivery of exposures may take, with its second attempt, in milliseconds. */
export const DELIVERY_TIMEOUT_MS = 3_000;
/** How long Statsig is not asked again once it did not answer, in milliseconds. Said once in that time. */
export const RETRY_AFTER_MS = 30_000;
const DELIVERY_ATTEMPTS = 2;
const DELIVERY_PAUSE_MS = 100;
/** How often a running process asks for changes of experiments, in milliseconds. */
const SYNC_INTERVAL_MS = 60_000;
/**
 * Exposures that wait for a flush. What is more is lost, and said. Below the 1,000 at which the SDK would send by itself, with
 * nobody waiting.
 */
const PENDING_LIMIT = 500;
/** The SDK's own flushes, which nobody would wait for: never, as far as a timer can count. */
const NEVER_MS = 2 ** 31 - 1;

const NO_UPDATES = JSON.stringify({ has_updates: false });

type Ready = { readonly server: StatsigServer; readonly network: ReturnType<typeof createNetwork> };
type Pending = {
  readonly experiment: ActiveExperiment;
  readonly unit: AllocationUnit;
  readonly variant: Variant;
};

/** Names only: messages of failed requests quote addresses, and these contain the key. */
const nameOf = (error: unknown) => (error instanceof Error ? error.name : "unknown");

/**
 * Every request of the SDK. It is told that all went well, because otherwise it prints addresses to the console and reports to
 * Statsig by a way of its own; what failed is said here.
 */
function createNetwork() {
  let specsFailure: string | null = "no answer";
  let deliveryFailure: string | null = null;
  let silent = false;

  const deliver = async (url: string, init: RequestInit): Promise<void> => {
    const signal = AbortSignal.timeout(DELIVERY_TIMEOUT_MS);
    for (let attempt = 1; attempt <= DELIVERY_ATTEMPTS && !signal.aborted; attempt++) {
      if (attempt > 1) await wait(DELIVERY_PAUSE_MS);
      try {
        const answer = await fetch(url, { ...init, signal });
        await answer.arrayBuffer();
        deliveryFailure = answer.ok ? null : `status ${answer.status}`;
        if (answer.ok) return;
      } catch (error) {
        deliveryFailure = nameOf(error);
      }
    }
  };

  const specs = async (url: string, init: RequestInit): Promise<string> => {
    try {
      const answer = await fetch(url, { ...init, signal: AbortSignal.timeout(START_TIMEOUT_MS) });
      const text = await answer.text();
      if (answer.ok) {
        JSON.parse(text);
        specsFailure = null;
        return text;
      }
      specsFailure = `status ${answer.status}`;
    } catch (error) {
      specsFailure = nameOf(error);
    }
    return NO_UPDATES;
  };

  return {
    async request(url: string, init: RequestInit): Promise<Response> {
      if (silent) return new Response(NO_UPDATES);
      if (url.includes("/download_config_specs/")) return new Response(await specs(url, init));
      await deliver(url, init);
      return new Response("{}");
    },
    /** Before a shutdown, on which the SDK reports of itself and asks once more, with nobody waiting. */
    silence() {
      silent = true;
    },
    /** Null if the experiments have arrived when they were last asked for. */
    specsFailure: () => specsFailure,
    /** Null if the last delivery arrived. */
    deliveryFailure: () => deliveryFailure,
  };
}

/** The live service decides, by what it says of the experiments when this process first asks, and every minute after. */
export function createLiveAllocator(options: {
  serverKey: string;
  log: Log;
  baseUrl: string | undefined;
  nowMs: () => number;
}): StatsigAllocator {
  const { serverKey, log, baseUrl, nowMs } = options;
  const pending: Pending[] = [];
  let lost = 0;
  let server: Promise<Ready | null> | null = null;
  let askAgainMs = Infinity;
  let flushing = Promise.resolve();

  const start = async (): Promise<Ready | null> => {
    try {
      const { StatsigServer } = await loadStatsig();
      const network = createNetwork();
      const server = new StatsigServer(serverKey, {
        ...(baseUrl !== undefined && { api: baseUrl }),
        networkOverrideFunc: (url, init) => network.request(url, init),
        // Its timeout would keep a process alive; requests have their own.
        initTimeoutMs: 0,
        disableDiagnostics: true,
        disableIdListsSync: true,
        initStrategyForIDLists: "none",
        initStrategyForIP3Country: "none",
        rulesetsSyncIntervalMs: SYNC_INTERVAL_MS,
        loggingIntervalMs: NEVER_MS,
        postLogsRetryLimit: 0,
      });
      await server.initializeAsync();
      const reason = network.specsFailure();
      if (reason === null) return { server, network };
      network.silence();
      server.shutdown();
      log.warn("Statsig does not answer, so no unit is in an experiment", { reason });
    } catch (error) {
      log.warn("Statsig does not start, so no unit is in an experiment", { reason: nameOf(error) });
    }
    askAgainMs = nowMs() + RETRY_AFTER_MS;
    return null;
  };

  const started = (): Promise<Ready | null> => {
    if (server === null || nowMs() >= askAgainMs) {
      askAgainMs = Infinity;
      server = start();
    }
    return server;
  };

  const deliverPending = async (): Promise<void> => {
    const taken = pending.splice(0);
    if (lost > 0) log.warn("more exposures than are kept for Statsig", { lost });
    lost = 0;
    if (taken.length === 0) return;
    const ready = await started();
    if (!ready) {
      log.warn("exposures did not reach Statsig", { events: taken.length, reason: "not started" });
      return;
    }
    let changed = 0;
    for (const { experiment, unit, variant } of taken) {
      // An exposure names the group that Statsig sees now: a unit that meanwhile would be in another is not said to be in it.
      if (evaluate(ready.server, experiment, unit) !== variant) changed++;
      else
        ready.server.logExperimentExposure(
          { userID: userIdOf(unit) },
          experimentName(unit.fleet, experiment.id),
        );
    }
    if (changed > 0) log.warn("exposures to groups that Statsig no longer sees", { events: changed });
    await ready.server.flush();
    const reason = ready.network.deliveryFailure();
    if (reason !== null)
      log.warn("exposures did not reach Statsig", { events: taken.length - changed, reason });
  };

  return {
    async allocate(active, experiment, unit) {
      if (!mayMeet(active, experiment, unit)) return null;
      try {
        const ready = await started();
        const variant = ready && evaluate(ready.server, experiment, unit);
        return variant && admitted(variant, experiment, unit);
      } catch (error) {
        log.warn("Statsig does not evaluate", { experiment: experiment.id, reason: nameOf(error) });
        return null;
      }
    },
    expose(experiment, unit, variant) {
      if (pending.length < PENDING_LIMIT) pending.push({ experiment, unit, variant });
      else lost++;
    },
    flush() {
      // One after the other: whoever flushes also waits for exposures of its own that the flush before it took.
      flushing = flushing.then(deliverPending).catch((error: unknown) => {
        log.warn("exposures did not reach Statsig", { reason: nameOf(error) });
      });
      return flushing;
    },
    async close() {
      await this.flush();
      const ready = await server;
      server = null;
      ready?.network.silence();
      ready?.server.shutdown();
    },
  };
}
