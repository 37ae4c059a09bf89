import { type Refusal, refuse } from "../contract/errors.ts";
import type { Fleet, FleetRequest } from "../contract/fleet.ts";
import { fleetView } from "../domain/views.ts";
import type { Ports } from "../ports/ports.ts";
import { DEFAULT_FLEET, newFleet } from "./fleet-of.ts";
import { makeKey } from "./manage-keys.ts";
import { allFleets } from "./sweep-tick.ts";

/** Makes a fleet and its first key, which may do all of it. */
export async function createFleet(
  ports: Ports,
  { id, profile }: FleetRequest,
): Promise<{ fleet: Fleet; adminKey: string } | Refusal> {
  const exists = refuse("fleet.exists", `There is a fleet ${id} already.`);
  if (id === DEFAULT_FLEET) return exists;
  const created = await ports.record.fleets.commit(
    null,
    newFleet(id, profile ?? ports.settings.defaultProfile, ports.clock.nowMs()),
  );
  const unfinished = !created && (await ports.record.keys.list(id)).length === 0; // Cut short before it had a key.
  const fleet = created ?? (unfinished ? await ports.record.fleets.get(id) : null);
  if (!fleet) return exists;
  const { secret } = await makeKey(ports, id, "admin", "first", null);
  return { fleet: fleetView(fleet), adminKey: secret };
}

export async function listFleets(ports: Ports): Promise<{ fleets: Fleet[] }> {
  return { fleets: (await allFleets(ports)).map(fleetView) };
}
