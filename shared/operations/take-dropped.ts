import { isRefusal } from "../contract/errors.ts";
import type { OwnedTask } from "../contract/records.ts";
import { UNCHANGED, commit } from "../domain/decision.ts";
import { isEnded, isOwned, requeue } from "../domain/task-transitions.ts";
import type { Ports } from "../ports/ports.ts";
import { announceReady } from "./announce-ready.ts";
import { changeTask } from "./change.ts";
import { backoffBaseOf, fleetOf } from "./fleet-of.ts";
import { notePerformance } from "./note-performance.ts";
import { releasePlace } from "./release-place.ts";
import { runEndEffects } from "./run-end-effects.ts";

/**
 * Takes a running task from a session that lives and has dropped it without a word: without this it would run for
 * ever in the record and nowhere else. The attempt is spent. The session lets go last, so that its `held` entry
 * remembers the effects if this function dies in between.
 */
export async function takeDropped(ports: Ports, { fleet, id, owner, fence }: OwnedTask): Promise<void> {
  const settings = await fleetOf(ports, fleet);
  const detail = `Session ${owner.session} stopped working on it without saying so.`;
  const loss = { cause: "dropped", detail, uniform: ports.chance.uniform() } as const;
  const result = await changeTask(ports, fleet, id, (task) =>
    isOwned(task) && task.fence === fence
      ? commit(requeue(task, { ...loss, backoffBaseMs: backoffBaseOf(settings, task) }, ports.clock.nowMs()))
      : UNCHANGED,
  );
  if (isRefusal(result) || !result.changed) return;
  ports.log.warn("task dropped by its session", { fleet, task: id, session: owner.session });
  if (isEnded(result.document)) await runEndEffects(ports, result.document);
  else await announceReady(ports, fleet, [result.document]);
  await notePerformance(ports, result.document, owner.session, fence, false);
  await releasePlace(ports, fleet, owner.session, id, fence);
}
