import { enableCompileCache } from "node:module";
import { defineConfig } from "vitest/config";
import { BaseSequencer } from "vitest/node";
import type { TestSpecification } from "vitest/node";

// Tests start many processes of the same programs: from the second on, each finds its code compiled.
process.env.NODE_COMPILE_CACHE ??= enableCompileCache().directory;

/**
 * Files of a layer share processes, and so what they import: an embedded cloud is started with modules of its own.
 * `sst` is read anew with them, because it reads the links of a cloud from the environment once.
 */
const layer = (name: string, testTimeout: number) => ({
  test: {
    name,
    include: [`test/${name}/**/*.test.ts`],
    testTimeout,
    hookTimeout: 30_000,
    isolate: false,
    server: { deps: { inline: ["sst"] } },
  },
});

/** In the order they run: who waits most for others' processes first, and what is short last, to fill the cores. */
const LAYERS = [
  layer("system", 90_000),
  layer("agent", 30_000),
  layer("infra", 60_000),
  layer("functions", 30_000),
  layer("conformance", 60_000),
  layer("simulation", 60_000),
  layer("operations", 10_000),
  layer("domain", 15_000),
];

/** Vitest's own would run the layers by name, and end with one core waiting for the longest file of the last. */
class LayerSequencer extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rankOf = ({ project }: TestSpecification) =>
      LAYERS.findIndex(({ test }) => test.name === project.name);
    return (await super.sort(files)).sort((a, b) => rankOf(a) - rankOf(b));
  }
}

export default defineConfig({
  test: {
    pool: "forks",
    maxWorkers: 4,
    sequence: { sequencer: LayerSequencer },
    projects: LAYERS,
    coverage: {
      provider: "v8",
      include: ["shared/domain/**", "shared/operations/**"],
      reporter: ["text-summary", "json-summary"],
      thresholds: { branches: 95 },
    },
  },
});
