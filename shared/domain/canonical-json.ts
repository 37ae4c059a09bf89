import { createHash } from "node:crypto";

/** JSON with the keys of every object in one order, so that equal values are equal text (RFC 8785's order). */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map((item) => canonicalJson(item ?? null)).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value ?? null);
  const entries = Object.entries(value)
    .filter(([, item]) => item !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([key, item]) => `${JSON.stringify(key)}:${canonicalJson(item)}`).join(",")}}`;
}

/** 128 bits of SHA-256 over a value's canonical JSON, as base64url: tells a repeated request from another one. */
export function hashOf(...values: unknown[]): string {
  return createHash("sha256").update(canonicalJson(values)).digest().subarray(0, 16).toString("base64url");
}
