import { describe, expect, it } from "vitest";
import { cancelTask } from "../../shared/operations/cancel-task.ts";
import { endSession } from "../../shared/operations/end-session.ts";
import { redriveTask } from "../../shared/operations/redrive-task.ts";
import { registerSession } from "../../shared/operations/register-session.ts";
import { runEndEffects } from "../../shared/operations/run-end-effects.ts";
import { completeTask, failTask } from "../../shared/operations/settle-task.ts";
import { isEnded } from "../../shared/domain/task-transitions.ts";
import { EVENT_TOPICS, topicLog } from "../../shared/contract/message.ts";
import { passTime } from "../fixtures/at-rest.ts";
import { crashEverywhere, portsWithout, tapPorts } from "../fixtures/crash-points.ts";
import { FLEET, createWorld, must } from "../fixtures/memory-world.ts";
import { type Chat, drain, peek, read } from "../fixtures/messages.ts";

const DAY_MS = 24 * 3_600_000;

async function listening(topics: readonly string[] = EVENT_TOPICS) {
  const world = createWorld();
  const ear = await world.register("ear", { host: "h2", topics: [...topics], capabilities: ["ear"] });
  const worker = await world.register("worker", { capabilities: ["work"] });
  await world.tick();
  return { world, ports: world.ports, ear, worker };
}

type Heard = { taskId?: string; sessionId?: string };
const heard = async (ports: Parameters<typeof drain>[0], ear: Chat) => (await drain(ports, ear)) as Heard[];

