import { defineConfig } from "vitest/config";

const layer = (name: string, testTimeout: number) => ({
  test: { name, include: [`test/${name}/**/*.test.ts`], testTimeout, hookTimeout: 30_000 },
});

export default defineConfig({
  test: {
    pool: "forks",
    maxWorkers: 4,
    projects: [
      layer("domain", 15_000),
      layer("operations", 10_000),
      layer("conformance", 60_000),
      layer("functions", 30_000),
      layer("infra", 60_000),
      layer("agent", 30_000),
      layer("system", 90_000),
    ],
    coverage: {
      provider: "v8",
      include: ["shared/domain/**", "shared/operations/**"],
      reporter: ["text-summary", "json-summary"],
      thresholds: { branches: 95 },
    },
  },
});
