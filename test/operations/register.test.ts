import { describe, expect, it } from "vitest";
import { type Chat, passTime } from "../fixtures/at-rest.ts";
import { interrupting, portsWithout } from "../fixtures/crash-points.ts";
import { FLEET, type World, createWorld, must } from "../fixtures/memory-world.ts";
import { HOST_SESSIONS_LIMIT } from "../../shared/contract/limits.ts";
import { drainSession, endSession, restartSession } from "../../shared/operations/end-session.ts";
import { newFleet } from "../../shared/operations/fleet-of.ts";
import { registerSession } from "../../shared/operations/register-session.ts";
import { completeTask } from "../../shared/operations/settle-task.ts";
import { getSession } from "../../shared/operations/view-session.ts";

const BY = { fleet: FLEET, keyId: "key_test", keyExpiresMs: null, seed: null, hostToken: null };
const REQUEST = { host: "h1", boot: "b1", agent: "test" };

/** Leaves a session as a function does that was killed right after giving it up. */
async function leaveRecovering(world: World, id: string): Promise<void> {
  const session = await world.session(id);
  const changes = { state: "recovering", epoch: session.epoch + 1, endsAs: "crashed" } as const;
  await world.ports.record.sessions.commit(session, { ...session, ...changes });
}

describe("registration", () => {
  it("answers what a session needs to beat, and wakes a sweep that does not tick", async () => {
    const world = createWorld({ profile: "fast" });
    const { answer } = await world.register("s1", { capacity: 2, labels: { a: "b" }, cwd: "/x" });
    expect(answer).toMatchObject({
      session: { id: "s1", state: "live", epoch: 1, currentTasks: 0, restarts: 0, capacity: 2 },
      heartbeat: { intervalMs: 1_000, timeoutMs: 4_000 },
      ...{ config: { profile: "fast" }, resume: null },
    });
    expect(world.wakes).toHaveLength(1);
    const lease = { holder: "sweep", untilMs: world.nowMs() + 10_000, tickAtMs: world.nowMs() };
    const repair = { repairing: null, cursors: null, rebuild: false };
    await world.ports.record.sweep.commit(null, { v: 1, rev: 0, fleet: FLEET, ...lease, ...repair });
    await world.register("s2");
    expect(world.wakes).toHaveLength(1);
  });

  it("lets a session in though the sweep cannot be woken, because its schedule comes anyway", async () => {
    const { ports } = createWorld();
    const answer = must(await registerSession(portsWithout(ports, "events.wakeSweep"), BY, REQUEST));
    expect(answer.session.state).toBe("live");
  });

  it("makes an id for a session without one, the same for the same Idempotency-Key", async () => {
    const { ports } = createWorld();
    const first = must(await registerSession(ports, { ...BY, seed: "once" }, REQUEST));
    const again = must(await registerSession(ports, { ...BY, seed: "once" }, REQUEST));
    expect(again.session).toMatchObject({ id: first.session.id, epoch: 1 });
    const other = must(await registerSession(ports, BY, REQUEST));
    expect(other.session.id).not.toBe(first.session.id);
  });

  it("gives waiting tasks to a new session at once", async () => {
    const world = createWorld();
    await world.submit({ id: "a" });
    const { answer } = await world.register("s1");
    expect(answer.session.currentTasks).toBe(1);
  });

  it("restarts a live session of the same host with a higher epoch, and its old tokens count no more", async () => {
    const world = createWorld();
    const old = await world.register("s1");
    await world.submit({ id: "a" });
    await world.claim(old);
    const again = await world.register("s1");
    expect(again.answer.session).toMatchObject({ epoch: 2, restarts: 1, state: "live" });
    expect(await completeTask(world.ports, old.claims, "a", { fence: 1, result: 1 })).toMatchObject({
      refused: "lease.stale",
    });
    const { sessions } = await world.beat(old, [{ id: "s1", epoch: 1 }]);
    expect(sessions[0]?.commands).toEqual([{ type: "stop", reason: "session.superseded" }]);
    expect((await world.claim(again)).map(({ task }) => [task.id, task.attempt])).toEqual([["a", 2]]);
  });

  it("refuses a live id on another host until its deadline has passed", async () => {
    const world = createWorld();
    await world.register("s1");
    const elsewhere = { ...REQUEST, id: "s1", host: "h2" };
    expect(await registerSession(world.ports, BY, elsewhere)).toMatchObject({ refused: "session.live" });
    world.advance(30_001);
    expect(must(await registerSession(world.ports, BY, elsewhere)).session).toMatchObject({
      host: "h2",
      epoch: 2,
    });
  });

  it("takes a deadline that Redis lost for one that has not passed", async () => {
    const world = createWorld();
    await world.register("s1");
    world.loseRedis();
    world.advance(60_000);
    expect(await registerSession(world.ports, BY, { ...REQUEST, id: "s1", host: "h2" })).toMatchObject({
      refused: "session.live",
    });
  });

  it("refuses a host's new boot without the old one's token until the old deadlines have passed", async () => {
    const world = createWorld();
    const old = await world.register("s1");
    const boot = { ...REQUEST, id: "s2", boot: "b2" };
    expect(await registerSession(world.ports, BY, boot)).toMatchObject({ refused: "host.live" });
    const foreign = { ...old.hostClaims, host: "h9" };
    expect(await registerSession(world.ports, { ...BY, hostToken: foreign }, boot)).toMatchObject({
      refused: "host.live",
    });
    expect((await world.session("s1")).state).toBe("live");
    world.advance(30_001);
    must(await registerSession(world.ports, BY, boot));
    expect(await world.session("s1")).toMatchObject({ state: "crashed", cause: "Its host started again." });
  });

  it("lets a host's new boot with the old host token take over at once", async () => {
    const world = createWorld();
    const old = await world.register("s1");
    await world.submit({ id: "a" });
    await world.claim(old);
    const by = { ...BY, hostToken: old.hostClaims };
    must(await registerSession(world.ports, by, { ...REQUEST, id: "s2", boot: "b2" }));
    expect(await world.session("s1")).toMatchObject({ state: "crashed", held: {} });
    expect((await world.task("a")).state).not.toBe("running");
  });

  it("lets a new boot have a host on which nothing lives, without any token", async () => {
    const world = createWorld();
    const old = await world.register("s1");
    must(await endSession(world.ports, old.claims, "s1", { reason: "completed" }));
    must(await registerSession(world.ports, BY, { ...REQUEST, id: "s1", boot: "b2" }));
    expect(await world.session("s1")).toMatchObject({ boot: "b2", state: "live" });
  });

  it("refuses an id that another host starts while it registers", async () => {
    const world = createWorld();
    await world.register("s0", { host: "h2" });
    const ports = interrupting(world.ports, "record.hosts.commit", () =>
      registerSession(world.ports, BY, { ...REQUEST, id: "s1", host: "h2" }),
    );
    expect(await registerSession(ports, BY, { ...REQUEST, id: "s1" })).toMatchObject({
      refused: "session.live",
    });
  });

  it("finishes the recovery of its predecessor before it starts", async () => {
    const world = createWorld();
    const old = await world.register("s1");
    await world.submit({ id: "a" });
    await world.claim(old);
    await leaveRecovering(world, "s1");
    const again = await world.register("s1");
    expect(again.epoch).toBe(2);
    expect((await world.claim(again)).map(({ task }) => task.id)).toEqual(["a"]);
  });

  it("refuses a host more live sessions than its limit, and forgets those that have ended", async () => {
    const world = createWorld();
    const chats: Chat[] = [];
    for (let i = 0; i < HOST_SESSIONS_LIMIT; i++) chats.push(await world.register(`s${i}`));
    const more = { ...REQUEST, id: "more" };
    expect(await registerSession(world.ports, BY, more)).toMatchObject({ refused: "host.full" });
    expect(await world.ports.record.sessions.get(FLEET, "more")).toBeNull();
    must(await endSession(world.ports, (chats[3] as Chat).claims, "s3", { reason: "completed" }));
    must(await registerSession(world.ports, BY, more));
    const host = await world.ports.record.hosts.get(FLEET, "h1");
    expect(host?.sessions).toHaveLength(HOST_SESSIONS_LIMIT);
    expect(host?.sessions).not.toContain("s3");
  });

  it("forgets no session that another registration filed with a full host meanwhile", async () => {
    const world = createWorld();
    const chats: Chat[] = [];
    for (let i = 0; i < HOST_SESSIONS_LIMIT; i++) chats.push(await world.register(`s${i}`));
    for (const id of ["s3", "s4"])
      must(await endSession(world.ports, (chats[0] as Chat).hostClaims, id, { reason: "completed" }));
    const ports = interrupting(world.ports, "record.hosts.commit", () =>
      registerSession(world.ports, BY, { ...REQUEST, id: "other" }),
    );
    must(await registerSession(ports, BY, { ...REQUEST, id: "more" }));
    const host = await world.ports.record.hosts.get(FLEET, "h1");
    expect(host?.sessions).toEqual(expect.arrayContaining(["other", "more"]));
  });

  it.each([
    ["the host", "record.hosts.commit", { boot: "b2" }, "conflict.retry"],
    ["the session", "record.sessions.commit", { id: "s1" }, "conflict.retry"],
  ])("asks to repeat when another registration of %s wins", async (_, path, change, code) => {
    const world = createWorld();
    const winner = { ...REQUEST, id: "s1", ...change };
    const ports = interrupting(world.ports, path, () => registerSession(world.ports, BY, winner));
    expect(await registerSession(ports, BY, { ...REQUEST, id: "s1" })).toMatchObject({ refused: code });
  });

  it("refuses the older boot when a newer one takes the host while it registers", async () => {
    const world = createWorld();
    await world.register("s0");
    world.advance(31_000);
    const ports = interrupting(world.ports, "record.sessions.get", () =>
      registerSession(world.ports, BY, { ...REQUEST, id: "s2", boot: "b2" }),
    );
    expect(await registerSession(ports, BY, { ...REQUEST, id: "s1" })).toMatchObject({
      refused: "host.live",
    });
  });

  it("asks to repeat while somebody else is giving the predecessor up", async () => {
    const world = createWorld();
    await world.register("s1");
    const ports = interrupting(world.ports, "record.sessions.commit", async () => {
      must(await registerSession(world.ports, BY, { ...REQUEST, id: "s1" }));
    });
    expect(await registerSession(ports, BY, { ...REQUEST, id: "s1" })).toMatchObject({
      refused: "conflict.retry",
    });
  });

  it("refuses more sessions than the fleet's quota by the last count", async () => {
    const world = createWorld();
    const chat = await world.register("s1");
    await world.tick();
    const fleet = await world.ports.record.fleets.get(FLEET);
    const settings = fleet ?? newFleet(FLEET, "standard", 0);
    await world.ports.record.fleets.commit(fleet, { ...settings, sessionsQuota: 1 });
    await passTime(world, 35_000, [chat]);
    expect(await registerSession(world.ports, BY, { ...REQUEST, id: "s2" })).toMatchObject({
      refused: "quota.exceeded",
    });
    must(await endSession(world.ports, chat.claims, "s1", { reason: "completed" }));
    await passTime(world, 35_000);
    must(await registerSession(world.ports, BY, { ...REQUEST, id: "s2" }));
  });
});

