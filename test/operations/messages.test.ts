import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { MESSAGE_KEPT_MS, MESSAGES_PAGE_BYTES_LIMIT, PAGE_LIMIT } from "../../shared/contract/limits.ts";
import { acknowledgeMessages } from "../../shared/operations/acknowledge-messages.ts";
import { endSession } from "../../shared/operations/end-session.ts";
import { readMessages } from "../../shared/operations/read-messages.ts";
import { sendMessage } from "../../shared/operations/send-message.ts";
import { StoreUnavailable } from "../../shared/ports/unavailable.ts";
import { interrupting, portsWithout, tapPorts } from "../fixtures/crash-points.ts";
import { FLEET, createWorld, must } from "../fixtures/memory-world.ts";
import { acknowledge, drain, peek, read, send, told } from "../fixtures/messages.ts";

async function twoChats() {
  const world = createWorld();
  const a = await world.register("a", { topics: ["news"] });
  const b = await world.register("b");
  await world.tick();
  return { world, ports: world.ports, a, b };
}

describe("a message", () => {
  it("reaches whom it is for and nobody else", async () => {
    const { ports, a, b } = await twoChats();
    await send(ports, "session:a", "direct", { from: b });
    await send(ports, "topic:news", "topical");
    await send(ports, "topic:other", "unheard");
    await send(ports, "*", "for all");
    expect((await peek(ports, a)).sort()).toEqual(["direct", "for all", "topical"]);
    expect(await peek(ports, b)).toEqual(["for all"]);
  });

  it("names its sender, its address and when it was sent, and comes as it was", async () => {
    const { world, ports, a, b } = await twoChats();
    const body = { list: [], nested: { ö: [null, 1.5] }, long: "x".repeat(60_000) };
    const sent = await send(ports, "session:a", body, { from: b });
    const { messages } = await read(ports, a);
    const sentAt = new Date(world.nowMs()).toISOString();
    expect(messages).toEqual([{ id: sent.id, from: "session:b", to: "session:a", body, sentAt }]);
    await send(ports, "*", null);
    expect((await read(ports, b)).messages).toMatchObject([{ from: "operator", body: null }]);
  });

  it("never reaches another fleet, even under the same names", async () => {
    const { world, ports, a } = await twoChats();
    const rival = await world.register("a", { topics: ["news"] }, null, "rival");
    for (const to of ["session:a", "topic:news", "*"]) await send(ports, to, to);
    expect(await peek(ports, rival)).toEqual([]);
    const { cursor } = await read(ports, a);
    const refused = await acknowledgeMessages(
      ports,
      { fleet: "rival", session: "a", claims: rival.claims },
      cursor ?? "",
    );
    expect(refused).toMatchObject({ refused: "cursor.invalid" });
  });

  it("are read and acknowledged by an operator in the name of any session there is", async () => {
    const { ports, a } = await twoChats();
    await send(ports, "session:a", "to a");
    const operator = (session: string) => ({ fleet: FLEET, session, claims: null });
    const page = must(await readMessages(ports, operator("a"), null));
    expect(page.messages).toMatchObject([{ body: "to a" }]);
    must(await acknowledgeMessages(ports, operator("a"), page.cursor ?? ""));
    expect((await read(ports, a)).messages).toEqual([]);
    for (const answer of [
      await readMessages(ports, operator("none"), null),
      await acknowledgeMessages(ports, operator("a"), "made up"),
    ])
      expect(answer).toHaveProperty("refused");
  });

  it("to a session that does not exist is refused", async () => {
    const { ports } = await twoChats();
    const by = { fleet: FLEET, claims: null, seed: null };
    expect(await sendMessage(ports, by, { to: "session:none", body: 1 })).toMatchObject({
      refused: "session.not_found",
    });
  });

  it("is one message however often it is sent with one Idempotency-Key", async () => {
    const { world, ports, a } = await twoChats();
    const first = await send(ports, "session:a", "once", { seed: "k" });
    await send(ports, "session:a", "between");
    world.advance(5_000);
    expect(await send(ports, "session:a", "once", { seed: "k" })).toEqual(first);
    expect(await drain(ports, a)).toEqual(["once", "between"]);
    expect(await send(ports, "session:a", "once", { seed: "k" })).toEqual(first);
    expect(await drain(ports, a)).toEqual([]);
  });

  it("expires a day after it was sent, for those who have not read it", async () => {
    const { world, ports, a } = await twoChats();
    await send(ports, "session:a", "old");
    await send(ports, "*", "old for all");
    world.advance(MESSAGE_KEPT_MS - 1);
    expect(await peek(ports, a)).toHaveLength(2);
    world.advance(1);
    expect(await told(world, a)).toBeNull();
    expect(await peek(ports, a)).toEqual([]);
    await send(ports, "session:a", "new");
    expect(await drain(ports, a)).toEqual(["new"]);
  });

  it("is found behind any number of expired ones", async () => {
    const { world, ports, a } = await twoChats();
    for (let i = 0; i < 450; i++) await send(ports, "session:a", i);
    world.advance(MESSAGE_KEPT_MS);
    await send(ports, "session:a", "new");
    expect(await drain(ports, a)).toEqual(["new"]);
  });
});

