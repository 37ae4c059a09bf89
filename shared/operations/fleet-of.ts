import { FLEET_OPEN_TASKS_QUOTA, FLEET_SESSIONS_QUOTA } from "../contract/limits.ts";
import { PROFILES, type Profile, type ProfileName } from "../contract/profile.ts";
import type { FleetRecord, TaskRecord } from "../contract/records.ts";
import type { Rules } from "../contract/rules.ts";
import { metValue, valuesOf } from "../domain/experiments/parameters.ts";
import { NO_RULES } from "../domain/rules.ts";
import type { Ports, Settings } from "../ports/ports.ts";

type FleetPorts = Pick<Ports, "record" | "clock" | "settings">;

/** The fleet that exists from the start. */
export const DEFAULT_FLEET = "default";

export function newFleet(fleet: string, profile: ProfileName, nowMs: number): FleetRecord {
  return {
    v: 1,
    rev: 0,
    fleet,
    profile,
    autoBalance: true,
    sessionsQuota: FLEET_SESSIONS_QUOTA,
    openTasksQuota: FLEET_OPEN_TASKS_QUOTA,
    sessionsFull: false,
    openTasksFull: false,
    createdAtMs: nowMs,
  };
}

/**
 * A fleet's settings. Keys and tokens name only fleets that exist, so one without an item is the default fleet
 * before its first change. That fleet takes its profile from the deployment, always.
 */
export async function fleetOf({ record, clock, settings }: FleetPorts, fleet: string): Promise<FleetRecord> {
  const found = await record.fleets.get(fleet);
  return withProfile(settings, found ?? newFleet(fleet, settings.defaultProfile, clock.nowMs()));
}

export function withProfile({ defaultProfile }: Settings, fleet: FleetRecord): FleetRecord {
  return fleet.fleet === DEFAULT_FLEET ? { ...fleet, profile: defaultProfile } : fleet;
}

/**
 * From what the backoff before a task's next attempt is reckoned, in milliseconds.
 *
 * @param factor of a variant that the task is given now; else that of one which it has met, or the fleet's
 */
export function backoffBaseOf(
  fleet: FleetRecord,
  { exposures }: Pick<TaskRecord, "exposures">,
  factor: number = metValue(fleet, exposures, "retryBackoffFactor"),
): number {
  return PROFILES[fleet.profile].backoffBaseMs * factor;
}

/** How often a fleet's hosts beat, as long as none registered under another choice. */
export function beatProfileOf(fleet: FleetRecord): Profile {
  return PROFILES[valuesOf(fleet).heartbeatProfile];
}

/** What of a fleet's work is held back. */
export async function rulesOf({ record }: Pick<FleetPorts, "record">, fleet: string): Promise<Rules> {
  return rulesIn(await record.fleets.get(fleet));
}

export function rulesIn(fleet: FleetRecord | null): Rules {
  return fleet?.rules ?? NO_RULES;
}
