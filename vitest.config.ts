import { enableCompileCache } from "node:module";
import { defineConfig } from "vitest/config";
import { BaseSequencer } from "vitest/node";
import type { TestSpecification } from "vitest/node";

// Tests start many processes of the same programs: from the second on, each finds its code compiled.
process.env.NODE_COMPILE_CACHE ??= enableCompileCache().directory;

// The embedded cloud's log of every task belongs to the tests that read it.
process.env.AWS_LAMBDA_LOG_LEVEL ??= "WARN";

/**
 * Files of a layer share processes, and so what they import: an embedded cloud is started with modules of its own.
 * `sst` is read anew with them, because it reads the links of a cloud from the environment once.
 */
const layer = (name: string, testTimeout: number) => ({
  name,
  include: [`test/${name}/**/*.test.ts`],
  testTimeout,
  hookTimeout: 30_000,
  isolate: false,
  server: { deps: { inline: ["sst"] } },
});

/** Mostly waiting for other processes: first for an installation, in a fresh clone; last the shortest files. */
const WAITING = [layer("infra", 180_000), layer("system", 90_000), layer("agent", 30_000)];
/** Mostly computing. */
const COMPUTING = [
  layer("functions", 30_000),
  layer("conformance", 60_000),
  layer("simulation", 60_000),
  layer("operations", 10_000),
  layer("domain", 15_000),
];
/**
 * Real coding agents, which must be installed first: only for whoever asks for them, as `npm run test:agents` does. One at a time, because
 * each of them is a load.
 */
const AGENTS = process.argv.includes("agents")
  ? [{ test: { ...layer("agents", 180_000), maxWorkers: 1, sequence: { groupOrder: 2 } } }]
  : [];
const LAYERS = [...WAITING, ...COMPUTING];

/** Vitest's own runs layers by name. Files of one layer must stay together, or none gets the process of another. */
class LayerSequencer extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rankOf = ({ project }: TestSpecification) => LAYERS.findIndex(({ name }) => name === project.name);
    return (await super.sort(files)).sort((a, b) => rankOf(a) - rankOf(b));
  }
}

export default defineConfig({
  test: {
    pool: "forks",
    sequence: { sequencer: LayerSequencer },
    projects: [
      ...WAITING.map((test) => ({ test: { ...test, maxWorkers: 4, sequence: { groupOrder: 0 } } })),
      // Two for two cores: a process that goes on with the next file is warm, and more would only be cold longer.
      ...COMPUTING.map((test) => ({ test: { ...test, maxWorkers: 2, sequence: { groupOrder: 1 } } })),
      ...AGENTS,
    ],
    coverage: {
      provider: "v8",
      include: ["shared/domain/**", "shared/operations/**"],
      reporter: ["text-summary", "json-summary"],
      thresholds: { branches: 95 },
    },
  },
});
