import { randomBytes } from "node:crypto";

/** An unguessable identifier of 96 bits that fits the contract's pattern. */
export function newId(prefix: string): string {
  return `${prefix}_${randomBytes(12).toString("hex")}`;
}