describe("a log", () => {
  it("keeps the order of each sender, whoever else writes at the same time", async () => {
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), async (scheduler) => {
        const { ports, a, b } = await twoChats();
        const slow = tapPorts(ports, async ({ path }, run) => {
          if (path.startsWith("record.messages.")) await scheduler.schedule(Promise.resolve(), path);
          return run();
        });
        const senders = ["one", "two", "three"].map(async (name) => {
          for (let i = 0; i < 4; i++) await send(slow, "session:a", { name, i }, { from: b });
        });
        await scheduler.waitFor(Promise.all(senders));
        const bodies = (await drain(ports, a)) as { name: string; i: number }[];
        expect(bodies).toHaveLength(12);
        for (const name of ["one", "two", "three"])
          expect(bodies.filter((body) => body.name === name).map(({ i }) => i)).toEqual([0, 1, 2, 3]);
      }),
      { numRuns: 20 },
    );
  });

  it("hides no message from a reader who acknowledges while others write", async () => {
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), async (scheduler) => {
        const { ports, a } = await twoChats();
        const slow = tapPorts(ports, async ({ path }, run) => {
          if (path.startsWith("record.")) await scheduler.schedule(Promise.resolve(), path);
          return run();
        });
        const heard: unknown[] = [];
        const reader = async () => {
          for (let i = 0; i < 6; i++) heard.push(...(await drain(slow, a)));
        };
        const writers = [0, 1, 2, 3, 4, 5].map((i) => send(slow, i % 2 ? "session:a" : "topic:news", i));
        await scheduler.waitFor(Promise.all([reader(), ...writers]));
        heard.push(...(await drain(ports, a)));
        expect([...heard].sort()).toEqual([0, 1, 2, 3, 4, 5]);
      }),
      { numRuns: 20 },
    );
  });

  it("refuses a message that others keep overtaking, and writes nothing of it", async () => {
    const { ports, a } = await twoChats();
    const busy = tapPorts(ports, async ({ path }, run) => {
      if (path === "record.messages.commit") await send(ports, "session:a", "other");
      return run();
    });
    const by = { fleet: FLEET, claims: null, seed: null };
    expect(await sendMessage(busy, by, { to: "session:a", body: "mine" })).toMatchObject({
      refused: "conflict.retry",
    });
    expect(new Set(await peek(ports, a))).toEqual(new Set(["other"]));
  });

  it("counts a message whose commit's answer was lost as sent, and once", async () => {
    const { ports, a } = await twoChats();
    const deaf = tapPorts(ports, async ({ path }, run) => {
      const result = await run();
      return path === "record.messages.commit" ? null : result;
    });
    await send(deaf, "session:a", "once");
    expect(await drain(ports, a)).toEqual(["once"]);
  });

  it("has one entry though a repetition of the same request overtook it", async () => {
    for (const path of [
      "record.messages.commit",
      "record.messages.tickets.commit",
      "record.messages.putBody",
    ]) {
      const { ports, a } = await twoChats();
      const raced = interrupting(ports, path, async () => {
        await send(ports, "session:a", "before");
        await send(ports, "session:a", "once", { seed: "k" });
        await send(ports, "session:a", "after");
      });
      const sent = await send(raced, "session:a", "once", { seed: "k" });
      expect(await send(ports, "session:a", "once", { seed: "k" })).toEqual(sent);
      expect(await drain(ports, a)).toEqual(["before", "once", "after"]);
    }
  });
});

