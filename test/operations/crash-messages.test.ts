import { describe, expect, it } from "vitest";
import { registerSession } from "../../shared/operations/register-session.ts";
import { passTime } from "../fixtures/at-rest.ts";
import { crashEverywhere, interrupting } from "../fixtures/crash-points.ts";
import { FLEET, createWorld } from "../fixtures/memory-world.ts";
import { acknowledge, drain, read, send, told } from "../fixtures/messages.ts";

const LARGE = "x".repeat(5_000);

/** Two sessions, and a log that has two messages already. */
async function talking() {
  const world = createWorld();
  const a = await world.register("a", { topics: ["news"] });
  const b = await world.register("b", { topics: ["news"] });
  await world.tick();
  for (const to of ["session:a", "topic:news"]) {
    await send(world.ports, to, "first");
    await send(world.ports, to, LARGE);
  }
  return { world, ports: world.ports, a, b };
}

describe("a function killed at any effect of a message's life", () => {
  it.each(["session:a", "topic:news"])(
    "has sent it to %s once, when it is repeated with its Idempotency-Key",
    async (to) => {
      for (const body of ["small", LARGE]) {
        const points = await crashEverywhere({
          prepare: talking,
          act: (_, ports) => send(ports, to, body, { seed: "k" }),
          async check({ ports, a }) {
            await send(ports, to, "between");
            const sent = await send(ports, to, body, { seed: "k" });
            await send(ports, to, "after");
            const { messages } = await read(ports, a);
            const texts = messages.filter((message) => message.to === to).map((message) => message.body);
            expect(texts.slice(0, 2)).toEqual(["first", LARGE]);
            expect(texts.slice(2).sort()).toEqual(["after", "between", body].sort());
            expect(texts.at(-1)).toBe("after");
            expect(messages.filter(({ id }) => id === sent.id)).toHaveLength(1);
          },
        });
        expect(points).toBeGreaterThanOrEqual(4);
      }
    },
  );

  it.each([1, 2, 3])("has sent it once, though two repeat it at once (%i)", async (nth) => {
    const points = await crashEverywhere({
      prepare: talking,
      act: (_, ports) => send(ports, "session:a", "small", { seed: "k" }),
      async check({ ports, a }) {
        const repeat = () => send(ports, "session:a", "small", { seed: "k" });
        const meanwhile = interrupting(ports, "record.messages.newest", repeat, nth);
        await send(meanwhile, "session:a", "small", { seed: "k" });
        const texts = await drain(ports, a);
        expect(texts.filter((text) => text === "small")).toHaveLength(1);
      },
    });
    expect(points).toBeGreaterThanOrEqual(4);
  });

  it("loses nothing that was sent before or is sent after, and tells of what it left", async () => {
    await crashEverywhere({
      prepare: talking,
      act: (_, ports) => send(ports, "session:a", "perhaps"),
      async check({ world, ports, a, b }) {
        await send(ports, "session:a", "after");
        await passTime(world, 60_000, [a, b]);
        expect(await told(world, a)).not.toBeNull();
        const texts = (await drain(ports, a)).filter((text) => text !== "perhaps");
        expect(texts.sort()).toEqual(["after", "first", "first", LARGE, LARGE]);
        expect(await told(world, a)).toBeNull();
      },
    });
  });

  it("has a message that was sent told by a later beat, even if nobody sends another", async () => {
    for (const to of ["session:a", "topic:news", "*"])
      await crashEverywhere({
        async prepare() {
          const state = await talking();
          await drain(state.ports, state.a);
          return state;
        },
        act: (_, ports) => send(ports, to, "perhaps"),
        async check({ world, ports, a, b }) {
          await passTime(world, 60_000, [a, b]);
          const command = await told(world, a);
          const texts = await drain(ports, a);
          expect(command === null).toBe(texts.length === 0);
          expect(await told(world, a)).toBeNull();
        },
      });
  });

  it("acknowledges once, when it is repeated, and beats stop telling", async () => {
    const points = await crashEverywhere({
      async prepare() {
        const state = await talking();
        const { cursor } = await read(state.ports, state.a);
        await send(state.ports, "session:a", "later");
        return { ...state, cursor: cursor ?? "" };
      },
      act: ({ a, cursor }, ports) => acknowledge(ports, a, cursor),
      async check({ world, ports, a, cursor }) {
        await acknowledge(ports, a, cursor);
        expect(await told(world, a)).toMatchObject({ bodies: ["later"], more: false });
        expect(await drain(ports, a)).toEqual(["later"]);
        expect(await told(world, a)).toBeNull();
      },
    });
    expect(points).toBe(2);
  });

  it.each([
    { before: "nothing", anew: true },
    { before: "another choice of topics", anew: false },
  ])("registers a session that had $before, and hears all that was sent since", async ({ anew }) => {
    const by = { fleet: FLEET, keyId: "key_test", keyExpiresMs: null, seed: "seed", hostToken: null };
    const points = await crashEverywhere({
      async prepare() {
        const state = await talking();
        if (!anew) await state.world.register("c", { topics: ["builds"] });
        return state;
      },
      act: (_, ports) =>
        registerSession(ports, by, { id: "c", host: "h1", boot: "b1", agent: "test", topics: ["news"] }),
      async check({ world, ports }) {
        const c = await world.register("c", { topics: ["news"] }, "seed");
        await send(ports, "topic:news", "new");
        await passTime(world, 60_000, [c]);
        expect(await told(world, c)).toMatchObject({ more: true });
        expect(await drain(ports, c)).toEqual(["new"]);
        expect(await told(world, c)).toBeNull();
      },
    });
    expect(points).toBeGreaterThan(6);
  });

  it("restarts a session that goes on where its predecessor had acknowledged", async () => {
    const by = { fleet: FLEET, keyId: "key_test", keyExpiresMs: null, seed: "seed", hostToken: null };
    const request = { id: "a", host: "h1", boot: "b1", agent: "test", topics: ["news"] };
    await crashEverywhere({
      async prepare() {
        const state = await talking();
        await drain(state.ports, state.a);
        await send(state.ports, "topic:news", "unheard");
        return state;
      },
      act: (_, ports) => registerSession(ports, by, request),
      async check({ world, ports }) {
        const again = await world.register("a", { topics: ["news"] }, "seed");
        expect(await drain(ports, again)).toEqual(["unheard"]);
      },
    });
  });
});
