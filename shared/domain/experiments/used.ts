import type { Used } from "../../contract/records.ts";
import { isRecord } from "../is-record.ts";
import { knownValues } from "./known-values.ts";

/** More than this nobody used: it is a mistake, or a number that the record has no room for. */
const LIMIT = 1e12;
const DOLLAR_DIGITS = 1e6;

/**
 * What an agent says in a task's result that it used. A result is its agent's own: whatever else it holds, or calls so, is left out.
 */
export function usedBy(result: unknown): Used {
  if (!isRecord(result)) return {};
  const tokens = numberIn(result, "totalTokens", "tokens", "total_tokens");
  const usd = numberIn(result, "costUsd", "cost_usd", "total_cost_usd");
  return knownValues({
    tokens: tokens === null ? null : Math.round(tokens),
    costUsd: usd === null ? null : Math.round(usd * DOLLAR_DIGITS) / DOLLAR_DIGITS,
  });
}

function numberIn(result: Readonly<Record<string, unknown>>, ...names: readonly string[]): number | null {
  const found = names.map((name) => result[name]).find((value) => typeof value === "number");
  return typeof found === "number" && found >= 0 && found <= LIMIT ? found : null;
}
