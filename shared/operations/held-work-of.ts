import type { SessionRecord } from "../contract/records.ts";
import type { HeldWork } from "../domain/held-work.ts";
import { beatingOf } from "../domain/experiments/session-tuning.ts";
import type { Ports } from "../ports/ports.ts";
import { fleetOf } from "./fleet-of.ts";

/** What sessions of a fleet hold and last reported, in the order asked: one look at the record and one at Redis. */
export async function heldWorkOf(
  ports: Ports,
  fleet: string,
  sessions: readonly SessionRecord[],
): Promise<HeldWork[]> {
  const held = sessions.flatMap((session) => Object.keys(session.held));
  const found = held.length > 0 ? await ports.record.tasks.getMany(fleet, held) : [];
  const tasks = new Map(found.map((task) => [task.id, task]));
  const reports = await ports.registry.reported(
    fleet,
    sessions.map(({ id }) => id),
  );
  const settings = await fleetOf(ports, fleet);
  return sessions.map((session, i) => {
    const report = reports[i]?.epoch === session.epoch ? reports[i] : null;
    return { session, tasks, report, timeoutMs: beatingOf(session, settings).timeoutMs };
  });
}
