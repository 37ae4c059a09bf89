import { describe, expect, it } from "vitest";
import type { SessionRecord } from "../../shared/contract/records.ts";
import type { Ports } from "../../shared/ports/ports.ts";
import { drainSession } from "../../shared/operations/end-session.ts";
import { completeTask } from "../../shared/operations/settle-task.ts";
import { interrupting, tapPorts } from "../fixtures/crash-points.ts";
import { FLEET, type World, createWorld, must } from "../fixtures/memory-world.ts";

type Chat = Awaited<ReturnType<World["register"]>>;

/** The ports, and what sessions were committed to hold through them. */
function watched(ports: Ports) {
  const held: string[][] = [];
  const tapped = tapPorts(ports, async (call, run) => {
    const written = await run();
    if (call.path === "record.sessions.commit" && written !== null)
      held.push(Object.keys((written as SessionRecord).held));
    return written;
  });
  return { ports: tapped, held };
}

async function working(...submitted: Parameters<World["submit"]>) {
  const world = createWorld();
  const chat = await world.register("s1", { capacity: 2 });
  await world.submit(...submitted);
  const [first] = await world.claim(chat, 1);
  if (!first) throw new Error("nothing was claimed");
  return { world, chat, first };
}
const finish = (ports: Ports, chat: Chat, { task, fence }: { task: { id: string }; fence: number }) =>
  completeTask(ports, chat.claims, task.id, { fence, result: "done" });

describe("a session that completes its task", () => {
  it("lets go of it and takes the next with one commit", async () => {
    const { world, chat, first } = await working({ id: "a" }, { id: "b" });
    const { ports, held } = watched(world.ports);
    const { next } = must(await finish(ports, chat, first));
    expect(next?.task.id).toBe("b");
    expect(held).toEqual([["b"]]);
    expect((await world.session("s1")).held).toEqual({ b: 1 });
  });

  it("lets go of it by itself if nothing is ready", async () => {
    const { world, chat, first } = await working({ id: "a" });
    const { ports, held } = watched(world.ports);
    expect(must(await finish(ports, chat, first)).next).toBeNull();
    expect(held).toEqual([[]]);
  });

  it("releases its permits first, so that the next of its key may follow", async () => {
    const { world, chat, first } = await working({ id: "a", key: "k" }, { id: "b", key: "k" });
    const { next } = must(await finish(world.ports, chat, first));
    expect(next?.task.id).toBe("b");
    expect(Object.keys((await world.session("s1")).held)).toEqual(["b"]);
  });

  it("lets go of it, too, when another changes the session in between", async () => {
    const { world, chat, first } = await working({ id: "a" }, { id: "b" });
    const { ports } = world;
    const raced = interrupting(ports, "record.sessions.commit", async () => {
      const now = await world.session("s1");
      await ports.record.sessions.commit(now, { ...now, lists: true });
    });
    expect(must(await finish(raced, chat, first)).next?.task.id).toBe("b");
    expect((await world.session("s1")).held).toEqual({ b: 1 });
  });

  it("starts what already waits for it before what is ready", async () => {
    const { world, chat, first } = await working({ id: "a" });
    await world.submit({ id: "waits" });
    await world.deliver();
    expect(await world.task("waits")).toMatchObject({ state: "assigned", owner: { session: "s1" } });
    await world.submit({ id: "ready", priority: 1 });
    expect(must(await finish(world.ports, chat, first)).next?.task.id).toBe("waits");
    expect(Object.keys((await world.session("s1")).held)).toEqual(["waits"]);
  });

  it("takes nothing more and lets go when it is drained meanwhile", async () => {
    const { world, chat, first } = await working({ id: "a" }, { id: "b" });
    const raced = interrupting(world.ports, "workQueue.take", () => drainSession(world.ports, FLEET, "s1"));
    expect(must(await finish(raced, chat, first)).next).toBeNull();
    expect((await world.session("s1")).held).toEqual({});
    expect((await world.task("b")).state).toBe("queued");
  });

  it("lets go, and takes nothing, when it has been started again", async () => {
    const { world, chat, first } = await working({ id: "a" }, { id: "b" });
    const raced = interrupting(world.ports, "record.submissions.mark", () => world.register("s1"));
    must(await finish(raced, chat, first));
    expect((await world.session("s1")).held).not.toHaveProperty("a");
  });
});
