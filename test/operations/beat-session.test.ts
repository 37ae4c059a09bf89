import { describe, expect, it } from "vitest";
import { FLEET, type World, createWorld, must } from "../fixtures/memory-world.ts";
import { TOKEN_LIFE_MS, TOKEN_RENEWAL_MS } from "../../shared/domain/tokens.ts";
import { beatSession } from "../../shared/operations/beat-session.ts";
import { drainSession } from "../../shared/operations/end-session.ts";
import { ownBrief } from "../../shared/operations/own-brief.ts";
import { recoverSession } from "../../shared/operations/recover-session.ts";
import { releaseTask } from "../../shared/operations/settle-task.ts";
import { writeCheckpoint } from "../../shared/operations/write-checkpoint.ts";

const GIVEN_UP = { endsAs: "crashed", cause: "test", lastBeatAtMs: null } as const;

type Chat = Awaited<ReturnType<World["register"]>>;

const own = async (world: World, chat: Chat, beat: Parameters<typeof beatSession>[2] = {}) =>
  must(await beatSession(world.ports, chat.claims, beat));
const reported = async (world: World) => (await world.ports.registry.reported(FLEET, ["s1"]))[0];

async function working() {
  const world = createWorld();
  const chat = await world.register("s1");
  await world.submit({ id: "a" });
  const [held] = await world.claim(chat);
  return { world, chat, fence: held?.fence ?? 0 };
}

describe("a beat of a session for itself", () => {
  it("extends its deadline and says until when it may work, without a supervisor ever having beaten", async () => {
    const { world, chat } = await working();
    const [beforeMs] = await world.ports.registry.deadlines([
      { fleet: FLEET, host: "h1", session: "s1", epoch: 1 },
    ]);
    world.advance(10_000);
    const { commands, leaseExpiresMs } = await own(world, chat, { activity: "working" });
    expect(leaseExpiresMs).toBe((beforeMs ?? 0) + 10_000);
    expect(await reported(world)).toMatchObject({ activity: "working" });
    // It works on what it claimed: nobody tells it to start that.
    expect(commands).toEqual([]);
  });

  it("drops none of what a supervisor reported, and overtakes none of its beats", async () => {
    const { world, chat, fence } = await working();
    const progress = { id: "a", fence, percent: 40, message: "half of the parser" };
    await world.beat(chat, [{ id: "s1", epoch: 1, activity: "working", tasks: [progress] }], 7);
    world.advance(1_000);
    await own(world, chat, { activity: "model_waiting" });
    expect(await reported(world)).toMatchObject({
      ...{ seq: 7, activity: "model_waiting", listed: true },
      tasks: { a: { percent: 40, message: "half of the parser" } },
    });
    world.advance(1_000);
    await own(world, chat);
    expect(await reported(world)).toMatchObject({ activity: "model_waiting" });
    const bare = { id: "a", fence };
    await world.beat(chat, [{ id: "s1", epoch: 1, activity: "idle", tasks: [bare] }], 8);
    await own(world, chat);
    expect(await reported(world)).toMatchObject({ seq: 8, activity: "idle" });
    expect(await world.task("a")).toMatchObject({ state: "running", owner: { session: "s1" } });
  });

  it("brings what it is asked to do, but never a new token: its supervisor's is not its to renew", async () => {
    const { world, chat } = await working();
    must(await drainSession(world.ports, FLEET, "s1"));
    expect((await own(world, chat)).commands).toEqual([{ type: "drain" }]);
    world.advance(TOKEN_LIFE_MS - TOKEN_RENEWAL_MS + 1);
    expect((await own(world, chat)).commands).toEqual([{ type: "drain" }]);
  });

  it("of one that was replaced is refused and extends nothing", async () => {
    const { world, chat } = await working();
    await recoverSession(world.ports, FLEET, "s1", 1, GIVEN_UP);
    const again = await world.register("s1");
    const place = { fleet: FLEET, host: "h1", session: "s1", epoch: again.claims.epoch };
    const before = await world.ports.registry.deadlines([place]);
    world.advance(1_000);
    expect(await beatSession(world.ports, chat.claims, {})).toMatchObject({ refused: "session.superseded" });
    expect(await world.ports.registry.deadlines([place])).toEqual(before);
  });

  it("of one that nobody knows is refused", async () => {
    const { world, chat } = await working();
    const stranger = { ...chat.claims, session: "nobody" };
    expect(await beatSession(world.ports, stranger, {})).toMatchObject({ refused: "session.not_found" });
  });
});

describe("what a session asks to go on with", () => {
  it("is what was left of the task that it works on, named or not; of a task of others it reads nothing", async () => {
    const { world, chat, fence } = await working();
    const state = { task: { done: ["half of the parser"], next: ["write its tests"] } };
    const sent = { trigger: "milestone", taskId: "a", fence, state } as const;
    must(await writeCheckpoint(world.ports, chat.claims, sent));
    must(await releaseTask(world.ports, chat.claims, "a", { fence }));
    const other = await world.register("s2", { host: "h2", boot: "b2" });
    must(await drainSession(world.ports, FLEET, "s1"));
    world.advance(300_000);
    await world.deliver();
    await world.claim(other);
    for (const named of ["a", null]) {
      const { resume } = must(await ownBrief(world.ports, other.claims, named));
      expect(resume?.text).toContain("half of the parser");
    }
    expect(await ownBrief(world.ports, chat.claims, "a")).toMatchObject({ refused: "lease.stale" });
    expect(await ownBrief(world.ports, { ...chat.claims, epoch: 9 }, null)).toHaveProperty("refused");
    const stranger = { ...chat.claims, session: "nobody" };
    expect(await ownBrief(world.ports, stranger, null)).toMatchObject({ refused: "session.not_found" });
  });

  it("is nothing where it began nothing", async () => {
    const world = createWorld();
    const chat = await world.register("s1");
    expect(await ownBrief(world.ports, chat.claims, null)).toEqual({ resume: null });
  });
});
