import { describe, expect, it } from "vitest";
import type { Desired, Registry } from "../../shared/ports/registry.ts";
import type { Ports } from "../../shared/ports/ports.ts";
import { createMemoryRegistry } from "../../shared/adapters/memory/registry.ts";
import { completeTask } from "../../shared/operations/settle-task.ts";
import { withOnePublication } from "../../shared/operations/one-publication.ts";
import { portsWithout, tapPorts } from "../fixtures/crash-points.ts";
import { FLEET, createWorld, must } from "../fixtures/memory-world.ts";

const desired = (rev: number, tasks: Record<string, number> = {}): Desired => ({
  ...{ rev, epoch: 1, host: "h1", state: "live", capacity: 4, keyId: "key_1", tasks },
  ...{ stopping: {}, restart: false },
});

/** The ports, and which revs of which sessions were published through them. */
function watched(ports: Ports) {
  const published: string[] = [];
  const tapped = tapPorts(ports, (call, run) => {
    if (call.path === "registry.publish")
      published.push(`${String(call.args[1])} ${(call.args[2] as Desired).rev}`);
    return run();
  });
  return { ports: tapped, published };
}

describe("several changes of sessions told of at once", () => {
  it("are one publication of each session, as its highest rev is", async () => {
    const { ports, published } = watched(createWorld().ports);
    await withOnePublication(ports, async ({ registry }) => {
      await registry.publish(FLEET, "s1", desired(2), []);
      await registry.publish(FLEET, "s2", desired(7), []);
      await registry.publish(FLEET, "s1", desired(4, { a: 1 }), []);
      await registry.publish(FLEET, "s1", desired(3), []);
      expect(published).toEqual([]);
    });
    expect(published.sort()).toEqual(["s1 4", "s2 7"]);
    expect(await ports.registry.desired(FLEET, ["s1"])).toMatchObject([{ rev: 4, tasks: { a: 1 } }]);
  });

  it("are published once where one such operation runs inside of another", async () => {
    const { ports, published } = watched(createWorld().ports);
    await withOnePublication(ports, async (outer) => {
      await outer.registry.publish(FLEET, "s1", desired(2), []);
      await withOnePublication(outer, (inner) => inner.registry.publish(FLEET, "s1", desired(3), []));
      expect(published).toEqual([]);
    });
    expect(published).toEqual(["s1 3"]);
  });

  it("are published though the operation failed after them, and its failure is passed on", async () => {
    const { ports, published } = watched(createWorld().ports);
    const failing = withOnePublication(ports, async ({ registry }) => {
      await registry.publish(FLEET, "s1", desired(2), []);
      throw new Error("the operation's own");
    });
    await expect(failing).rejects.toThrow("the operation's own");
    expect(published).toEqual(["s1 2"]);
  });

  it("do not fail while Redis is away: the record has them, and the repair publishes them", async () => {
    const world = createWorld();
    const away = portsWithout(world.ports, "registry.publish");
    const publishing = withOnePublication(away, async ({ registry }) => {
      await registry.publish(FLEET, "s1", desired(2), []);
      return "done";
    });
    expect(await publishing).toBe("done");
  });

  it("reach a registry that keeps its methods in a prototype and uses `this` in them", async () => {
    const world = createWorld();
    const ports = { ...world.ports, registry: inheriting(createMemoryRegistry()) };
    const deadlines = await withOnePublication(ports, async ({ registry }) => {
      const session = { fleet: FLEET, host: "h1", session: "s1", epoch: 1 };
      await registry.extend([session], 5_000);
      await registry.publish(FLEET, "s1", desired(2), []);
      expect(await registry.count()).toBe(1);
      return registry.deadlines([session]);
    });
    expect(deadlines).toEqual([5_000]);
    expect(await ports.registry.candidates(FLEET, [], 5)).toEqual([{ session: "s1", load: 0 }]);
  });

  it("are what a completion that hands out the next task makes: one publication", async () => {
    const world = createWorld();
    const session = await world.register("s1", { capacity: 1 });
    await world.submit({ id: "a" }, { id: "b" });
    await world.claim(session);
    const { ports, published } = watched(world.ports);
    const done = must(await completeTask(ports, session.claims, "a", { fence: 1, result: null }));
    expect(done.next?.task.id).toBe("b");
    expect(published).toEqual([`s1 ${(await world.session("s1")).rev}`]);
  });
});

/** Like an instance of a class: nothing of it is its own but the state, which only `this` leads to. */
function inheriting(registry: Registry): Registry {
  const methods = Object.fromEntries(
    (Object.entries(registry) as [string, unknown][]).map(([name, value]) => [
      name,
      typeof value === "function"
        ? function (this: { state: Registry }, ...args: unknown[]): unknown {
            return Reflect.apply(value, this.state, args);
          }
        : value,
    ]),
  );
  return Object.assign(Object.create(methods) as Registry, { state: registry });
}