describe("reading", () => {
  it("brings at most a hundred messages, the oldest of all logs first, and goes on where it was", async () => {
    const { world, ports, a } = await twoChats();
    for (let i = 0; i < 130; i++) {
      world.advance(1);
      await send(ports, ["session:a", "topic:news", "*"][i % 3] ?? "*", i);
    }
    const first = await read(ports, a);
    expect(first.messages.map(({ body }) => body)).toEqual([...Array(PAGE_LIMIT).keys()]);
    const rest = await read(ports, a, first.cursor);
    expect(rest.messages.map(({ body }) => body)).toEqual(Array.from({ length: 30 }, (_, i) => 100 + i));
    expect(await read(ports, a, rest.cursor)).toEqual({ messages: [], cursor: null });
    expect((await read(ports, a)).messages, "nothing was acknowledged").toHaveLength(PAGE_LIMIT);
  });

  it("brings about a megabyte at most", async () => {
    const { ports, a } = await twoChats();
    const body = "x".repeat(60_000);
    for (let i = 0; i < 20; i++) await send(ports, "session:a", body);
    const { messages } = await read(ports, a);
    expect(messages).toHaveLength(Math.floor(MESSAGES_PAGE_BYTES_LIMIT / 60_002));
    expect(await drain(ports, a)).toHaveLength(20);
  });

  it("answers a cursor that acknowledges exactly what it brought", async () => {
    const { ports, a } = await twoChats();
    await send(ports, "session:a", 1);
    const { cursor } = await read(ports, a);
    await send(ports, "session:a", 2);
    await acknowledge(ports, a, cursor ?? "");
    expect(await peek(ports, a)).toEqual([2]);
  });

  it("is unmoved by an acknowledgement that is repeated or late", async () => {
    const { ports, a } = await twoChats();
    await send(ports, "session:a", 1);
    const early = (await read(ports, a)).cursor ?? "";
    await send(ports, "session:a", 2);
    const late = (await read(ports, a)).cursor ?? "";
    const acknowledged = await acknowledge(ports, a, late);
    await acknowledge(ports, a, early);
    await acknowledge(ports, a, acknowledged);
    expect(await peek(ports, a)).toEqual([]);
  });

  it("refuses cursors of another session or another make, and tokens of an older start", async () => {
    const { world, ports, a, b } = await twoChats();
    await send(ports, "*", 1);
    const { cursor } = await read(ports, a);
    const asB = { fleet: FLEET, session: "b", claims: b.claims };
    for (const bad of [cursor ?? "", "nonsense", "x".repeat(9_000)]) {
      expect(await readMessages(ports, asB, bad)).toMatchObject({ refused: "cursor.invalid" });
      expect(await acknowledgeMessages(ports, asB, bad)).toMatchObject({ refused: "cursor.invalid" });
    }
    const { cursor: own } = await read(ports, b);
    const again = await world.register("b");
    expect(await readMessages(ports, asB, null)).toMatchObject({ refused: "session.superseded" });
    expect(await acknowledgeMessages(ports, asB, own ?? "")).toMatchObject({ refused: "session.superseded" });
    const stale = { fleet: FLEET, claims: b.claims, seed: null };
    expect(await sendMessage(ports, stale, { to: "*", body: 2 })).toMatchObject({
      refused: "session.superseded",
    });
    expect(await peek(ports, again)).toEqual([1]);
  });

  it("lets no older start acknowledge what its successor has not seen", async () => {
    const { world, ports, b } = await twoChats();
    await send(ports, "session:b", "unhandled");
    const { cursor } = await read(ports, b);
    let again = b;
    const overtaken = interrupting(ports, "record.inboxes.commit", async () => {
      again = await world.register("b");
    });
    const by = { fleet: FLEET, session: "b", claims: b.claims };
    expect(await acknowledgeMessages(overtaken, by, cursor ?? "")).toMatchObject({
      refused: "session.superseded",
    });
    expect(await peek(ports, again)).toEqual(["unhandled"]);
  });

  it("is open to an operator, also when the session has ended", async () => {
    const { ports, a } = await twoChats();
    await send(ports, "session:a", 1);
    must(await endSession(ports, a.claims, "a", { reason: "stopped" }));
    const operator = { fleet: FLEET, session: "a", claims: null };
    const { messages, cursor } = must(await readMessages(ports, operator, null));
    expect(messages.map(({ body }) => body)).toEqual([1]);
    must(await acknowledgeMessages(ports, operator, cursor ?? ""));
    expect(must(await readMessages(ports, operator, null)).messages).toEqual([]);
  });
});

