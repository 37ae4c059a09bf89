import { createHash, timingSafeEqual } from "node:crypto";
import type { Scope } from "../contract/fleet.ts";
import type { KeyRecord } from "../contract/records.ts";
import { refused } from "./decision.ts";

/** `shim_k.FLEET/KEY_ID.RANDOM`: names its fleet and id, so that one read finds it. */
const KEY_PATTERN = /^shim_k\.([A-Za-z0-9_.-]{1,64})\/([A-Za-z0-9_-]{1,64})\.([A-Za-z0-9_-]{20,})$/;

export function formatApiKey(fleet: string, id: string, random: string): string {
  return `shim_k.${fleet}/${id}.${random}`;
}

export function parseApiKey(secret: string): { fleet: string; id: string } | null {
  const [, fleet, id] = KEY_PATTERN.exec(secret) ?? [];
  return fleet && id ? { fleet, id } : null;
}

/** SHA-256 as hex. A plain hash suffices: the secrets are random, so there is nothing to guess. */
export function hashSecret(secret: string): string {
  return createHash("sha256").update(secret).digest("hex");
}

/** Compares in a time that does not depend on where the two differ. */
export function sameSecret(a: string, b: string): boolean {
  return timingSafeEqual(createHash("sha256").update(a).digest(), createHash("sha256").update(b).digest());
}

/** Whether a key still counts, apart from its secret. */
export function refuseKey(key: KeyRecord, nowMs: number): ReturnType<typeof refused> | null {
  if (key.revokedAtMs !== null) return refused("auth.revoked", `API key ${key.id} was revoked.`);
  if (key.expiresAtMs !== null && key.expiresAtMs <= nowMs)
    return refused("auth.revoked", `API key ${key.id} has expired.`);
  return null;
}

/** `admin` may do all of its fleet. */
export function allows(scope: Scope, wanted: readonly Scope[]): boolean {
  return scope === "admin" || wanted.includes(scope);
}
