import type { AgentAdapter } from "./adapter.ts";
import { claude } from "./claude.ts";
import { codex } from "./codex.ts";

const ADAPTERS: Readonly<Record<string, AgentAdapter>> = { claude, "claude-code": claude, codex };

/** As `--adapter` takes them. */
export const ADAPTER_NAMES: readonly string[] = ["claude", "codex"];

/** The adapter of an agent by the name of its program. */
export function findAdapter(name: string): AgentAdapter | null {
  return Object.hasOwn(ADAPTERS, name) ? (ADAPTERS[name] ?? null) : null;
}
