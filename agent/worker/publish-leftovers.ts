import * as z from "zod/mini";
import { codeOf, isTransient, messageOf } from "../problem.ts";
import type { AgentApi } from "./agent-api.ts";
import type { WorkerLog } from "./log.ts";
import type { Intent, Publications } from "./publications.ts";

/** What a worker's completion says of the commit it publishes. */
const Evidence = z.object({ commit: z.string(), ref: z.string() });

/**
 * Publishes what workers completed and were killed before they published it. What cannot be published now is left to
 * later starts.
 */
export async function publishLeftovers(
  publications: Publications,
  api: AgentApi,
  log: WorkerLog,
): Promise<void> {
  for (const leftover of await publications.leftovers()) {
    const { taskId: task, fence, commit, ref } = leftover;
    try {
      if (!(await isAccepted(api, leftover))) continue;
      const published = await leftover.publish();
      await leftover.forget();
      log(`${published} for a worker that is gone`, { task, fence, commit, ref });
    } catch (error) {
      const why = messageOf(error);
      log("an earlier worker's commit could not be published; the next start tries again", {
        task,
        ref,
        why,
      });
      // The others would be asked about in vain too, and the sessions wait.
      if (isTransient(error)) return;
    }
  }
}

/** A completed task stays as it is, so its evidence says for good which attempt's completion was accepted. */
async function isAccepted(api: AgentApi, { taskId, commit, ref }: Intent): Promise<boolean> {
  try {
    const { state, evidence } = await api.task(taskId);
    const accepted = Evidence.safeParse(evidence);
    return state === "completed" && accepted.data?.commit === commit && accepted.data.ref === ref;
  } catch (error) {
    if (codeOf(error) === "task.not_found") return false;
    throw error;
  }
}
