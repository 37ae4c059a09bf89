import { describe, expect, it } from "vitest";
import type { Session } from "../../shared/contract/session.ts";
import { drainHost } from "../../shared/operations/drain-host.ts";
import { endSession } from "../../shared/operations/end-session.ts";
import { completeTask } from "../../shared/operations/settle-task.ts";
import { workOff } from "../fixtures/at-rest.ts";
import { crashEverywhere, interrupting, tapPorts } from "../fixtures/crash-points.ts";
import { FLEET, createWorld, must } from "../fixtures/memory-world.ts";

const statesOf = (answer: { sessions: Session[] }) =>
  Object.fromEntries(answer.sessions.map(({ id, state }) => [id, state]));

/** Two sessions of one host, each with a task that runs and one that waits; one of it that has ended, one elsewhere. */
async function working() {
  const world = createWorld();
  const first = await world.register("s1", { capacity: 2 });
  const second = await world.register("s2", { capacity: 2 });
  const ended = await world.register("s3");
  must(await endSession(world.ports, ended.claims, "s3", { reason: "completed" }));
  await world.tick();
  await world.submit({ id: "a" }, { id: "b" }, { id: "c" }, { id: "d" });
  await world.deliver();
  await world.claim(first);
  await world.claim(second);
  const elsewhere = await world.register("z1", { host: "h2", boot: "b2", capacity: 1 });
  return { world, ports: world.ports, first, second, elsewhere };
}

describe("draining a host", () => {
  it("drains all its sessions, and what waited with them goes to others or back", async () => {
    const { world, ports, first, elsewhere } = await working();
    const drained = must(await drainHost(ports, FLEET, "h1"));
    expect(statesOf(drained)).toEqual({ s1: "draining", s2: "draining" });
    expect(drained.sessions.map(({ currentTasks }) => currentTasks)).toEqual([1, 1]);
    await world.deliver();
    expect(await world.session("z1")).toMatchObject({ state: "live", held: expect.anything() as object });
    const held = (await world.claim(elsewhere)).map(({ task }) => task.id);
    expect(held).toHaveLength(1);
    const [running] = await world.claim(first, 5);
    const done = must(
      await completeTask(ports, first.claims, running?.task.id ?? "", {
        fence: running?.fence ?? 0,
        result: 1,
      }),
    );
    expect(done.next).toBeNull();
    await workOff(world, ["a", "b", "c", "d"]);
  });

  it("answers the same again, leaves who comes later alone, and knows no other host", async () => {
    const { world, ports } = await working();
    const once = must(await drainHost(ports, FLEET, "h1"));
    expect(must(await drainHost(ports, FLEET, "h1"))).toEqual(once);
    await world.register("s4");
    expect((await world.session("s4")).state).toBe("live");
    expect(await drainHost(ports, FLEET, "h9")).toMatchObject({ refused: "host.not_found" });
    expect(await drainHost(ports, "other", "h1")).toMatchObject({ refused: "host.not_found" });
  });

  it("passes over a session that ends meanwhile, and one that went to another host", async () => {
    const { world, ports, second } = await working();
    const racing = interrupting(ports, "record.sessions.commit", async () => {
      must(await endSession(ports, second.claims, "s2", { reason: "completed" }));
    });
    expect(statesOf(must(await drainHost(racing, FLEET, "h1")))).toEqual({ s1: "draining" });
    await world.register("s2", { host: "h2", boot: "b2" });
    expect(statesOf(must(await drainHost(ports, FLEET, "h1")))).toEqual({ s1: "draining" });
    expect((await world.session("s2")).state).toBe("live");
  });

  it("asks to repeat when others keep changing a session", async () => {
    const { ports } = await working();
    const busy = tapPorts(ports, (call, run) =>
      call.path === "record.sessions.commit" ? Promise.resolve(null) : run(),
    );
    expect(await drainHost(busy, FLEET, "h1")).toMatchObject({ refused: "conflict.retry" });
  });

  it("drains a hundred sessions", async () => {
    const world = createWorld();
    const ids = Array.from({ length: 100 }, (_, n) => `s${n}`);
    for (const id of ids) await world.register(id);
    const { sessions } = must(await drainHost(world.ports, FLEET, "h1"));
    expect(sessions.filter(({ state }) => state === "draining")).toHaveLength(100);
  });

  it("is finished by repeating it when its function was killed at any effect", async () => {
    const points = await crashEverywhere({
      prepare: working,
      act: (_, ports) => drainHost(ports, FLEET, "h1"),
      async check({ world, ports }) {
        const drained = must(await drainHost(ports, FLEET, "h1"));
        expect(statesOf(drained)).toEqual({ s1: "draining", s2: "draining" });
        await workOff(world, ["a", "b", "c", "d"]);
      },
    });
    expect(points).toBeGreaterThan(8);
  });
});
