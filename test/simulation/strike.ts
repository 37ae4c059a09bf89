import { PROFILES } from "../../shared/contract/profile.ts";
import type { Fault } from "./faults.ts";
import type { Host } from "./host.ts";
import { START_MS } from "./scenario.ts";
import type { World } from "./world.ts";

/** Makes things go wrong when they should. */
export function scheduleFaults(world: World, hosts: readonly Host[], faults: readonly Fault[]): void {
  const { scenario, scheduler, weather, history, witness, cloud, nowMs } = world;
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
}