describe("a session that is registered", () => {
  it("for the first time hears what is sent from then on", async () => {
    const { world, ports } = await twoChats();
    await send(ports, "*", "before");
    await send(ports, "topic:news", "before");
    const c = await world.register("c", { topics: ["news", "news"] });
    await send(ports, "*", "after");
    await send(ports, "topic:news", "after too");
    expect((await peek(ports, c)).sort()).toEqual(["after", "after too"]);
  });

  it("again goes on where it had acknowledged, and hears what came while it was away", async () => {
    const { world, ports, a } = await twoChats();
    for (const body of [1, 2]) await send(ports, "session:a", body);
    await send(ports, "topic:news", 3);
    const page = await read(ports, a);
    await acknowledge(ports, a, page.cursor ?? "");
    await send(ports, "topic:news", 4);
    must(await endSession(ports, a.claims, "a", { reason: "crashed" }));
    await send(ports, "session:a", 5);
    await send(ports, "*", 6);
    const again = await world.register("a", { topics: ["news"] });
    expect((await drain(ports, again)).sort()).toEqual([4, 5, 6]);
  });

  it("with other topics reads those from their ends, and goes on in one that it takes up again", async () => {
    const { world, ports, a } = await twoChats();
    await send(ports, "topic:news", "n1");
    await send(ports, "topic:sport", "s1");
    expect(await drain(ports, a)).toEqual(["n1"]);
    const sporty = await world.register("a", { topics: ["sport"] });
    await send(ports, "topic:news", "n2");
    await send(ports, "topic:sport", "s2");
    expect(await drain(ports, sporty)).toEqual(["s2"]);
    const both = await world.register("a", { topics: ["sport", "news"] });
    expect(await drain(ports, both)).toEqual(["n2"]);
  });

  it("under many names of topics, one start after the other, keeps its place in those it reads", async () => {
    const { world, ports } = await twoChats();
    for (let start = 0; start < 15; start++) {
      const topics = ["news", ...Array.from({ length: 19 }, (_, i) => `t${start}-${i}`)];
      const chat = await world.register("a", { topics });
      await send(ports, "topic:news", start);
      expect(await drain(ports, chat)).toEqual([start]);
    }
    const inbox = await ports.record.inboxes.get(FLEET, "a");
    expect(Object.keys(inbox?.positions ?? {}).length).toBeLessThan(250);
  });
});

