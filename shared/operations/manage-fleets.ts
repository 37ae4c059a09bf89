import { type Refusal, refuse } from "../contract/errors.ts";
import type { Fleet, FleetRequest } from "../contract/fleet.ts";
import type { FleetRecord } from "../contract/records.ts";
import { formatApiKey, hashSecret } from "../domain/api-key.ts";
import { hashOf } from "../domain/canonical-json.ts";
import { firstRetention } from "../domain/retention.ts";
import { deriveSecret } from "../domain/sealing.ts";
import { fleetView } from "../domain/views.ts";
import type { Ports } from "../ports/ports.ts";
import { DEFAULT_FLEET, newFleet } from "./fleet-of.ts";
import { type KeyName, makeKey, newKeyName } from "./manage-keys.ts";
import { allFleets } from "./sweep-tick.ts";

/**
 * Makes a fleet and its first key, which may do all of it. Repeated after it was cut short, it tells that key again:
 * nobody was told it, and no other key could make another.
 *
 * @param seed what the first key is derived from, so that a repeated request knows it; null makes a new one
 */
export async function createFleet(
  ports: Ports,
  { id, profile, retentionMs }: FleetRequest,
  seed: string | null,
): Promise<{ fleet: Fleet; adminKey: string } | Refusal> {
  const exists = refuse("fleet.exists", `There is a fleet ${id} already.`);
  if (id === DEFAULT_FLEET) return exists;
  const firstKey = seed === null ? newKeyName(ports) : derivedKeyName(ports, id, seed);
  const created = await ports.record.fleets.commit(null, {
    ...newFleet(id, profile ?? ports.settings.defaultProfile, ports.clock.nowMs()),
    ...firstRetention(retentionMs ?? null),
  });
  const fleet = created ?? (await findUnfinished(ports, id, firstKey));
  if (!fleet) return exists;
  const { secret } = await makeKey(ports, id, "admin", "first", null, firstKey);
  return { fleet: fleetView(fleet), adminKey: secret };
}

/** Secret to all but this deployment, as the seed alone is not. */
function derivedKeyName({ settings }: Ports, fleet: string, seed: string): KeyName {
  return {
    id: `key_${hashOf(fleet, seed)}`,
    random: deriveSecret(settings.signingKeys, `first key ${fleet} ${seed}`),
  };
}

/** The fleet if it has no key but perhaps this one. */
async function findUnfinished({ record }: Ports, id: string, firstKey: KeyName): Promise<FleetRecord | null> {
  const secretHash = hashSecret(formatApiKey(id, firstKey.id, firstKey.random));
  const keys = await record.keys.list(id);
  const others = keys.some((key) => key.secretHash !== secretHash || key.revokedAtMs !== null);
  return others ? null : record.fleets.get(id);
}

export async function listFleets(ports: Ports): Promise<{ fleets: Fleet[] }> {
  return { fleets: (await allFleets(ports)).map(fleetView) };
}
