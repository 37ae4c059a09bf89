import { CHECKPOINT_MUTANTS } from "./checkpoint-mutants.ts";
import { MESSAGE_MUTANTS } from "./message-mutants.ts";

/**
 * Mistakes that the simulation must catch: each replaces a piece of a file, which must be there exactly once, so
 * that a mutant whose place has moved is noticed.
 */
export type Edit = { readonly file: string; readonly find: string; readonly replace: string };
export type Mutant = Edit & {
  readonly name: string;
  /** More of the same mistake, where one place makes up for another. */
  readonly also?: readonly Edit[];
};

const DOMAIN_TASKS = "shared/domain/task-transitions.ts";
const DOMAIN_SETTLEMENT = "shared/domain/task-settlement.ts";
const DOMAIN_SESSIONS = "shared/domain/session-transitions.ts";
const operation = (name: string) => `shared/operations/${name}.ts`;

export const MUTANTS: readonly Mutant[] = [
  ...MESSAGE_MUTANTS,
  ...CHECKPOINT_MUTANTS,
  {
    name: "settling does not compare the fence",
    file: DOMAIN_SETTLEMENT,
    find: `    isOwnedBy(task, holder.session, holder.epoch) &&
    task.fence === holder.fence
  )
    return task;`,
    replace: `    isOwnedBy(task, holder.session, holder.epoch)
  )
    return task;`,
  },
  {
    name: "an older epoch may claim",
    file: DOMAIN_SESSIONS,
    find: "if (session.epoch !== epoch)\n    return refused(",
    replace: "if (session.epoch < epoch)\n    return refused(",
  },
  {
    name: "progress is taken from anybody",
    file: DOMAIN_SETTLEMENT,
    find: "if (!running) return staleLease(task, holder);\n  if (task.progress",
    replace: `if (!running && task.state !== "running") return staleLease(task, holder);\n  if (task.progress`,
  },
  {
    name: "giving back does not raise the fence",
    file: DOMAIN_TASKS,
    find: `function giveBack(task: OwnedTask, occasion: Occasion): TaskIn<"queued" | "failed"> {
  const fence = task.fence + 1;`,
    replace: `function giveBack(task: OwnedTask, occasion: Occasion): TaskIn<"queued" | "failed"> {
  const fence = task.fence;`,
  },
  {
    name: "a crash's requeue does not raise the fence",
    file: DOMAIN_TASKS,
    find: "  const fence = task.fence + 1;\n  const error = { code, message: loss.detail }",
    replace: "  const fence = task.fence;\n  const error = { code, message: loss.detail }",
  },
  {
    name: "a move counts as an attempt",
    file: DOMAIN_TASKS,
    find: `const moved = { owner, notBeforeMs, movedAtMs: nowMs, fence: fence + 1 };`,
    replace: `const moved = { owner, notBeforeMs, movedAtMs: nowMs, fence: fence + 1, attempt: task.attempt + 1 };`,
  },
  {
    name: "attempts have no limit after crashes",
    file: DOMAIN_TASKS,
    find: "if (task.attempt >= task.maxAttempts)\n    return enter",
    replace: "if (task.attempt >= task.maxAttempts + 1)\n    return enter",
  },
  {
    name: "attempts have no limit after failures",
    file: DOMAIN_SETTLEMENT,
    find: "running.attempt >= running.maxAttempts",
    replace: "running.attempt > running.maxAttempts",
  },
  {
    name: "a cancelled task's end is taken back by a release",
    file: DOMAIN_TASKS,
    find: `  if (isEnded(task))
    return refused("task.finished", \`Task \${task.id} had`,
    replace: `  if (task.state === "completed")
    return refused("task.finished", \`Task \${task.id} had`,
  },
  {
    name: "a place is reserved beyond the capacity",
    file: DOMAIN_SESSIONS,
    find: "load(session) < session.capacity;",
    replace: "load(session) <= session.capacity;",
  },
  {
    name: "a session is given up without raising its epoch",
    file: DOMAIN_SESSIONS,
    find: "const given = { epoch: session.epoch + 1, endsAs",
    replace: "const given = { epoch: session.epoch, endsAs",
  },
  {
    name: "recovery lets go of tasks before it requeues them",
    file: operation("recover-session"),
    find: "  const requeued: TaskRecord[] = [];\n",
    replace:
      "  const requeued: TaskRecord[] = [];\n  await changeSession(ports, fleet, id, (current) => letGoOfAll(current, held, ports.clock.nowMs()));\n",
  },
  {
    name: "whatever epoch is named is given up",
    file: DOMAIN_SESSIONS,
    find: "if (!isAlive(session) || session.epoch !== epoch) return UNCHANGED;",
    replace: "if (!isAlive(session)) return UNCHANGED;",
  },
  {
    name: "a task is written before its place is reserved",
    file: operation("assign-task"),
    find: "const reserved = await reservePlace(ports, fleet, tenure, { semaphores, leaving, read });",
    replace: "const reserved = await ports.record.sessions.get(fleet, sessionId);",
  },
  {
    name: "a lost race keeps the place it had reserved",
    file: operation("assign-task"),
    find: "  if (!written) {\n    await undoPlace(ports, reserved, taskId);\n",
    replace: "  if (!written) {\n",
  },
  {
    name: "a crashed session's tasks are not requeued",
    file: operation("recover-session"),
    find: "for (const task of tasks) {",
    replace: "for (const task of tasks.slice(1)) {",
  },
  {
    name: "requeued tasks are announced to nobody",
    file: operation("recover-session"),
    find: "  await announceReady(ports, fleet, requeued);\n",
    replace: "",
  },
  {
    name: "outages pardon nobody",
    file: operation("sweep-tick"),
    find: "for (const fleet of silent) await pardon(ports, fleet);",
    replace: "",
  },
  {
    name: "sessions that Redis forgot are never verified",
    file: operation("record-heartbeat"),
    find: "if (doubtful.length > 0) await readmit",
    replace: "if (doubtful.length > 1_000) await readmit",
  },
  {
    name: "a beat says how long by the client's sequence",
    file: operation("record-heartbeat"),
    find: "const deadlineMs = nowMs + profile.timeoutMs;",
    replace: "const deadlineMs = nowMs + profile.timeoutMs - (request.seq % 7) * 4_000;",
  },
  {
    name: "a dependent is not woken when its last dependency ends",
    file: operation("run-end-effects"),
    find: "      for (const dependent of dependents) {",
    replace: "      for (const dependent of dependents.slice(99)) {",
  },
  {
    name: "a fail-over to an older state is not noticed",
    file: operation("sweep-tick"),
    find: "const lost = stampMs === null || stampMs < tick.previousMs;",
    replace: "const lost = stampMs === null;",
  },
  {
    name: "moving a task does not let go of it at the old session",
    file: operation("move-task"),
    find: "  await releasePlace(ports, fleet, from, taskId, task.fence);\n",
    replace: "",
  },
  {
    name: "a released task is let go of before it is committed",
    file: operation("settle-task"),
    find: "  const task = await settle(ports, claims, id, decide, known);\n",
    replace:
      "  await releasePlace(ports, claims.fleet, claims.session, id, fence);\n  const task = await settle(ports, claims, id, decide, known);\n",
  },
  {
    name: "an end has no effects on others",
    file: operation("settle-task"),
    find: "if (isEnded(task)) await runEndEffects(ports, task);",
    replace: "if (isEnded(task)) await Promise.resolve();",
  },
  {
    name: "Redis is never repaired",
    file: operation("sweep-tick"),
    find: "const repair = repairDue ? await repairStep(ports, from, fleets) : from;",
    replace:
      "const repair = repairDue && nowMs < 0 ? await repairStep(ports, from, fleets) : { ...from, rebuild: false };",
  },
  {
    name: "tasks that time out go on",
    file: operation("sweep-tick"),
    find: "      await timeoutTask(ports, entry.fleet, entry.task, entry.fence);\n",
    replace: "",
  },
  {
    name: "what finds no room is not put back",
    file: operation("take-ready"),
    find: "  if (known) await ports.workQueue.putBack(fleet, taken);\n  else await",
    replace: "  await",
    also: [
      {
        file: operation("take-ready"),
        find: "for (const take of aside) await workQueue.putBack(fleet, take);",
        replace: "for (const take of aside) await workQueue.settle(fleet, take);",
      },
    ],
  },
  {
    name: "one poison message fails its batch",
    file: "functions/edge/sqs.ts",
    find: "    try {\n      await run({ ...ports, log }, schema.parse(JSON.parse(body)));\n    } catch (error) {",
    replace:
      "    const read = schema.parse(JSON.parse(body));\n    try {\n      await run({ ...ports, log }, read);\n    } catch (error) {",
  },
  {
    name: "permits are given beyond the limit",
    file: "shared/domain/semaphore.ts",
    find: "  if (!replaces && permitsGiven(semaphore) >= limit) return UNCHANGED;\n",
    replace: "",
  },
  {
    name: "a session lets go of what it must stop before it has stopped",
    file: operation("settle-session"),
    find: "const busy = sinceMs !== undefined && !silent;",
    replace: "const busy = false && !silent;",
  },
  {
    name: "a report of before the question says that a task was dropped",
    file: operation("settle-session"),
    find: "if (askedAtMs === null || answeredAtMs < askedAtMs + graceMs) {",
    replace: "if (askedAtMs === null) {",
  },
  {
    name: "a permit that is free lets nobody through",
    file: operation("permits"),
    find: "    if (result.changed) await letThrough(ports, fleet, id, 1);\n",
    replace: "",
  },
  {
    name: "a crashed session's permits stay",
    file: operation("recover-session"),
    find: "if (!(await releasePermits(ports, fleet, tenure, semaphoresOf(session, task.id))))",
    replace:
      "if (tenure.fence < 0 && !(await releasePermits(ports, fleet, tenure, semaphoresOf(session, task.id))))",
  },
  {
    name: "a place does not remember its permits",
    file: operation("assign-task"),
    find: "reserve(session, session.epoch, task, fence, semaphores)",
    replace: "reserve(session, session.epoch, task, fence, semaphores.slice(99))",
  },
  {
    name: "a permit is acquired after the task is written",
    file: operation("assign-task"),
    find: "  const full = await acquirePermits(ports, fleet, tenure, needed);\n",
    replace: "  void acquirePermits(ports, fleet, tenure, needed);\n  const full = null as string | null;\n",
  },
  {
    name: "effects that a killed function left pending are never run",
    file: operation("repair"),
    find: "  if (isEnded(task) && task.effectsPending) await runEndEffects(ports, task);\n",
    replace: "",
  },
  {
    name: "a commit that lost its race is answered as if it had won",
    file: operation("change"),
    find: "    const written = await write(current ?? null, decision.next);\n    if (written) return { document: written, changed: true };",
    replace:
      "    const written = await write(current ?? null, decision.next);\n    return { document: written ?? decision.next, changed: true };",
  },
  {
    name: "a submission is acknowledged before it is committed",
    file: operation("submit-tasks"),
    find: "const created = await commitTask(ports, null, task);",
    replace:
      "const created = await Promise.resolve(task);\n  void commitTask(ports, null, task).catch(() => null);",
  },
  {
    name: "a dependency that had ended already is waited for",
    file: operation("link-dependencies"),
    find: "    if (!isEnded(dependency)) continue;\n",
    replace: "    if (dependency.id !== id) continue;\n",
  },
  {
    name: "a pause is not looked at when a task is given out",
    file: operation("assign-task"),
    find: "const barrier = pauseOf(rules, task) ?? [",
    replace: "const barrier = [",
  },
];
