import { type Refusal, refuse } from "../../shared/contract/errors.ts";
import { type Claims, readToken } from "../../shared/domain/tokens.ts";
import type { BeatPorts } from "../../shared/ports/ports.ts";

const BEARER = /^Bearer ([\x21-\x2b\x2d-\x7e]{1,2048})$/i;

/** The credential of an Authorization header. Two headers arrive joined by a comma, which no credential has. */
export function bearerOf(header: string | undefined): string | Refusal {
  if (header === undefined || header === "")
    return refuse("auth.missing", "The request has no Authorization header.");
  const [, credential] = BEARER.exec(header) ?? [];
  return (
    credential ??
    refuse("auth.invalid", "Authorization must be one header: Bearer, a space, and a key or token.")
  );
}

/** The claims of a token that is genuine and has not expired. */
export function readTokenOf(
  { settings, clock }: Pick<BeatPorts, "settings" | "clock">,
  token: string,
): Claims | Refusal {
  const claims = readToken(settings.signingKeys, token);
  if (!claims) return refuse("auth.invalid", "The token was not made by this deployment.");
  return claims.expiresMs > clock.nowMs() ? claims : refuse("auth.expired", "The token has expired.");
}
