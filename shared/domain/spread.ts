import { createHash } from "node:crypto";

/**
 * An interval between half of `intervalMs` and all of it, another for each name: who all came at one moment comes next
 * time spread over half an interval.
 */
export function spread(intervalMs: number, name: string): number {
  const share = createHash("sha256").update(name).digest().readUInt32BE(0) / 2 ** 32;
  return Math.round((intervalMs * (1 + share)) / 2);
}
