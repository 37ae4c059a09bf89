import * as fc from "fast-check";
import { expect, test } from "vitest";
import { createMemoryKeyMirror } from "../../shared/adapters/memory/key-mirror.ts";
import type { KeyMirror } from "../../shared/ports/registry.ts";
import type { Store } from "./redis-stores.ts";

/** What every key mirror guarantees. */
export function describeKeyMirror(store: Store<KeyMirror>): void {
  test("an unknown key has no status", async () => {
    expect(await store.port.get("alpha", "key_1")).toBeNull();
  });

  test("active never replaces revoked", async () => {
    await store.port.set("alpha", "key_1", "active");
    expect(await store.port.get("alpha", "key_1")).toBe("active");
    await store.port.set("alpha", "key_1", "revoked");
    await store.port.set("alpha", "key_1", "active");
    expect(await store.port.get("alpha", "key_1")).toBe("revoked");
  });

  test("a fleet's key says nothing about another key or fleet", async () => {
    await store.port.set("alpha", "key_1", "revoked");
    expect(await store.port.get("alpha", "key_2")).toBeNull();
    expect(await store.port.get("beta", "key_1")).toBeNull();
  });

  test("a lost mirror knows no key", async () => {
    await store.port.set("alpha", "key_1", "revoked");
    await store.lose();
    expect(await store.port.get("alpha", "key_1")).toBeNull();
  });
}

/** Memory and Redis are one mirror to their callers, whatever is asked in whatever order. */
export function testRandomKeyMirror(store: Store<KeyMirror>): void {
  const call = fc.record({
    fleet: fc.constantFrom("f", "g"),
    keyId: fc.constantFrom("a", "b"),
    status: fc.constantFrom("active" as const, "revoked" as const),
  });

  test("random calls have the same outcomes as in memory", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(call, { maxLength: 12 }), async (calls) => {
        await store.lose();
        const memory = createMemoryKeyMirror();
        for (const { fleet, keyId, status } of calls) {
          await store.port.set(fleet, keyId, status);
          await memory.set(fleet, keyId, status);
          expect(await store.port.get(fleet, keyId)).toBe(await memory.get(fleet, keyId));
        }
      }),
      { numRuns: 20 },
    );
  });
}
