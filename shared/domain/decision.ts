import type { ErrorCode, Refusal } from "../contract/errors.ts";
import { refuse } from "../contract/errors.ts";

/**
 * What a pure decision proposes: a next state for the caller to commit, nothing because the request was already
 * carried out, or a refusal that changes nothing.
 */
export type Decision<T> =
  | { readonly kind: "commit"; readonly next: T }
  | { readonly kind: "unchanged" }
  | { readonly kind: "refused"; readonly refusal: Refusal };

export const UNCHANGED = { kind: "unchanged" } as const;

export function commit<T>(next: T): Decision<T> {
  return { kind: "commit", next };
}

export function refused(code: ErrorCode, detail: string): { kind: "refused"; refusal: Refusal } {
  return { kind: "refused", refusal: refuse(code, detail) };
}