describe("the end of a session", () => {
  it("says how it ended and why, and repeating it changes nothing", async () => {
    const world = createWorld();
    const chat = await world.register("s1");
    const crash = { reason: "crashed", exitCode: 137, signal: "SIGKILL" } as const;
    const first = must(await endSession(world.ports, chat.claims, "s1", crash));
    expect(first.session).toMatchObject({ state: "crashed", epoch: 2 });
    expect((await world.session("s1")).cause).toBe("It said so: crashed (signal SIGKILL, exit code 137).");
    expect(must(await endSession(world.ports, chat.claims, "s1", crash)).session).toEqual(first.session);
    expect(must(await endSession(world.ports, chat.hostClaims, "s1", { reason: "stopped" })).session).toEqual(
      first.session,
    );
  });

  it("spends an attempt when it crashed, and none when it released its tasks", async () => {
    for (const [reason, attempt] of [
      ["crashed", 1],
      ["completed", 0],
      ["stopped", 0],
    ] as const) {
      const world = createWorld();
      const chat = await world.register("s1");
      await world.submit({ id: "a" });
      await world.claim(chat);
      must(await endSession(world.ports, chat.claims, "s1", { reason }));
      expect(await world.task("a")).toMatchObject({ state: "queued", attempt, fence: 2 });
    }
  });

  it("is refused to the session's older epoch, to others, and of a session that never was", async () => {
    const world = createWorld();
    const old = await world.register("s1");
    await world.register("s1");
    const other = await world.register("s2", { host: "h2" });
    const end = (claims: Chat["claims"] | Chat["hostClaims"], id: string) =>
      endSession(world.ports, claims, id, { reason: "stopped" });
    expect(await end(old.claims, "s1")).toMatchObject({ refused: "session.superseded" });
    expect(await end(other.claims, "s1")).toMatchObject({ refused: "session.forbidden" });
    expect(await end(other.hostClaims, "s1")).toMatchObject({ refused: "session.forbidden" });
    expect(await end({ ...old.hostClaims, boot: "b0" }, "s1")).toMatchObject({
      refused: "session.forbidden",
    });
    expect(await end(old.claims, "nobody")).toMatchObject({ refused: "session.not_found" });
    expect(await end(old.claims, "not an id!")).toMatchObject({ refused: "session.not_found" });
    expect((await world.session("s1")).state).toBe("live");
  });
});