describe("events", () => {
  it("tell on the topic of their name how each task ended", async () => {
    const { world, ports, ear, worker } = await listening();
    await world.submit(
      ...["done", "broken", "dropped"].map((id) => ({ id, requires: ["work"], group: "g" })),
    );
    await world.deliver();
    for (const { task, fence } of await world.claim(worker, 3)) {
      if (task.id === "done") must(await completeTask(ports, worker.claims, task.id, { fence, result: 1 }));
      if (task.id === "broken")
        must(
          await failTask(ports, worker.claims, task.id, {
            fence,
            error: { message: "no" },
            retryable: false,
          }),
        );
    }
    must(await cancelTask(ports, FLEET, "dropped", null));
    const { messages } = await read(ports, ear);
    const said = messages.map(({ to, from, body }) => [to, from, (body as Heard).taskId]);
    expect(said.sort()).toEqual([
      ["topic:task.cancelled", "system", "dropped"],
      ["topic:task.completed", "system", "done"],
      ["topic:task.failed", "system", "broken"],
    ]);
    const done = messages.find(({ to }) => to === "topic:task.completed");
    expect(done?.body).toEqual({ taskId: "done", state: "completed", type: "t", group: "g", attempt: 1 });
  });

  it("tell of each end of a task that is redriven, and of one end once", async () => {
    const { world, ports, ear, worker } = await listening(["task.failed"]);
    await world.submit({ id: "t", requires: ["work"], maxAttempts: 1 });
    for (let end = 1; end <= 2; end++) {
      await world.deliver();
      const [held] = await world.claim(worker);
      const body = { fence: held?.fence ?? 0, error: { message: "no" } };
      must(await failTask(ports, worker.claims, "t", body));
      const task = await world.task("t");
      if (!isEnded(task)) throw new Error("t has not ended");
      await runEndEffects(ports, task);
      expect(await heard(ports, ear)).toMatchObject([{ taskId: "t" }]);
      if (end === 1) must(await redriveTask(ports, FLEET, "t"));
    }
  });

  it("tell which session crashed or ended, once each", async () => {
    const { world, ports, ear, worker } = await listening(["session.crashed", "session.ended"]);
    must(await endSession(ports, worker.claims, "worker", { reason: "crashed", exitCode: 1 }));
    must(await endSession(ports, worker.claims, "worker", { reason: "crashed", exitCode: 1 }));
    const again = await world.register("worker");
    must(await endSession(ports, again.claims, "worker", { reason: "completed" }));
    const silent = await world.register("silent");
    await passTime(world, 60_000, [ear]);
    const said = (await read(ports, ear)).messages.map(({ to, body }) => ({ to, ...(body as object) }));
    expect(said).toMatchObject([
      { to: "topic:session.crashed", sessionId: "worker", epoch: 1 },
      { to: "topic:session.ended", sessionId: "worker", epoch: again.epoch },
      { to: "topic:session.crashed", sessionId: "silent", epoch: silent.epoch },
    ]);
  });

  it("are not written where nobody listens", async () => {
    const { world, ports, worker } = await listening(["news", "task.failed"]);
    await world.submit({ id: "t", requires: ["work"] });
    await world.deliver();
    const [held] = await world.claim(worker);
    const deaf = portsWithout(ports, "record.messages", "registry.inboxes");
    must(await completeTask(deaf, worker.claims, "t", { fence: held?.fence ?? 0, result: 1 }));
    expect((await world.task("t")).state).toBe("completed");
    expect(await ports.record.messages.newest(FLEET, [topicLog("task.completed")])).toEqual([]);
  });

  it("go on for a session that lives longer than a day, and stop a day after the last has gone", async () => {
    const { world, ports, ear, worker } = await listening(["session.ended"]);
    const until = async () => (await ports.record.fleets.get(FLEET))?.eventTopics?.["session.ended"] ?? 0;
    const first = await until();
    expect(first).toBe(world.nowMs() + DAY_MS);
    for (let hour = 0; hour < 30; hour++) {
      world.advance(3_600_000);
      await ports.registry.extend(
        [ear, worker].map(({ claims }) => ({ ...claims, session: claims.session })),
        world.nowMs() + 3_700_000,
      );
      await world.tick();
    }
    expect(await until()).toBeGreaterThan(world.nowMs());
    must(await endSession(ports, worker.claims, "worker", { reason: "completed" }));
    expect(await heard(ports, ear)).toMatchObject([{ sessionId: "worker" }]);
    must(await endSession(ports, ear.claims, "ear", { reason: "completed" }));
    world.advance(DAY_MS);
    await world.tick();
    expect(await until()).toBeLessThanOrEqual(world.nowMs());
  });

  it("refuse a registration that would miss them, and reach a session whose lease only the repair can see lapse", async () => {
    const { world, ports } = await listening([]);
    const busy = tapPorts(ports, (call, run) =>
      call.path === "record.fleets.commit" ? Promise.resolve(null) : run(),
    );
    const by = { fleet: FLEET, keyId: "key_test", keyExpiresMs: null, seed: null, hostToken: null };
    const request = { id: "late", host: "h3", boot: "b1", agent: "test", topics: ["session.ended"] };
    expect(await registerSession(busy, by, request)).toMatchObject({ refused: "conflict.retry" });
    expect(await ports.record.sessions.get(FLEET, "late")).toBeNull();

    const late = await world.register("late", request);
    const fleet = await ports.record.fleets.get(FLEET);
    if (fleet) await ports.record.fleets.commit(fleet, { ...fleet, eventTopics: {} });
    await passTime(world, 60_000, [late]);
    expect((await ports.record.fleets.get(FLEET))?.eventTopics?.["session.ended"]).toBeGreaterThan(
      world.nowMs(),
    );
  });
});

describe("a function killed at any effect of an end that others listen to", () => {
  it("has told it at least once, and under one id", async () => {
    await crashEverywhere({
      async prepare() {
        const state = await listening();
        await state.world.submit({ id: "t", requires: ["work"] });
        await state.world.deliver();
        const [held] = await state.world.claim(state.worker);
        return { ...state, fence: held?.fence ?? 0 };
      },
      act: ({ worker, fence }, ports) => completeTask(ports, worker.claims, "t", { fence, result: 1 }),
      async check({ world, ports, ear, worker, fence }) {
        must(await completeTask(ports, worker.claims, "t", { fence, result: 1 }));
        await passTime(world, 60_000, [ear, worker]);
        expect(await peek(ports, ear)).toMatchObject([{ taskId: "t", state: "completed" }]);
      },
    });
  });

  it("has told of a session that crashed, whoever finishes its recovery", async () => {
    await crashEverywhere({
      prepare: listening,
      act: ({ worker }, ports) => endSession(ports, worker.claims, "worker", { reason: "crashed" }),
      async check({ world, ports, ear }) {
        await passTime(world, 60_000, [ear]);
        expect(await peek(ports, ear)).toMatchObject([{ sessionId: "worker", epoch: 1 }]);
      },
    });
  });
});
