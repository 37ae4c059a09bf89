import { describe, expect, it } from "vitest";
import { isRefusal } from "../../shared/contract/errors.ts";
import { cancelTask } from "../../shared/operations/cancel-task.ts";
import { claimTasks } from "../../shared/operations/claim-tasks.ts";
import { dispatchReady } from "../../shared/operations/dispatch-ready.ts";
import { drainSession, endSession } from "../../shared/operations/end-session.ts";
import { limitTasks, pauseTasks, resumeTasks } from "../../shared/operations/manage-rules.ts";
import { rebalanceFleet } from "../../shared/operations/rebalance-fleet.ts";
import { recordHeartbeat } from "../../shared/operations/record-heartbeat.ts";
import { redriveTask } from "../../shared/operations/redrive-task.ts";
import { registerSession } from "../../shared/operations/register-session.ts";
import { completeTask, failTask, releaseTask, reportProgress } from "../../shared/operations/settle-task.ts";
import { submitTasks } from "../../shared/operations/submit-tasks.ts";
import type { Ports } from "../../shared/ports/ports.ts";
import { StoreUnavailable } from "../../shared/ports/unavailable.ts";
import { workOff } from "../fixtures/at-rest.ts";
import { outageAt } from "../fixtures/crash-points.ts";
import { FLEET, createWorld, must } from "../fixtures/memory-world.ts";

/** `a` runs, `f` has failed, `w` waits with the session, `r` is ready, `b` is blocked by `a`; all but `f` of one key. */
async function scene() {
  const world = createWorld();
  const chat = await world.register("s1", { capacity: 4 });
  await world.tick();
  await world.submit({ id: "f", maxAttempts: 1 });
  const [failing] = await world.claim(chat);
  const gone = { fence: failing?.fence ?? 0, error: { message: "no" }, retryable: false };
  must(await failTask(world.ports, chat.claims, "f", gone));
  await world.submit({ id: "a", key: "k" }, { id: "w" }, { id: "b", key: "k", dependsOn: ["a"] });
  const [held] = await world.claim(chat);
  await world.deliver();
  await world.submit({ id: "r", key: "k" });
  return { world, chat, fence: held?.fence ?? 0 };
}
type Scene = Awaited<ReturnType<typeof scene>>;

const SUBMITTED = [
  { id: "n1", type: "t", data: { long: "x".repeat(600) }, group: "g" },
  { id: "n2", type: "t", data: {}, dependsOn: ["n1"], key: "k" },
];
const REQUEST = { id: "s9", host: "h9", boot: "b9", agent: "test" };

const OPERATIONS: Record<string, (ports: Ports, scene: Scene) => Promise<unknown>> = {
  register: (ports) =>
    registerSession(
      ports,
      { fleet: FLEET, keyId: "key_test", keyExpiresMs: null, seed: "seed", hostToken: null },
      REQUEST,
    ),
  beat: (ports, { world, chat }) =>
    recordHeartbeat(ports, chat.hostClaims, {
      host: "h1",
      boot: "b1",
      seq: world.nowMs(),
      sessions: [{ id: "s1", epoch: 1, tasks: [] }],
    }),
  submit: (ports) => submitTasks(ports, FLEET, SUBMITTED, "seed"),
  claim: (ports, { chat }) => claimTasks(ports, chat.claims, 5),
  progress: (ports, { chat, fence }) => reportProgress(ports, chat.claims, "a", { fence, percent: 5 }),
  complete: (ports, { chat, fence }) => completeTask(ports, chat.claims, "a", { fence, result: "x" }),
  fail: (ports, { chat, fence }) => failTask(ports, chat.claims, "a", { fence, error: { message: "no" } }),
  release: (ports, { chat, fence }) => releaseTask(ports, chat.claims, "a", { fence }),
  cancel: (ports) => cancelTask(ports, FLEET, "a", null),
  redrive: (ports) => redriveTask(ports, FLEET, "f"),
  drain: (ports) => drainSession(ports, FLEET, "s1"),
  end: (ports, { chat }) => endSession(ports, chat.claims, "s1", { reason: "crashed" }),
  rebalance: (ports) => rebalanceFleet(ports, FLEET),
  pause: (ports) => pauseTasks(ports, FLEET, { type: "t" }),
  resume: (ports) => resumeTasks(ports, FLEET, { type: "t" }),
  limit: (ports) => limitTasks(ports, FLEET, { key: "k", limit: 3 }),
  dispatch: (ports) => dispatchReady(ports, { type: "tasks.ready", fleet: FLEET, taskIds: ["r", "w"] }),
};

/** Codes by which a repetition may learn that the first request was carried out after all. */
const CARRIED_OUT = ["task.not_failed"];

describe("when a store stops answering at any call, and whether or not that call was carried out,", () => {
  it.each(Object.keys(OPERATIONS))(
    "%s is accepted or unavailable, its repetition is answered, and nothing is lost or done twice",
    async (name) => {
      const operation = OPERATIONS[name];
      if (!operation) throw new Error(`There is no operation ${name}.`);
      let points = 0;
      for (const carriedOut of [false, true])
        for (let nth = 1; ; nth++) {
          const now = await scene();
          const { ports, where } = outageAt(now.world.ports, nth, carriedOut);
          const first = await operation(ports, now).catch((error: unknown) => error);
          const at = where();
          if (at === null) break;
          points++;
          const accepted = !(first instanceof Error) && !isRefusal(first);
          expect(accepted || first instanceof StoreUnavailable, `${at}: ${String(first)}`).toBe(true);
          const again = await operation(now.world.ports, now);
          if (isRefusal(again)) expect(CARRIED_OUT, at).toContain(again.refused);
          await settleAll(now, at);
        }
      expect(points).toBeGreaterThan(2);
    },
  );
});

async function settleAll({ world }: Scene, at: string): Promise<void> {
  must(await resumeTasks(world.ports, FLEET, { type: "t" }));
  const { items } = await world.ports.record.tasks.listOpen(FLEET, null, 100);
  const open = await world.ports.record.tasks.getMany(FLEET, items);
  const known = await world.ports.record.tasks.getMany(FLEET, ["a", "b", "f", "r", "w", "n1", "n2"]);
  try {
    await workOff(
      world,
      known.map(({ id }) => id),
    );
  } catch (error) {
    const states = open.map(({ id, state }) => `${id} ${state}`).join(", ");
    throw new Error(`${at} (${states}): ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
}