describe("a beat", () => {
  it("carries small messages, again until they are acknowledged", async () => {
    const { world, ports, a, b } = await twoChats();
    expect(await told(world, a)).toBeNull();
    await send(ports, "session:a", "one", { from: b });
    await send(ports, "session:a", "two", { from: b });
    const first = await told(world, a);
    expect(first).toMatchObject({ bodies: ["one", "two"], more: false });
    expect(await told(world, a)).toMatchObject({ bodies: ["one", "two"], more: false });
    await acknowledge(ports, a, first?.cursor ?? "");
    expect(await told(world, a)).toBeNull();
    expect(await peek(ports, a)).toEqual([]);
  });

  it("says that there is more to fetch, when it is much, large, or for many", async () => {
    for (const [to, body, count] of [
      ["session:a", "many", 3],
      ["session:a", "x".repeat(3_000), 1],
      ["topic:news", "topical", 1],
      ["*", "all", 1],
    ] as const) {
      const { world, ports, a, b } = await twoChats();
      for (let i = 0; i < count; i++) await send(ports, to, body);
      expect(await told(world, a)).toEqual({ bodies: [], more: true, cursor: null });
      expect(await told(world, b)).toEqual(to === "*" ? { bodies: [], more: true, cursor: null } : null);
      expect(await drain(ports, a)).toHaveLength(count);
      expect(await told(world, a)).toBeNull();
    }
  });

  it("tells the next start of a session what the one before did not acknowledge", async () => {
    const { world, ports, a } = await twoChats();
    await send(ports, "session:a", "unheard");
    expect(await told(world, a)).toMatchObject({ bodies: ["unheard"] });
    const again = await world.register("a");
    expect(await told(world, again)).toMatchObject({ bodies: ["unheard"], more: false });
  });

  it("tells of messages again after a loss of Redis, of all that is unread and nothing else", async () => {
    const { world, ports, a, b } = await twoChats();
    await send(ports, "session:a", "heard");
    await drain(ports, a);
    await send(ports, "session:a", "unheard");
    await send(ports, "*", "for all");
    await drain(ports, b);
    world.loseRedis();
    expect(await told(world, a)).toBeNull();
    await world.tick();
    expect(await told(world, a)).toEqual({ bodies: [], more: true, cursor: null });
    expect(await told(world, b)).toBeNull();
    expect((await drain(ports, a)).sort()).toEqual(["for all", "unheard"]);
    expect(await told(world, a)).toBeNull();
  });

  it("hears from the repair of a message that Redis was never told of", async () => {
    for (const to of ["session:a", "topic:news", "*"]) {
      const { world, ports, a } = await twoChats();
      await send(portsWithout(ports, "registry"), to, "unannounced");
      expect(await told(world, a)).toBeNull();
      world.advance(29_000);
      await told(world, a);
      world.advance(2_000);
      await world.tick();
      expect(await told(world, a)).toMatchObject({ bodies: [], more: true });
      expect(await drain(ports, a)).toEqual(["unannounced"]);
    }
  });

  it("stops telling of what was acknowledged while Redis did not answer, once the session looks", async () => {
    const { world, ports, a } = await twoChats();
    await send(ports, "session:a", "one");
    const { cursor } = await read(ports, a);
    await acknowledge(portsWithout(ports, "registry"), a, cursor ?? "");
    expect(await told(world, a)).toMatchObject({ bodies: ["one"] });
    expect(await read(ports, a)).toEqual({ messages: [], cursor: null });
    expect(await told(world, a)).toBeNull();
  });

  it("reports a store that fails otherwise as a fault", async () => {
    const { ports } = await twoChats();
    const broken = (path: string) =>
      tapPorts(ports, (call, run) => (call.path === path ? Promise.reject(new Error("bug")) : run()));
    await expect(send(broken("registry.inboxes.deliver"), "session:a", 1)).rejects.toThrow("bug");
    const b = { fleet: FLEET, session: "b", claims: null };
    await expect(readMessages(broken("registry.inboxes.place"), b, null)).rejects.toThrow("bug");
    await expect(send(portsWithout(ports, "record.messages"), "*", 1)).rejects.toThrow(StoreUnavailable);
  });
});
