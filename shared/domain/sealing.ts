import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from "node:crypto";
import type { SigningKeys } from "./tokens.ts";

const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** Beats seal a cursor for every session that has messages; deriving the key would be most of that. */
const derived = new WeakMap<Buffer, Buffer>();

function keyFor(secret: Buffer): Buffer {
  const key = derived.get(secret) ?? Buffer.from(hkdfSync("sha256", secret, "", "shim sealing", 32));
  derived.set(secret, key);
  return key;
}

/** Encrypts text (AES-256-GCM), bound to `context`: it opens only with the same context. base64url. */
export function seal(keys: SigningKeys, text: string, context: string): string {
  const [key] = keys;
  if (!key) throw new Error("There is no signing key.");
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv("aes-256-gcm", keyFor(key.secret), nonce).setAAD(Buffer.from(context));
  const sealed = Buffer.concat([cipher.update(text, "utf8"), cipher.final()]);
  return Buffer.concat([nonce, cipher.getAuthTag(), sealed]).toString("base64url");
}

/** The text, or null if it was made with another key, for another context, or by somebody else. */
export function unseal(keys: SigningKeys, sealed: string, context: string): string | null {
  const bytes = Buffer.from(sealed, "base64url");
  if (bytes.length < NONCE_BYTES + TAG_BYTES) return null;
  for (const { secret } of keys) {
    const decipher = createDecipheriv("aes-256-gcm", keyFor(secret), bytes.subarray(0, NONCE_BYTES), {
      authTagLength: TAG_BYTES,
    });
    decipher.setAAD(Buffer.from(context)).setAuthTag(bytes.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES));
    try {
      return Buffer.concat([
        decipher.update(bytes.subarray(NONCE_BYTES + TAG_BYTES)),
        decipher.final(),
      ]).toString("utf8");
    } catch {
      continue; // Another key may have sealed it.
    }
  }
  return null;
}

/** A secret that follows from `context` for whoever has the signing keys. base64url. */
export function deriveSecret(keys: SigningKeys, context: string): string {
  const [key] = keys;
  if (!key) throw new Error("There is no signing key.");
  return Buffer.from(hkdfSync("sha256", key.secret, "", `shim secret ${context}`, 32)).toString("base64url");
}
