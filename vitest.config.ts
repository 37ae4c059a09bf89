import { enableCompileCache } from "node:module";
import { defineConfig } from "vitest/config";

// Tests start many processes of the same programs: from the second on, each finds its code compiled.
process.env.NODE_COMPILE_CACHE ??= enableCompileCache().directory;

/**
 * Files that set neither the environment nor anything of a module's share a process, and so what they import. Each
 * of the others has one embedded cloud, whose links its handlers read from the environment once.
 */
const layer = (name: string, testTimeout: number, isolate = false) => ({
  test: { name, include: [`test/${name}/**/*.test.ts`], testTimeout, hookTimeout: 30_000, isolate },
});
const isolated = (name: string, testTimeout: number) => layer(name, testTimeout, true);

export default defineConfig({
  test: {
    pool: "forks",
    maxWorkers: 4,
    projects: [
      layer("domain", 15_000),
      layer("operations", 10_000),
      layer("conformance", 60_000),
      layer("simulation", 60_000),
      isolated("functions", 30_000),
      isolated("infra", 60_000),
      isolated("agent", 30_000),
      isolated("system", 90_000),
    ],
    coverage: {
      provider: "v8",
      include: ["shared/domain/**", "shared/operations/**"],
      reporter: ["text-summary", "json-summary"],
      thresholds: { branches: 95 },
    },
  },
});
