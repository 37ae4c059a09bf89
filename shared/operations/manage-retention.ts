import { type Refusal, isRefusal } from "../contract/errors.ts";
import type { RetentionAnswer, RetentionRequest } from "../contract/fleet.ts";
import { retentionOf, setRetention } from "../domain/retention.ts";
import type { Ports } from "../ports/ports.ts";
import { changeOrCreate } from "./change.ts";
import { fleetOf } from "./fleet-of.ts";

export async function readRetention(ports: Ports, fleet: string): Promise<RetentionAnswer> {
  return { retentionMs: retentionOf(await ports.record.fleets.get(fleet)).keptMs };
}

/** Sets how long what ends from now on is kept. What has ended goes when it was to go. One commit: repeating it is harmless. */
export async function changeRetention(
  ports: Ports,
  fleet: string,
  { retentionMs }: RetentionRequest,
): Promise<RetentionAnswer | Refusal> {
  const settings = await fleetOf(ports, fleet);
  const result = await changeOrCreate(
    () => ports.record.fleets.get(fleet),
    ports.record.fleets.commit,
    (current) => setRetention(current ?? settings, retentionMs),
  );
  return isRefusal(result) ? result : { retentionMs: retentionOf(result.document).keptMs };
}
