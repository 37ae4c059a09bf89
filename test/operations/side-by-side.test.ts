import { describe, expect, it } from "vitest";
import { sideBySide } from "../../shared/operations/side-by-side.ts";

const THINGS = Array.from({ length: 30 }, (_, i) => i);

describe("side by side", () => {
  it("one thing that takes long holds up no other, and the answers come in order", async () => {
    const begun = new Set<number>();
    const { promise: slow, resolve: hurry } = Promise.withResolvers<undefined>();
    const all = sideBySide(THINGS, async (thing) => {
      begun.add(thing);
      if (thing === 0) await slow;
      if (begun.size === THINGS.length) hurry(undefined);
      return thing * 2;
    });
    expect(await all).toEqual(THINGS.map((thing) => thing * 2));
  });

  it("nothing more is begun after an error, which is thrown", async () => {
    const begun: number[] = [];
    const failing = sideBySide(THINGS, async (thing) => {
      begun.push(thing);
      await Promise.resolve();
      if (thing === 3) throw new Error("broken");
    });
    await expect(failing).rejects.toThrow("broken");
    expect(begun.length).toBeLessThan(20);
  });
});
