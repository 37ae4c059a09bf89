import { afterEach, expect, test, vi } from "vitest";
import { ChatCoordinator, createShim, SessionBalancer, type Shim } from "../../agent/client/client.ts";
import { useEmbeddedCloud } from "../fixtures/embedded-cloud.ts";
import { createFleet } from "./fleet.ts";
import { eventually } from "../fixtures/eventually.ts";

const cloud = useEmbeddedCloud();
// A bound, not a duration: on a busy machine every process takes its time to start.
vi.setConfig({ testTimeout: 90_000 });

const open: Shim[] = [];

async function connect(options: { maxConcurrentChats?: number } = {}) {
  const fleet = await createFleet(cloud(), "fast");
  const shim = createShim({ url: fleet.url, key: fleet.key, ...options });
  open.push(shim);
  return { shim, fleet };
}

afterEach(async () => {
  for (const shim of open.splice(0)) await shim.close();
});

test("the workflow a SHIM user knows runs as it is written", async () => {
  const { coordinator, balancer } = (await connect()).shim;

  void coordinator.registerChat("chat-001");
  void balancer.startAutoBalancing();
  const chatId = await balancer.selectSession();
  await coordinator.assignTask({
    id: "task-001",
    type: "analysis",
    priority: 1,
    data: { file: "report.md" },
  });
  const progress = await eventually("the task is counted", async () => {
    const summary = await coordinator.getProgressSummary();
    return summary.totalTasks === 1 && summary.inProgressTasks === 1 && summary;
  });
  const load = await balancer.getAllLoadMetrics();

  expect(chatId).toBe("chat-001");
  expect(progress).toMatchObject({
    totalTasks: 1,
    completedTasks: 0,
    inProgressTasks: 1,
    queuedTasks: 0,
    activeChats: 1,
  });
  expect(load).toMatchObject([{ chatId: "chat-001", currentTasks: 1 }]);
  expect(load[0]?.utilizationRate).toBeCloseTo(1 / 3);
});

test("a coordinator and a balancer can be constructed over the same client", async () => {
  const { registry, messageBus } = (await connect()).shim;
  const coordinator = new ChatCoordinator({ registry, messageBus, maxConcurrentChats: 5 });
  const balancer = new SessionBalancer({
    coordinator,
    registry,
    maxTasksPerSession: 3,
    balancingInterval: 5000,
  });
  expect(await balancer.selectSession()).toBeNull();
  const chats = await Promise.all([1, 2, 3, 4, 5].map((n) => coordinator.registerChat(`chat-${n}`)));
  expect(chats.map(({ id, capacity }) => [id, capacity])).toEqual(
    [1, 2, 3, 4, 5].map((n) => [`chat-${n}`, 3]),
  );
  await expect(coordinator.registerChat("chat-6")).rejects.toThrow("one more than the 5 chats");
});

test("a chat claims and completes its task, and is kept alive longer than its timeout", async () => {
  const { shim, fleet } = await connect();
  const { coordinator, registry } = shim;
  await coordinator.registerChat("chat-001");
  await coordinator.assignTask({ id: "t", type: "analysis", data: {} });
  const [held] = await eventually("the task can be claimed", async () => {
    const tasks = await coordinator.claimTasks("chat-001");
    return tasks.length > 0 && tasks;
  });
  expect(held?.task.id).toBe("t");
  const { epoch, startedAt } = await registry.get("chat-001");
  await eventually("it beat past its timeout of 4 s", async () => {
    const { lastBeatAt } = await registry.get("chat-001");
    return lastBeatAt !== null && Date.parse(lastBeatAt) - Date.parse(startedAt) > 5_000;
  });
  expect(await registry.get("chat-001")).toMatchObject({ state: "live", epoch, currentTasks: 1 });
  await coordinator.completeTask("t", { ok: true });
  expect(await fleet.task("t")).toMatchObject({ state: "completed", result: { ok: true }, attempt: 1 });
});

test("the error of a registration nobody awaited reaches the next call", async () => {
  const { shim, fleet } = await connect();
  await shim.coordinator.registerChat("taken");
  const other = createShim({ url: fleet.url, key: fleet.key });
  open.push(other);
  void other.coordinator.registerChat("taken");
  await expect(other.balancer.selectSession()).rejects.toMatchObject({ problem: { code: "session.live" } });
});

test("what a chat keeps is read back, and says what it left unfinished", async () => {
  const { checkpoints, coordinator } = (await connect()).shim;
  await coordinator.registerChat("chat-001");
  const state = { task: { done: ["half"], next: ["the other half"] } };
  const written = await checkpoints.write("chat-001", { trigger: "manual", state });
  expect(written.sequence).toBe(1);
  expect(await checkpoints.latest("chat-001")).toMatchObject({ sequence: 1, trigger: "manual", state });
  expect(await checkpoints.resume("chat-001")).toMatchObject({ done: ["half"], next: ["the other half"] });
});

test("closing the client ends its chats, and their tasks are free for others", async () => {
  const { shim, fleet } = await connect();
  await shim.coordinator.registerChat("chat-001");
  await fleet.submit({ id: "t" });
  await fleet.reached("t", "assigned");
  await shim.close();
  expect(await fleet.task("t")).toMatchObject({ state: "queued" });
});
