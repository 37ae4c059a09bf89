import { type Refusal, refuse } from "../../shared/contract/errors.ts";
import { seal, unseal } from "../../shared/domain/sealing.ts";
import type { Ports } from "../../shared/ports/ports.ts";

const CHARACTERS_LIMIT = 4_096;

/** Cursors are sealed and bound to the fleet and filter they were made for: elsewhere they do not open. */
export function openCursor(
  { settings }: Ports,
  cursor: string | undefined,
  ...listing: (string | null)[]
): string | null | Refusal {
  if (cursor === undefined || cursor === "") return null;
  const text =
    cursor.length > CHARACTERS_LIMIT ? null : unseal(settings.signingKeys, cursor, JSON.stringify(listing));
  return text ?? refuse("cursor.invalid", "The cursor was made for another listing or fleet, or not here.");
}

export function sealCursor(
  { settings }: Ports,
  cursor: string | null,
  ...listing: (string | null)[]
): string | null {
  return cursor === null ? null : seal(settings.signingKeys, cursor, JSON.stringify(listing));
}
