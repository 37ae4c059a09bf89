import type { Who } from "../../shared/contract/api.ts";
import { type Refusal, refuse } from "../../shared/contract/errors.ts";
import type { Scope } from "../../shared/contract/fleet.ts";
import { allows, hashSecret, parseApiKey, refuseKey, sameSecret } from "../../shared/domain/api-key.ts";
import type { HostClaims, SessionClaims } from "../../shared/domain/tokens.ts";
import type { Ports } from "../../shared/ports/ports.ts";
import { bearerOf, readTokenOf } from "./bearer.ts";

/** Who asks, as its credential proves. */
export type Caller =
  | { readonly kind: "root" }
  | {
      readonly kind: "key";
      readonly fleet: string;
      readonly keyId: string;
      readonly scope: Scope;
      readonly expiresMs: number | null;
    }
  | { readonly kind: "host"; readonly fleet: string; readonly claims: HostClaims }
  | { readonly kind: "session"; readonly fleet: string; readonly claims: SessionClaims };

/** Finds out who asks. An API key costs one read of the record, a token none. */
export async function authenticate(
  ports: Ports,
  header: string | undefined,
  rootKey: () => string,
): Promise<Caller | Refusal> {
  const secret = bearerOf(header);
  if (typeof secret !== "string") return secret;
  if (secret.startsWith("shim_t.")) {
    const claims = readTokenOf(ports, secret);
    if ("refused" in claims) return claims;
    const { fleet } = claims;
    return claims.kind === "host" ? { kind: "host", fleet, claims } : { kind: "session", fleet, claims };
  }
  const named = parseApiKey(secret);
  if (!named)
    return sameSecret(secret, rootKey())
      ? { kind: "root" }
      : refuse("auth.invalid", "The credential is neither an API key nor a token of this deployment.");
  const key = await ports.record.keys.get(named.fleet, named.id);
  if (!key || !sameSecret(key.secretHash, hashSecret(secret)))
    return refuse("auth.invalid", "There is no such API key.");
  const refused = refuseKey(key, ports.clock.nowMs());
  return refused
    ? refused.refusal
    : { kind: "key", fleet: key.fleet, keyId: key.id, scope: key.scope, expiresMs: key.expiresAtMs };
}

/** Why this caller may not use this route, or null. */
export function refuseCaller(who: Who, caller: Caller, pathSession: string | undefined): Refusal | null {
  switch (caller.kind) {
    case "root":
      return who.root
        ? null
        : refuse(
            "scope.insufficient",
            "The root key administers fleets and the keys of the default fleet, nothing else.",
          );
    case "key":
      if (who.scopes && allows(caller.scope, who.scopes)) return null;
      return refuse(
        "scope.insufficient",
        who.scopes
          ? `This takes an API key of scope ${[...who.scopes, "admin"].join(" or ")}.`
          : "This takes a token, not an API key.",
      );
    case "host":
      return who.host
        ? null
        : refuse("scope.insufficient", "A host's token beats for its host and nothing else.");
    case "session":
      if (!who.session) return refuse("scope.insufficient", "This takes an API key, not a session's token.");
      if (who.session === "own" && pathSession !== caller.claims.session)
        return refuse("session.forbidden", "This token belongs to another session.");
      return null;
  }
}
