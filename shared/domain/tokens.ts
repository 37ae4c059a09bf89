import { createHmac, timingSafeEqual } from "node:crypto";
import * as z from "zod/mini";
import { Epoch, Id } from "../contract/ids.ts";
import { ProfileName } from "../contract/profile.ts";

/** How long a token lives, and from how long before its end a heartbeat renews it. Milliseconds. */
export const TOKEN_LIFE_MS = 3_600_000;
export const TOKEN_RENEWAL_MS = 15 * 60_000;

const Common = {
  fleet: Id,
  host: Id,
  boot: Id,
  /** The API key it was registered with, and when that ends by itself: no token is renewed past it. */
  keyId: Id,
  keyExpiresMs: z.nullable(z.int()),
  profile: ProfileName,
  expiresMs: z.int(),
};

/** A host token beats for its host and nothing else; a session token does one epoch's routes. */
export const Claims = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("host"), ...Common }),
  z.object({ kind: z.literal("session"), ...Common, session: Id, epoch: Epoch }),
]);
export type Claims = z.infer<typeof Claims>;
export type HostClaims = Extract<Claims, { kind: "host" }>;
export type SessionClaims = Extract<Claims, { kind: "session" }>;

/** Signing keys by id: the first signs, all verify, so that a key can be rotated while its tokens live out. */
export type SigningKeys = readonly { readonly id: string; readonly secret: Buffer }[];

const SECRET_BYTES_MINIMUM = 32;
/** No full stop: it separates the parts of a token. */
const KEY_ID_PATTERN = /^[A-Za-z0-9_-]+$/;

/** Reads `kid:base64url[,kid:base64url]`. Throws on anything else: a deployment without a key must not start. */
export function parseSigningKeys(text: string): SigningKeys {
  const keys = text.split(",").map((part) => {
    const [id, secret] = part.trim().split(":");
    const bytes = Buffer.from(secret ?? "", "base64url");
    if (!id || !KEY_ID_PATTERN.test(id) || bytes.length < SECRET_BYTES_MINIMUM)
      throw new Error("TokenKeys must be ID:SECRET[,ID:SECRET], each secret at least 32 bytes in base64url.");
    return { id, secret: bytes };
  });
  return keys;
}

function signature(secret: Buffer, text: string): Buffer {
  return createHmac("sha256", secret).update(text).digest();
}

/** `shim_t.KEY_ID.CLAIMS.HMAC`, verified without a read. */
export function signToken(keys: SigningKeys, claims: Claims): string {
  const [key] = keys;
  if (!key) throw new Error("There is no signing key.");
  const text = `shim_t.${key.id}.${Buffer.from(JSON.stringify(claims)).toString("base64url")}`;
  return `${text}.${signature(key.secret, text).toString("base64url")}`;
}

/** The claims of a genuine token, expired or not; null for anything else. */
export function readToken(keys: SigningKeys, token: string): Claims | null {
  const [prefix, keyId, claims, mac, ...rest] = token.split(".");
  const key = keys.find(({ id }) => id === keyId);
  if (prefix !== "shim_t" || !key || !claims || !mac || rest.length > 0) return null;
  const given = Buffer.from(mac, "base64url");
  const expected = signature(key.secret, `shim_t.${key.id}.${claims}`);
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) return null;
  const parsed = Claims.safeParse(JSON.parse(Buffer.from(claims, "base64url").toString()));
  return parsed.success ? parsed.data : null;
}
