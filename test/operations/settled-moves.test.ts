import { expect, test } from "vitest";
import { moveTask } from "../../shared/operations/move-task.ts";
import { settleSession } from "../../shared/operations/settle-session.ts";
import { interrupting } from "../fixtures/crash-points.ts";
import { FLEET, createWorld } from "../fixtures/memory-world.ts";

test("a session that is settled in the middle of a move to it never owns what it does not hold", async () => {
  const world = createWorld();
  await world.register("s1", { capacity: 2 });
  await world.submit({ id: "t1" });
  await world.deliver();
  expect(await world.task("t1")).toMatchObject({ state: "assigned", owner: { session: "s1" } });
  await world.register("s2", { capacity: 2 });
  const ports = interrupting(world.ports, "record.tasks.commit", () =>
    settleSession(world.ports, FLEET, "s2"),
  );
  expect(await moveTask(ports, FLEET, { task: "t1", from: "s1", to: "s2" })).toEqual({
    outcome: "not_ready",
  });
  expect(await world.task("t1")).toMatchObject({ state: "assigned", owner: { session: "s1" }, fence: 1 });
  expect((await world.session("s1")).held).toEqual({ t1: 1 });
  expect((await world.session("s2")).held).toEqual({});
});