describe("draining and restarting", () => {
  it("returns what waits, takes nothing more, and tells the session with its beats", async () => {
    const world = createWorld();
    const chat = await world.register("s1");
    await world.submit({ id: "a" }, { id: "b" });
    await world.deliver();
    await world.claim(chat);
    const drained = must(await drainSession(world.ports, FLEET, "s1"));
    expect(drained.session).toMatchObject({ state: "draining", currentTasks: 1 });
    expect(await world.task("b")).toMatchObject({ state: "queued", fence: 2 });
    await world.deliver();
    expect((await world.claim(chat, 3)).map(({ task }) => task.id)).toEqual(["a"]);
    const { sessions } = await world.beat(chat, [{ id: "s1", epoch: 1, tasks: [{ id: "a", fence: 1 }] }]);
    expect(sessions[0]?.commands).toEqual([{ type: "drain" }]);
    expect(must(await drainSession(world.ports, FLEET, "s1")).session.state).toBe("draining");
  });

  it("keeps a returned task's place in its queue", async () => {
    const world = createWorld();
    await world.register("s1");
    const [task] = await world.submit({ id: "a", priority: 5 });
    await world.deliver();
    world.advance(20_000);
    must(await drainSession(world.ports, FLEET, "s1"));
    expect(await world.task("a")).toMatchObject({ notBeforeMs: Date.parse(task?.createdAt ?? "") });
  });

  it("asks for a restart until the session has started again", async () => {
    const world = createWorld();
    const chat = await world.register("s1");
    must(await restartSession(world.ports, FLEET, "s1"));
    for (let i = 0; i < 2; i++) {
      const { sessions } = await world.beat(chat, [{ id: "s1", epoch: 1 }]);
      expect(sessions[0]?.commands).toEqual([{ type: "restart" }]);
    }
    const again = await world.register("s1");
    const { sessions } = await world.beat(again, [{ id: "s1", epoch: again.epoch }]);
    expect(sessions[0]?.commands).toEqual([]);
  });

  it("is refused of a session that has ended or never was", async () => {
    const world = createWorld();
    const chat = await world.register("s1");
    must(await endSession(world.ports, chat.claims, "s1", { reason: "stopped" }));
    for (const operation of [drainSession, restartSession]) {
      expect(await operation(world.ports, FLEET, "s1")).toMatchObject({ refused: "session.ended" });
      expect(await operation(world.ports, FLEET, "s9")).toMatchObject({ refused: "session.not_found" });
    }
    expect(await getSession(world.ports, FLEET, "s9")).toMatchObject({ refused: "session.not_found" });
    expect(must(await getSession(world.ports, FLEET, "s1")).session.state).toBe("ended");
  });

  it("does not fail because Redis or the queues do not answer, once the record says so", async () => {
    const world = createWorld();
    await world.register("s1");
    await world.submit({ id: "a" });
    await world.deliver();
    const ports = portsWithout(world.ports, "registry.publish", "workQueue", "events");
    must(await drainSession(ports, FLEET, "s1"));
    expect(world.logged.map(({ message }) => message)).toEqual(
      expect.arrayContaining([
        "desired state not published; the repair will",
        "ready tasks not announced; the repair will",
      ]),
    );
    const other = await world.register("s2", { host: "h2" });
    await passTime(world, 35_000, [other]);
    expect((await world.claim(other)).map(({ task }) => task.id)).toEqual(["a"]);
  });
});
