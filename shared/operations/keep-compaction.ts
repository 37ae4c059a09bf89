import { isRefusal } from "../contract/errors.ts";
import { promptOf } from "../contract/task-prompt.ts";
import { accountOf, lastingPart, toolsOf } from "../domain/compaction-account.ts";
import type { SessionClaims } from "../domain/tokens.ts";
import type { Ports } from "../ports/ports.ts";
import { runningTasks } from "./beat-session.ts";
import { countingSession, onlyTask } from "./guard-tool-call.ts";
import { readLatestCheckpoint } from "./read-checkpoint.ts";
import { viewTask } from "./view-task.ts";
import { writeCheckpoint } from "./write-checkpoint.ts";

/** What this start of a session has put down: the tool calls of its journal, and the state of its last checkpoint. */
async function knownOf(ports: Ports, { fleet, session, epoch }: SessionClaims) {
  const [journal, latest] = await Promise.all([
    ports.record.journals.get(fleet, session),
    readLatestCheckpoint(ports, { fleet, session, claims: null }),
  ]);
  const own = isRefusal(latest) || latest.checkpoint.epoch !== epoch ? null : latest.checkpoint.state;
  return { calls: journal?.epoch === epoch ? journal.calls : [], state: own };
}

/**
 * Keeps a checkpoint of what the journal knows, before an agent forgets: with what the last checkpoint said that stays true.
 * Nothing, if nothing is known.
 */
export async function checkpointBeforeCompaction(ports: Ports, claims: SessionClaims): Promise<void> {
  const session = await countingSession(ports, claims);
  if (!session) return;
  const { calls, state } = await knownOf(ports, claims);
  const lasting = lastingPart(state);
  if (calls.length === 0 && !lasting) return;
  const task = onlyTask(await runningTasks(ports, session));
  const written = await writeCheckpoint(ports, claims, {
    trigger: "pre_compact",
    ...(task && { taskId: task.id, fence: task.fence }),
    state: { ...lasting, tools: toolsOf(calls) },
  });
  if (isRefusal(written)) ports.log.warn("no checkpoint before compaction", { code: written.refused });
}

/** What an agent is told after it forgot; null if nothing is known. */
export async function tellAfterCompaction(ports: Ports, claims: SessionClaims): Promise<string | null> {
  const session = await countingSession(ports, claims);
  if (!session) return null;
  const [running, { calls, state }] = await Promise.all([
    runningTasks(ports, session),
    knownOf(ports, claims),
  ]);
  const tasks = await Promise.all(
    running.map(async (task) => ({
      ...{ id: task.id, fence: task.fence },
      prompt: promptOf(await viewTask(ports, task)),
    })),
  );
  return accountOf({ tasks, state, calls });
}
