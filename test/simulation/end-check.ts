import { desiredOf } from "../../shared/domain/desired.ts";
import { openMembers } from "../../shared/domain/totals.ts";
import { groupsOf } from "../../shared/operations/groups-of.ts";
import { listTasks } from "../../shared/operations/list-tasks.ts";
import { summariseProgress } from "../../shared/operations/summarise-progress.ts";
import { rebalanceFleet } from "../../shared/operations/rebalance-fleet.ts";
import { BALANCED_SPREAD } from "../../shared/domain/balance.ts";
import type { Cloud } from "./cloud.ts";
import { MESSAGES } from "./message-law.ts";
import type { Witness } from "./witness.ts";

/** What is true once nothing went wrong for a while and all work is done, whatever happened before. */
export async function checkEnd(cloud: Cloud, witness: Witness, fleets: readonly string[]): Promise<void> {
  const { complain, tasks, sessions } = witness;
  for (const key of witness.accepted) if (!tasks.has(key)) complain(5, `${key} was accepted and is gone`);
  for (const task of tasks.values()) {
    if (!["completed", "failed", "cancelled"].includes(task.state))
      complain(1, `task ${task.id} never ended: ${task.state}`);
    else if ("effectsPending" in task && task.effectsPending) complain(1, `effects of ${task.id} never ran`);
  }
  for (const what of witness.messages.owed()) complain(MESSAGES, what);
  for (const fleet of fleets) {
    await checkTotals(cloud, witness, fleet);
    for (const session of sessions.values()) {
      if (session.fleet !== fleet) continue;
      if (session.state === "recovering") complain(10, `${session.id} never recovered`);
      const held = Object.keys(session.held);
      if (held.length > 0) complain(1, `${session.id} (${session.state}) still holds ${held.join(" ")}`);
      if (session.state !== "live" && session.state !== "draining") continue;
      const [found] = await cloud.base.registry.desired(fleet, [session.id]);
      if (JSON.stringify(found) !== JSON.stringify(desiredOf(session)))
        complain(19, `Redis wants of ${session.id} what the record does not: ${JSON.stringify(found)}`);
    }
    const { moved } = await rebalanceFleet(cloud.base, fleet);
    if (moved.length > BALANCED_SPREAD) complain(16, `${fleet} was left out of balance`);
  }
}

/** Tasks of submissions that were cut short and never repeated: they count until the repair sees that they never came to be. */
async function cutShort({ base }: Cloud, fleet: string, tasks: Witness["tasks"]): Promise<number> {
  let count = 0;
  for await (const { group } of groupsOf(base, fleet, null)) {
    const { items } = await base.record.submissions.list(fleet, group, "open", null, 1_000);
    const open = items.flatMap((submission) => openMembers(submission));
    count += open.filter((id) => !tasks.has(`${fleet}/${id}`)).length;
  }
  return count;
}

/** The summary and the listing agree with the record's own items. */
async function checkTotals(cloud: Cloud, { complain, tasks }: Witness, fleet: string): Promise<void> {
  const mine = [...tasks.values()].filter((task) => task.fleet === fleet);
  const count = (state: string) => mine.filter((task) => task.state === state).length;
  const summary = await summariseProgress(cloud.base, fleet, null, null);
  if ("refused" in summary) return;
  const total = mine.length + (await cutShort(cloud, fleet, tasks));
  const expected = [total, count("completed"), count("failed"), count("cancelled")];
  const found = [summary.totalTasks, summary.completedTasks, summary.failedTasks, summary.cancelledTasks];
  if (JSON.stringify(expected) !== JSON.stringify(found))
    complain(1, `${fleet} sums up ${found.join("/")}, and has ${expected.join("/")}`);
  let listed = 0;
  for (let cursor: string | null = null, first = true; first || cursor !== null; first = false) {
    const page = await listTasks(cloud.base, fleet, { group: null, states: null }, cursor);
    if ("refused" in page) break;
    for (const { id } of page.tasks)
      if (!tasks.has(`${fleet}/${id}`)) complain(20, `${fleet} lists ${id}, which is not its own`);
    listed += page.tasks.length;
    cursor = page.cursor;
  }
  if (listed !== mine.length) complain(1, `${fleet} lists ${listed} of its ${mine.length} tasks`);
}
