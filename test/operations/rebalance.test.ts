import { describe, expect, it } from "vitest";
import { passTime } from "../fixtures/at-rest.ts";
import { interrupting, tapPorts } from "../fixtures/crash-points.ts";
import { FLEET, createWorld, must } from "../fixtures/memory-world.ts";
import { isRefusal } from "../../shared/contract/errors.ts";
import { cancelTask } from "../../shared/operations/cancel-task.ts";
import { claimTasks } from "../../shared/operations/claim-tasks.ts";
import { drainSession } from "../../shared/operations/end-session.ts";
import { rebalanceFleet, setBalancing } from "../../shared/operations/rebalance-fleet.ts";
import { recoverSession } from "../../shared/operations/recover-session.ts";

const GIVEN_UP = { endsAs: "crashed", cause: "test", lastBeatAtMs: null } as const;
const names = (held: readonly { task: { id: string } }[]) => held.map(({ task }) => task.id);

describe("rebalancing", () => {
  const laden = async () => {
    const world = createWorld();
    const chat = await world.register("s1", { capacity: 6 });
    await world.submit(...["a", "b", "c", "d"].map((id) => ({ id })));
    await world.deliver();
    return { world, chat, other: await world.register("s2", { host: "h2" }) };
  };
  const loads = async (world: Awaited<ReturnType<typeof laden>>["world"]) =>
    Promise.all(["s1", "s2"].map(async (id) => Object.keys((await world.session(id)).held).length));

  it("moves nothing that its session has started", async () => {
    const { world, chat } = await laden();
    await world.claim(chat, 4);
    expect(await rebalanceFleet(world.ports, FLEET)).toEqual({ moved: [], waiting: false });
  });

  it("neither loses nor doubles a task that is claimed, cancelled or drained away while it moves", async () => {
    for (const path of [
      "record.tasks.get",
      "record.sessions.commit",
      "record.tasks.commit",
      "record.sessions.get",
    ])
      for (const nth of [1, 2, 3])
        for (const event of ["claim", "cancel", "drain", "crash"]) {
          const { world, chat, other } = await laden();
          const happened: string[] = [];
          const meanwhile = async () => {
            happened.push(event);
            if (event === "claim") await world.claim(chat, 6);
            if (event === "cancel") must(await cancelTask(world.ports, FLEET, "a", null));
            if (event === "drain") must(await drainSession(world.ports, FLEET, "s2"));
            if (event === "crash") await recoverSession(world.ports, FLEET, "s2", 1, GIVEN_UP);
          };
          const where = `${event} at ${path} ${nth}`;
          await rebalanceFleet(interrupting(world.ports, path, meanwhile, nth), FLEET);
          const claimed = [
            await claimTasks(world.ports, chat.claims, 6),
            await claimTasks(world.ports, other.claims, 6),
          ];
          const held = claimed.flatMap((answer) => (isRefusal(answer) ? [] : names(answer.tasks)));
          expect(new Set(held).size, where).toBe(held.length);
          const third = await world.register("s3", { host: "h3", capacity: 9 });
          const live = event === "crash" && happened.length > 0 ? [chat, third] : [chat, other, third];
          await passTime(world, 35_000, live);
          const all: string[] = [];
          for (const session of live) all.push(...names(await world.claim(session, 9)));
          const wanted = event === "cancel" && happened.length > 0 ? ["b", "c", "d"] : ["a", "b", "c", "d"];
          expect(all.sort(), where).toEqual(wanted);
        }
  });

  it("is done by the sweep unless it was set off, and goes on once it is set on", async () => {
    const { world, chat, other } = await laden();
    await setBalancing(world.ports, FLEET, { auto: false });
    await passTime(world, 40_000, [chat, other]);
    expect(await loads(world)).toEqual([4, 0]);
    await setBalancing(world.ports, FLEET, { auto: true });
    await setBalancing(world.ports, FLEET, { auto: true });
    await passTime(world, 40_000, [chat, other]);
    expect(await loads(world)).toEqual([2, 2]);
  });

  it("says so when the fleet's settings cannot be changed", async () => {
    const { world } = await laden();
    const ports = tapPorts(world.ports, (call, run) =>
      call.path === "record.fleets.commit" ? Promise.resolve(null) : run(),
    );
    await expect(setBalancing(ports, FLEET, { auto: false })).rejects.toThrow("could not be changed");
  });
});
