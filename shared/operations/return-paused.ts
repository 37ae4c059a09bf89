import { isRefusal } from "../contract/errors.ts";
import type { OwnedTask, TaskIn } from "../contract/records.ts";
import type { Rules } from "../contract/rules.ts";
import { UNCHANGED, commit } from "../domain/decision.ts";
import { pauseOf } from "../domain/rules.ts";
import { standBack } from "../domain/task-transitions.ts";
import type { Ports } from "../ports/ports.ts";
import { changeTask } from "./change.ts";
import { rulesOf } from "./fleet-of.ts";
import { liveSessions } from "./live-sessions.ts";
import { placeReady } from "./place-ready.ts";
import { releasePlace } from "./release-place.ts";

/**
 * Puts paused assignments that no session has started back where they wait for their turn, so that they keep no
 * place from other work. An assignment that was being made during the pause is found by the next call.
 *
 * @returns how many
 */
export async function returnPaused(ports: Ports, fleet: string): Promise<number> {
  const rules = await rulesOf(ports, fleet);
  const { groups, types, keys } = rules.paused;
  if (!rules.paused.fleet && [groups, types, keys].every(({ length }) => length === 0)) return 0;
  let returned = 0;
  for await (const page of liveSessions(ports, fleet)) {
    const ids = page.flatMap(({ held }) => Object.keys(held));
    for (const task of await ports.record.tasks.getMany(fleet, ids)) {
      const back = isPaused(rules, task) && task.state === "assigned" ? await takeBack(ports, task) : null;
      if (!back) continue;
      await placeReady(ports, fleet, [back]);
      returned++;
    }
  }
  return returned;
}

function isPaused(rules: Rules, task: Parameters<typeof pauseOf>[1]): boolean {
  return rules.paused.fleet || pauseOf(rules, task) !== null;
}

async function takeBack(
  ports: Ports,
  { fleet, id, owner, fence }: OwnedTask,
): Promise<TaskIn<"queued"> | null> {
  const result = await changeTask(ports, fleet, id, (task) =>
    task.state === "assigned" && task.fence === fence
      ? commit(standBack(task, ports.clock.nowMs()))
      : UNCHANGED,
  );
  if (isRefusal(result) || !result.changed || result.document.state !== "queued") return null;
  await releasePlace(ports, fleet, owner.session, id, fence);
  return result.document;
}
