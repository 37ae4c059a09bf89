import { createHmac, randomBytes } from "node:crypto";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { KeyRecord } from "../../shared/contract/records.ts";
import {
  allows,
  formatApiKey,
  hashSecret,
  parseApiKey,
  refuseKey,
  sameSecret,
} from "../../shared/domain/api-key.ts";
import { assert } from "../../shared/domain/assert.ts";
import { seal, unseal } from "../../shared/domain/sealing.ts";
import { type Claims, parseSigningKeys, readToken, signToken } from "../../shared/domain/tokens.ts";

const key = (id: string) => ({ id, secret: randomBytes(32) });
const keys = [key("k1")];
const common = {
  fleet: "f",
  host: "h",
  boot: "b",
  keyId: "key_1",
  keyExpiresMs: null,
  profile: "standard",
  expiresMs: 1,
} as const;
const claims: Claims = { kind: "session", ...common, session: "s1", epoch: 2 };

describe("a token", () => {
  it("reads back as the claims that were signed, expired or not", () => {
    expect(readToken(keys, signToken(keys, claims))).toEqual(claims);
    const host: Claims = { kind: "host", ...common };
    expect(readToken(keys, signToken(keys, host))).toEqual(host);
  });

  it("is refused when another key signed it, though it names the same key id", () => {
    expect(readToken([key("k1")], signToken(keys, claims))).toBeNull();
    expect(readToken([key("k2")], signToken(keys, claims))).toBeNull();
    expect(readToken([], signToken(keys, claims))).toBeNull();
  });

  it("outlives the rotation of its key for as long as that key still verifies", () => {
    const [old, next] = [keys[0] ?? key("x"), key("k2")];
    const token = signToken(keys, claims);
    expect(readToken([next, old], token)).toEqual(claims);
    expect(signToken([next, old], claims)).toContain(".k2.");
    expect(readToken([next], token)).toBeNull();
  });

  it("is refused with any one character changed or cut", () => {
    const token = signToken(keys, claims);
    const flip = (at: number) =>
      `${token.slice(0, at)}${token[at] === "A" ? "Q" : "A"}${token.slice(at + 1)}`;
    fc.assert(
      fc.property(fc.nat(token.length - 2), (at) => {
        expect(readToken(keys, flip(at))).toBeNull();
        expect(readToken(keys, token.slice(0, at))).toBeNull();
      }),
    );
    expect(readToken(keys, `${token}.more`)).toBeNull();
    for (const junk of ["", ".", "....", "shim_t", "shim_t.k1..", "shim_k.f/k.x"])
      expect(readToken(keys, junk)).toBeNull();
  });

  it("is refused when its claims are not those of any token, though the signature is right", () => {
    const text = `shim_t.k1.${Buffer.from(JSON.stringify({ kind: "root" })).toString("base64url")}`;
    const mac = createHmac("sha256", keys[0]?.secret ?? "")
      .update(text)
      .digest("base64url");
    expect(readToken(keys, `${text}.${mac}`)).toBeNull();
  });

  it("needs a key to be signed", () => {
    expect(() => signToken([], claims)).toThrow("no signing key");
    expect(() => seal([], "x", "y")).toThrow("no signing key");
  });
});

describe("the deployment's signing keys", () => {
  const secret = randomBytes(32).toString("base64url");

  it("are read in order, the first of which signs", () => {
    const parsed = parseSigningKeys(`k2:${secret}, k1:${secret}`);
    expect(parsed.map(({ id }) => id)).toEqual(["k2", "k1"]);
    expect(parsed[0]?.secret).toHaveLength(32);
  });

  it.each([
    ["nothing", ""],
    ["no secret", "k1"],
    ["no id", `:${secret}`],
    ["a short secret", "k1:c2hvcnQ"],
  ])("stop the deployment when there is %s", (_, text) => {
    expect(() => parseSigningKeys(text)).toThrow("TokenKeys must be");
  });

  it("stop the deployment when an id would break the tokens that name it", () => {
    expect(() => parseSigningKeys(`k.1:${secret}`)).toThrow("TokenKeys must be");
  });
});

describe("a sealed text", () => {
  it("opens with its key and context alone, also after a rotation", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), fc.string(), (text, context) => {
        const sealed = seal(keys, text, context);
        expect(unseal(keys, sealed, context)).toBe(text);
        expect(unseal([key("k0"), ...keys], sealed, context)).toBe(text);
        expect(unseal([key("k1")], sealed, context)).toBeNull();
        expect(unseal(keys, sealed, `${context}!`)).toBeNull();
      }),
      { numRuns: 50 },
    );
  });

  it("does not open when it was cut or changed", () => {
    const sealed = Buffer.from(seal(keys, "secret", "c"), "base64url");
    for (let at = 0; at < sealed.length; at++) {
      const changed = Buffer.from(sealed);
      changed.writeUInt8(changed.readUInt8(at) ^ 1, at);
      expect(unseal(keys, changed.toString("base64url"), "c")).toBeNull();
      expect(unseal(keys, sealed.subarray(0, at).toString("base64url"), "c")).toBeNull();
    }
  });

  it("looks different each time, so that equal texts do not show", () => {
    expect(seal(keys, "x", "c")).not.toBe(seal(keys, "x", "c"));
  });
});

describe("an API key", () => {
  const random = randomBytes(24).toString("base64url");
  const record: KeyRecord = {
    ...({ v: 1, rev: 1, fleet: "f", id: "key_1", scope: "agent", name: null } as const),
    ...{ secretHash: hashSecret("x"), createdAtMs: 0, expiresAtMs: null, revokedAtMs: null },
  };

  it("names its fleet and its id, and nothing else is one", () => {
    expect(parseApiKey(formatApiKey("my.fleet-1", "key_a", random))).toEqual({
      fleet: "my.fleet-1",
      id: "key_a",
    });
    for (const junk of [
      "",
      "shim_k./k.x",
      `shim_k.f/k.${"x".repeat(19)}`,
      `shim_t.f/k.${random}`,
      ` shim_k.f/k.${random}`,
    ])
      expect(parseApiKey(junk)).toBeNull();
  });

  it("counts until it is revoked or has expired", () => {
    expect(refuseKey(record, 100)).toBeNull();
    expect(refuseKey({ ...record, expiresAtMs: 101 }, 100)).toBeNull();
    expect(refuseKey({ ...record, expiresAtMs: 100 }, 100)?.refusal.refused).toBe("auth.revoked");
    expect(refuseKey({ ...record, revokedAtMs: 1 }, 100)?.refusal.refused).toBe("auth.revoked");
  });

  it("may do what its scope says, and an admin's all", () => {
    expect(allows("submit", ["submit", "operate"])).toBe(true);
    expect(allows("agent", ["submit", "operate"])).toBe(false);
    expect(allows("admin", ["submit"])).toBe(true);
  });

  it("is compared whole", () => {
    expect(sameSecret("abc", "abc")).toBe(true);
    expect(sameSecret("abc", "abd")).toBe(false);
    expect(sameSecret("abc", "abcd")).toBe(false);
  });
});

describe("a broken invariant", () => {
  it("throws and says which", () => {
    expect(() => {
      assert(false, "one is two");
    }).toThrow("Broken invariant: one is two");
  });
});
