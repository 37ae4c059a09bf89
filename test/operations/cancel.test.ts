import { describe, expect, it } from "vitest";
import { passTime } from "../fixtures/at-rest.ts";
import { interrupting } from "../fixtures/crash-points.ts";
import { FLEET, createWorld, must } from "../fixtures/memory-world.ts";
import { cancelTask } from "../../shared/operations/cancel-task.ts";
import { redriveTask } from "../../shared/operations/redrive-task.ts";
import { completeTask } from "../../shared/operations/settle-task.ts";

const names = (held: readonly { task: { id: string } }[]) => held.map(({ task }) => task.id);

describe("cancelling", () => {
  it.each(["blocked", "queued", "assigned", "running"])("ends a %s task once and for all", async (state) => {
    const world = createWorld();
    const chat = await world.register("s1", { capacity: 1 });
    await world.submit({ id: "first" }, { id: "a", dependsOn: state === "blocked" ? ["first"] : [] });
    if (state === "assigned" || state === "running") {
      must(await cancelTask(world.ports, FLEET, "first", null));
      await world.deliver();
    }
    if (state === "running") await world.claim(chat);
    expect((await world.task("a")).state).toBe(state);
    const { fence } = await world.task("a");
    expect(must(await cancelTask(world.ports, FLEET, "a", "why")).task).toMatchObject({
      ...{ state: "cancelled", error: { code: "task.cancelled", message: "why" } },
    });
    expect((await world.task("a")).fence).toBe(fence + 1);
    expect(must(await cancelTask(world.ports, FLEET, "a", "again")).task.error?.message).toBe("why");
    await passTime(world, 60_000, [chat]);
    expect(await world.task("a")).toMatchObject({ state: "cancelled", effectsPending: false });
    expect(names(await world.claim(chat, 5))).not.toContain("a");
    expect(await redriveTask(world.ports, FLEET, "a")).toMatchObject({ refused: "task.not_failed" });
  });

  it("loses to an end that came first, and is refused of what never was", async () => {
    const world = createWorld();
    const chat = await world.register("s1");
    await world.submit({ id: "a" });
    await world.claim(chat);
    const ports = interrupting(world.ports, "record.tasks.commit", () =>
      completeTask(world.ports, chat.claims, "a", { fence: 1, result: 1 }),
    );
    expect(await cancelTask(ports, FLEET, "a", null)).toMatchObject({ refused: "task.finished" });
    expect(await cancelTask(ports, FLEET, "b", null)).toMatchObject({ refused: "task.not_found" });
    expect(await redriveTask(ports, FLEET, "b")).toMatchObject({ refused: "task.not_found" });
  });
});
