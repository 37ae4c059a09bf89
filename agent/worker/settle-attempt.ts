import type { HeldTask } from "../../shared/contract/session.ts";
import { messageOf } from "../problem.ts";
import type { AgentApi, TaskReport } from "./agent-api.ts";
import type { AttemptEnd } from "./attempt.ts";
import type { Life } from "./life.ts";
import type { Publication, Publications } from "./publications.ts";
import { reportOutcome } from "./report-outcome.ts";
import type { Tally } from "./tally.ts";

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
  /** Null: nothing is published. */
  readonly publications: Publications | null;
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

/**
 * Notes what is to be published, reports, publishes: wherever a worker is killed, the next one finds the note and asks
 * whether the report was accepted.
 */
async function tell(settlement: Settlement, end: Outcome): Promise<AfterTask> {
  const { held, life, tally, say } = settlement;
  const publication = await prepare(settlement, end);
  const reported = await reportOutcome(settlement.api, {
    taskId: held.task.id,
    report: describeOutcome(held, end, publication),
    token: life.token,
    signal: life.over,
    onRetry: (why) => {
      say("outcome could not be delivered yet", { why });
    },
  });
  if (reported.kind === "dropped") {
    tally.dropped += 1;
    say("outcome dropped, nothing of it is published", { why: reported.why });
    // Otherwise it may have been accepted and its answer lost: the note stays for the next start.
    if (reported.settled) await forget(settlement, publication);
    else life.finish({ kind: "restart", why: reported.why });
    if (reported.why === "task.cancelled") await giveBack(settlement);
    return { next: null, claim: "after a beat", completed: false };
  }
  const { report, next } = reported;
  if (report.route === "fail") {
    tally.failed += 1;
    const { error, retryable } = report.body;
    say("failed", {
      ...(error.code === undefined ? {} : { code: error.code }),
      retryable: String(retryable),
      why: error.message.split("\n", 1)[0] ?? "",
    });
    await forget(settlement, publication);
    return { next, claim: "now", completed: false };
  }
  tally.completed += 1;
  say("completed");
  if (publication) await publish(settlement, publication);
  return { next, claim: "now", completed: true };
}

function describeOutcome({ fence }: HeldTask, end: Outcome, publication: Publication | null): TaskReport {
  if (end.kind === "failed") {
    const error = { message: end.message, code: end.code };
    return { route: "fail", body: { fence, error, retryable: end.retryable } };
  }
  const { result, commit } = end;
  if (commit === null) return { route: "complete", body: { fence, result } };
  // The ref names the attempt: two attempts may well make the same commit.
  const evidence = { commit, ...(publication === null ? {} : { ref: publication.ref }) };
  return { route: "complete", body: { fence, result, evidence } };
}

async function prepare({ publications, held, say }: Settlement, end: Outcome): Promise<Publication | null> {
  if (publications === null || end.kind === "failed" || end.commit === null) return null;
  const publication = publications.prepare(held.task.id, held.fence, end.commit);
  try {
    await publication.note();
  } catch (error) {
    say("could not be noted: should this worker be killed now, nobody publishes it", {
      why: messageOf(error),
    });
  }
  return publication;
}

/** Only called once the server accepted the completion: a stale attempt never reaches this. */
async function publish(settlement: Settlement, publication: Publication): Promise<void> {
  const { ref, commit } = publication;
  try {
    settlement.say(await publication.publish(), { ref, commit });
  } catch (error) {
    const why = messageOf(error);
    settlement.say("completed, but could not be published; the next start tries again", { ref, commit, why });
    return;
  }
  await forget(settlement, publication);
}

async function forget({ say }: Settlement, publication: Publication | null): Promise<void> {
  try {
    await publication?.forget();
  } catch (error) {
    // The next start asks about it, and finds it published or not accepted.
    say("its note could not be removed", { why: messageOf(error) });
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
