import { PRIORITY_LIMIT } from "../../shared/contract/limits.ts";
import type { TaskSubmission } from "../../shared/contract/task.ts";
import { createSender } from "./chat-messages.ts";
import type { Network } from "./network.ts";
import type { Random } from "./random.ts";
import type { ApiKey } from "./requests.ts";
import type { Scheduler } from "./scheduler.ts";
import type { Witness } from "./witness.ts";

export type WorkloadParts = {
  readonly fleet: string;
  readonly key: ApiKey;
  readonly tasks: number;
  readonly horizonMs: number;
  readonly capabilities: readonly string[];
  /** How long an attempt takes on average. */
  readonly meanMs: number;
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly network: Network;
  readonly witness: Witness;
};

const BATCH_LIMIT = 12;
const TRIES = 40;
const RETRY_MS = 5_000;
const OPERATIONS_SHARE = 0.65;
const WRONG_SHARE = 0.3;
const TYPES = ["build", "test", "write"];
/** How long something is paused or limited, on average. */
const HELD_MS = 240_000;

/** Submits a fleet's tasks over the whole time, and does what operators do to them. */
export async function runWorkload(parts: WorkloadParts): Promise<void> {
  const { fleet, key, random, scheduler, network, witness } = parts;
  const ids: string[] = [];
  const meanPauseMs = parts.horizonMs / (parts.tasks / (BATCH_LIMIT / 2)) / 1.5;
  const endMs = scheduler.nowMs() + parts.horizonMs;
  if (random.chance(0.3)) void network.send("rebalance", { by: key, body: { policy: "performance" } });
  const operator = createSender({
    ...{ fleet, from: "operator", random: random.stream("messages"), witness, wait: scheduler.sleep },
    post: (to, body, headers) => network.send("sendAsOperator", { by: key, headers, body: { to, body } }),
    on: () => scheduler.nowMs() < endMs,
  });

  while (scheduler.nowMs() < endMs) {
    await scheduler.sleep(random.after(meanPauseMs));
    if (scheduler.nowMs() >= endMs) return;
    if (ids.length < parts.tasks) void submit();
    if (random.chance(OPERATIONS_SHARE)) void operate();
    if (random.chance(WRONG_SHARE)) void askWrongly();
  }

  async function submit(): Promise<void> {
    const batch = Array.from({ length: random.between(1, BATCH_LIMIT) }, (_, i) => oneTask(ids.length + i));
    ids.push(...batch.map(({ id }) => id));
    const headers: Record<string, string> = random.chance(0.5)
      ? { "idempotency-key": `batch-of-${batch[0]?.id}` }
      : {};
    for (let i = 0; i < TRIES; i++) {
      const outcome = await network.send("submit", { by: key, headers, body: batch });
      if (outcome.kind === "answered") {
        for (const { id } of outcome.value.tasks) witness.accepted.add(`${fleet}/${id}`);
        return;
      }
      if (outcome.kind === "refused" && outcome.refusal.refused !== "conflict.retry") return;
      await scheduler.sleep(RETRY_MS * random.uniform());
    }
  }

  function oneTask(place: number): TaskSubmission & { readonly id: string } {
    const dependsOn =
      ids.length > 0 && random.chance(0.25) ? random.some(ids.slice(-20), random.between(1, 3)) : [];
    return {
      id: `${fleet}-${place}`,
      type: random.pick(TYPES),
      data: { meanMs: parts.meanMs * random.magnitude(0.2, 3) },
      priority: random.between(1, PRIORITY_LIMIT),
      dependsOn: [...new Set(dependsOn)],
      requires: random.chance(0.3) && parts.capabilities.length > 0 ? [random.pick(parts.capabilities)] : [],
      ...(random.chance(0.2) ? { key: `k${random.between(1, 4)}` } : {}),
      ...(random.chance(0.2) ? { affinity: preference() } : {}),
      ...(random.chance(0.3) ? { group: `g${random.between(1, 3)}` } : {}),
      ...(random.chance(0.3) ? { maxAttempts: random.between(1, 4) } : {}),
      ...(random.chance(0.1) ? { timeoutMs: Math.ceil(parts.meanMs * random.magnitude(0.3, 3)) } : {}),
    };
  }

  /** A place it would rather be at; none that it must be at, for that may be gone for good. */
  function preference(): TaskSubmission["affinity"] {
    const known = [...witness.sessions.values()].filter((session) => session.fleet === fleet);
    if (known.length === 0 || random.chance(0.3)) return { key: true };
    const { id, host } = random.pick(known);
    return random.chance(0.5) ? { session: id } : { host };
  }

  async function operate(): Promise<void> {
    const roll = random.uniform();
    const task = witness.anyTask(fleet, random);
    const live = [...witness.sessions.values()].filter(
      (session) => session.fleet === fleet && session.state === "live",
    );
    if (roll < 0.2 && task) {
      // Most of them in somebody's hands, or still waiting for others.
      const held = [...witness.tasks.values()].filter(
        ({ state, fleet: of }) => of === fleet && ["assigned", "running", "blocked"].includes(state),
      );
      const id = held.length > 0 && random.chance(0.7) ? random.pick(held).id : task;
      await network.send("cancel", { by: key, id, body: { reason: "enough" } });
    } else if (roll < 0.35) await redriveOne();
    else if (roll < 0.6) await holdSome();
    else if (roll < 0.65) await network.send("rebalance", { by: key, body: {} });
    else if (roll < 0.67) {
      const policy = random.pick(["least-loaded", "performance"] as const);
      await network.send("rebalance", { by: key, body: { policy } });
    } else if (roll < 0.73 && live.length > 2) {
      const { id } = random.pick(live);
      await network.send("drain", { by: key, id, body: undefined });
    } else if (roll < 0.82 && live.length > 0) {
      const { id } = random.pick(live);
      await network.send("restart", { by: key, id, body: undefined });
    } else if (roll < 0.9) await operator.talk();
    else await network.send("summary", { by: key, body: undefined });
  }

  /** Requests that must be refused, and must change nothing. */
  async function askWrongly(): Promise<void> {
    const task = witness.anyTask(fleet, random);
    const sessions = [...witness.sessions.values()].filter((session) => session.fleet === fleet);
    const wrong = (more: object) => ({ type: "build", data: {}, id: "wrong", ...more });
    const batches: TaskSubmission[][] = [
      [wrong({ dependsOn: ["unheard-of"] })],
      [wrong({ dependsOn: ["wrong"] })],
      [wrong({}), wrong({})],
      [wrong({ id: task ?? "wrong", dependsOn: task === null ? ["wrong"] : [], data: "another" })],
    ];
    const name = task !== null && random.chance(0.5) ? task : "unheard-of";
    const roll = random.uniform();
    if (roll < 0.5) await network.send("submit", { by: key, body: random.pick(batches) });
    else if (roll < 0.7) await network.send("redrive", { by: key, id: name, body: {} });
    else if (roll < 0.8) await network.send("cancel", { by: key, id: "unheard-of", body: {} });
    else {
      // Of one that has ended, or of nobody: one that lives is not disturbed.
      const over = sessions.filter(({ state }) => state === "crashed" || state === "ended");
      const gone = over.length > 0 && random.chance(0.7) ? random.pick(over).id : "nobody";
      await network.send(random.chance(0.5) ? "drain" : "restart", { by: key, id: gone, body: undefined });
    }
  }

  /** Pauses or limits something for a while. */
  async function holdSome(): Promise<void> {
    const type = random.pick(TYPES);
    const target = random.pick([{}, { type }, { group: "g1" }, { key: "k1" }]);
    const limit = random.chance(0.4) ? random.between(1, 3) : null;
    if (limit === null) await network.send("pause", { by: key, body: target });
    else await network.send("limit", { by: key, body: { type, limit } });
    await scheduler.sleep(random.after(HELD_MS));
    for (let heard = false; !heard;) {
      const back =
        limit === null
          ? await network.send("resume", { by: key, body: target })
          : await network.send("limit", { by: key, body: { type, limit: null } });
      heard = back.kind === "answered";
      if (!heard) await scheduler.sleep(RETRY_MS);
    }
  }

  /** Now and then what it depends on goes first, so that it has to wait again. */
  async function redriveOne(): Promise<void> {
    const failed = [...witness.tasks.values()].filter(
      (task) => task.fleet === fleet && task.state === "failed",
    );
    if (failed.length === 0) return;
    const { id, dependsOn } = random.pick(failed);
    const first = random.chance(0.5) ? dependsOn : [];
    for (const each of [...first, id]) await network.send("redrive", { by: key, id: each, body: {} });
  }
}
