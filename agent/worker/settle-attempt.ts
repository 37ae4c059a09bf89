import type { HeldTask } from "../../shared/contract/session.ts";
import { messageOf } from "../problem.ts";
import type { AgentApi, TaskReport } from "./agent-api.ts";
import type { AttemptEnd } from "./attempt.ts";
import type { Life } from "./life.ts";
import { reportOutcome } from "./report-outcome.ts";
import type { Tally } from "./tally.ts";
import type { Worktrees } from "./worktrees.ts";

/** What a session does after a task: run `next`, or claim, now or once a beat proved that it still may. */
export type AfterTask = {
  readonly next: HeldTask | null;
  readonly claim: "now" | "after a beat";
  /** Whether the task was completed, and the server took it. */
  readonly completed: boolean;
};

export type Say = (what: string, fields?: Record<string, string | number>) => void;

export type SettlementParts = {
  readonly api: AgentApi;
  readonly worktrees: Worktrees | null;
  readonly publishPrefix: string | null;
  readonly tally: Tally;
};

/** One attempt whose task this start of the session held. */
export type Settlement = SettlementParts & {
  readonly held: HeldTask;
  readonly life: Life;
  readonly say: Say;
};

type Outcome = Extract<AttemptEnd, { kind: "completed" | "failed" }>;

/** Tells the server what came of an attempt, publishes what it accepted, and says what the session does next. */
export async function settleAttempt(settlement: Settlement, end: AttemptEnd): Promise<AfterTask> {
  const { life, say } = settlement;
  switch (end.kind) {
    case "crashed":
      life.finish(end);
      say("crashed", { signal: end.signal });
      return { next: null, claim: "now", completed: false };
    case "aborted":
      say("stopped", { why: end.why });
      // The server may believe that it still runs here: a new epoch returns it.
      if (end.why === "lease") life.finish({ kind: "restart", why: "its lease ran out" });
      if (end.why === "released" || end.why === "task.cancelled") await giveBack(settlement);
      return { next: null, claim: "after a beat", completed: false };
    case "completed":
    case "failed":
      return await tell(settlement, end);
  }
}

async function tell(settlement: Settlement, end: Outcome): Promise<AfterTask> {
  const { held, life, tally, say } = settlement;
  const reported = await reportOutcome(settlement.api, {
    taskId: held.task.id,
    report: describeOutcome(held, end),
    token: life.token,
    signal: life.over,
    onRetry: (why) => {
      say("outcome could not be delivered yet", { why });
    },
  });
  if (reported.kind === "dropped") {
    tally.dropped += 1;
    say("outcome dropped, nothing of it is published", { why: reported.why });
    if (!reported.settled) life.finish({ kind: "restart", why: reported.why });
    if (reported.why === "task.cancelled") await giveBack(settlement);
    return { next: null, claim: "after a beat", completed: false };
  }
  if (end.kind === "failed") {
    tally.failed += 1;
    say("failed", {
      code: end.code,
      retryable: String(end.retryable),
      why: end.message.split("\n", 1)[0] ?? "",
    });
  } else {
    tally.completed += 1;
    say("completed");
    await publish(settlement, end.commit);
  }
  return { next: reported.next, claim: "now", completed: end.kind === "completed" };
}

function describeOutcome({ fence }: HeldTask, end: Outcome): TaskReport {
  if (end.kind === "failed") {
    const error = { message: end.message, code: end.code };
    return { route: "fail", body: { fence, error, retryable: end.retryable } };
  }
  const evidence = end.commit === null ? {} : { evidence: { commit: end.commit } };
  return { route: "complete", body: { fence, result: end.result, ...evidence } };
}

/** Only called once the server accepted the outcome: a stale attempt never reaches this. */
async function publish(settlement: Settlement, commit: string | null): Promise<void> {
  const { worktrees, publishPrefix, held, say } = settlement;
  if (commit === null || worktrees === null || publishPrefix === null) return;
  try {
    const { ref, outcome } = await worktrees.publish(publishPrefix, held.task.id, held.fence, commit);
    say(outcome, { ref, commit });
  } catch (error) {
    say(`completed, but commit ${commit} could not be published; it is still in the repository`, {
      why: messageOf(error),
    });
  }
}

/** Gives a task back; of a cancelled one, says that it has stopped. */
export async function giveBack({ api, held, life, tally, say }: Settlement): Promise<void> {
  try {
    const body = { fence: held.fence, reason: "the worker stopped it" };
    const { task } = await api.release(held.task.id, life.token(), body);
    if (task.state !== "cancelled") tally.released += 1;
  } catch (error) {
    // A beat that does not list it, or the end of the session, says the same later.
    say("could not be released", { why: messageOf(error) });
  }
}
