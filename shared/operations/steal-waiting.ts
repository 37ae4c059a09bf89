import type { OwnedTask, SessionRecord, TaskIn } from "../contract/records.ts";
import { commit, UNCHANGED } from "../domain/decision.ts";
import { demandsOf, offersOf } from "../domain/placement.ts";
import { pauseOf } from "../domain/rules.ts";
import { serves } from "../domain/ready-order.ts";
import { load } from "../domain/session-transitions.ts";
import { start } from "../domain/task-transitions.ts";
import { isRefusal } from "../contract/errors.ts";
import type { Ports } from "../ports/ports.ts";
import { changeTask } from "./change.ts";
import { fleetOf, rulesIn } from "./fleet-of.ts";
import { moveTask } from "./move-task.ts";

/** Sessions looked at, of a fleet that may have thousands: whoever asks again sees others end. */
const LOOKED_AT = 100;
/** Of those, the most loaded whose tasks are read. */
const ROBBED_LIMIT = 5;

/**
 * Gives a session that holds nothing, and for which nothing is ready, an assignment that waits with the most loaded
 * other, and starts it. It looks only while the agenda says that assignments wait, so that a fleet without work pays one
 * command for it, and only where the sweep balances too.
 */
export async function stealWaiting(ports: Ports, thief: SessionRecord): Promise<OwnedTask | null> {
  const { fleet, id } = thief;
  if (load(thief) > 0 || thief.state !== "live") return null;
  if (!(await ports.agenda.has({ kind: "balance", fleet }))) return null;
  const settings = await fleetOf(ports, fleet);
  const rules = rulesIn(settings);
  if (!settings.autoBalance || rules.paused.fleet) return null;
  for (const { task, from } of await candidates(ports, thief)) {
    if (pauseOf(rules, task) !== null) continue;
    const moved = await moveTask(ports, fleet, { task: task.id, from, to: id });
    if (moved.outcome === "no_room") return null;
    if (moved.outcome !== "assigned") continue;
    const { fence } = moved.task;
    const started = await changeTask(ports, fleet, task.id, (current) =>
      current.state === "assigned" && current.fence === fence
        ? commit(start(current, ports.clock.nowMs()))
        : UNCHANGED,
    );
    if (!isRefusal(started) && started.changed && started.document.state === "running")
      return started.document;
  }
  return null;
}

type Loot = { readonly task: TaskIn<"assigned">; readonly from: string };

/** What waits behind other work and fits the thief: of the most loaded first, and there what would wait longest. */
async function candidates({ record }: Ports, thief: SessionRecord): Promise<Loot[]> {
  const { fleet, id } = thief;
  const page = await record.sessions.list(fleet, "live", null, LOOKED_AT);
  const laden = (await record.sessions.getMany(fleet, page.items))
    .filter((session) => session.id !== id && load(session) > 1)
    .sort((a, b) => load(b) - load(a) || (a.id < b.id ? -1 : 1))
    .slice(0, ROBBED_LIMIT);
  const tasks = await record.tasks.getMany(
    fleet,
    laden.flatMap(({ held }) => Object.keys(held)),
  );
  const offers = offersOf(thief);
  return laden.flatMap((session) =>
    tasks
      .filter(
        (task): task is TaskIn<"assigned"> =>
          task.state === "assigned" &&
          task.owner.session === session.id &&
          task.owner.epoch === session.epoch &&
          serves(offers, demandsOf(task)),
      )
      .sort((a, b) => b.createdAtMs - a.createdAtMs || (a.id < b.id ? 1 : -1))
      .map((task) => ({ task, from: session.id })),
  );
}
