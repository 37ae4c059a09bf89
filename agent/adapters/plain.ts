import type { AgentAdapter } from "./adapter.ts";

/** Any program, of which nothing is known but that it runs: no hooks, no events, no session of its own. */
export function plainAdapter(name: string): AgentAdapter {
  return {
    name: name.replace(/[^A-Za-z0-9_.-]/g, "_").slice(0, 64) || "command",
    start: ({ program }) => ({ command: program, env: {} }),
    resume: ({ program }) => ({ command: program, env: {} }),
    wrap: (program) => ({ command: program, env: {} }),
    parseLine: () => [],
    parseHook: () => null,
    answerHook: () => ({}),
    isIntact: async () => false,
    readTranscript: async () => [],
  };
}
