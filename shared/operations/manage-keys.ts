import { type Refusal, isRefusal, refuse } from "../contract/errors.ts";
import type { Key, KeyRequest, Scope } from "../contract/fleet.ts";
import type { KeyRecord } from "../contract/records.ts";
import { formatApiKey, hashSecret, refuseKey } from "../domain/api-key.ts";
import { UNCHANGED, commit, refused } from "../domain/decision.ts";
import { keyView } from "../domain/views.ts";
import type { Ports } from "../ports/ports.ts";
import { changeOrCreate } from "./change.ts";

/** Makes an API key. Its secret is in this answer and nowhere else. */
export async function createKey(
  ports: Ports,
  fleet: string,
  request: KeyRequest,
): Promise<{ key: Key; secret: string } | Refusal> {
  const { scope, name, expiresAt } = request;
  const expiresAtMs = expiresAt === undefined ? null : Date.parse(expiresAt);
  if (expiresAtMs !== null && expiresAtMs <= ports.clock.nowMs())
    return refuse("request.invalid", "expiresAt: it has passed already.");
  return makeKey(ports, fleet, scope, name ?? null, expiresAtMs);
}

/** What a new key is called and what is secret of it. */
export type KeyName = { readonly id: string; readonly random: string };

export function newKeyName({ chance }: Pick<Ports, "chance">): KeyName {
  return { id: `key_${chance.id()}`, random: `${chance.id()}${chance.id()}` };
}

/** Makes a key. Repeating it with the same name gives the same key. */
export async function makeKey(
  ports: Ports,
  fleet: string,
  scope: Scope,
  name: string | null,
  expiresAtMs: number | null,
  { id, random } = newKeyName(ports),
): Promise<{ key: Key; secret: string }> {
  const secret = formatApiKey(fleet, id, random);
  const key: KeyRecord = {
    v: 1,
    rev: 0,
    fleet,
    id,
    scope,
    name,
    secretHash: hashSecret(secret),
    createdAtMs: ports.clock.nowMs(),
    expiresAtMs,
    revokedAtMs: null,
  };
  const made = (await ports.record.keys.commit(null, key)) ?? (await ports.record.keys.get(fleet, id));
  if (made?.secretHash !== key.secretHash) throw new Error("Two keys were given the same id.");
  return { key: keyView(made), secret };
}

export async function listKeys(ports: Ports, fleet: string): Promise<{ keys: Key[] }> {
  return { keys: (await ports.record.keys.list(fleet)).map(keyView) };
}

/**
 * Revokes a key: requests with it are refused from now on, tokens made with it are not renewed, so what they
 * started ends within the hour. Repeating it changes nothing.
 */
export async function revokeKey(ports: Ports, fleet: string, id: string): Promise<{ key: Key } | Refusal> {
  const result = await changeOrCreate(
    () => ports.record.keys.get(fleet, id),
    ports.record.keys.commit,
    (key) => {
      if (!key) return refused("key.not_found", `There is no API key ${id} in this fleet.`);
      return key.revokedAtMs === null ? commit({ ...key, revokedAtMs: ports.clock.nowMs() }) : UNCHANGED;
    },
  );
  if (isRefusal(result)) return result;
  if (!result.document) return refuse("key.not_found", `There is no API key ${id} in this fleet.`);
  await ports.keyMirror.set(fleet, id, "revoked");
  return { key: keyView(result.document) };
}

/** Tells the heartbeat whether a key still renews tokens. */
export async function mirrorKey(ports: Ports, fleet: string, id: string): Promise<void> {
  const key = await ports.record.keys.get(fleet, id);
  const counts = key !== null && refuseKey(key, ports.clock.nowMs()) === null;
  await ports.keyMirror.set(fleet, id, counts ? "active" : "revoked");
}
