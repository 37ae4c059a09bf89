import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { BUNDLE_FORMATS } from "../../infra/bundles.ts";
import { FUNCTIONS } from "../../infra/routes.ts";
import type { FunctionName } from "../../infra/routes.ts";
import { buildFunction } from "../../infra/synth/build-function.ts";
import { ROOT } from "./synth-view.ts";

/** Every host runs this code every few seconds, and a cold start pays for each byte. Measured: 78,600. */
const HEARTBEAT_BYTES_LIMIT = 110_000;
const HEAVY = /node_modules\/(@aws-sdk|@smithy|@upstash|hono|zod\/v4\/classic)\//;

async function bundle(name: FunctionName) {
  const folder = await mkdtemp(path.join(tmpdir(), "shim-weight-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const options = { folder, minify: true, format: BUNDLE_FORMATS[name] };
  const { bytes, sources } = await buildFunction(ROOT, FUNCTIONS[name], options);
  return { bytes, sources: sources.map(({ file }) => file) };
}

it("the heartbeat's bundle is small, with no AWS SDK, no Upstash client, no router and no full zod in it", async () => {
  const { bytes, sources } = await bundle("heartbeat");
  expect(sources.filter((source) => HEAVY.test(source))).toEqual([]);
  expect(sources).toContain(FUNCTIONS.heartbeat.replace(".handler", ".ts"));
  expect(bytes).toBeLessThan(HEARTBEAT_BYTES_LIMIT);
});

it("the same question finds the SDK, the client and the router where they are", async () => {
  const { sources } = await bundle("tasks");
  const packages = new Set(sources.flatMap((source) => HEAVY.exec(source)?.[1] ?? []));
  expect(packages).toEqual(new Set(["@aws-sdk", "@smithy", "@upstash", "hono"]));
});

/** The SDK of MCP is written with all of zod: one reason why it has a function of its own. */
const WITH_FULL_ZOD = new Set<FunctionName>(["mcp"]);
const names = Object.keys(FUNCTIONS) as FunctionName[];

// One mention of zod's namespace of everything brings them all: 400 KB.
it.each(names.filter((name) => !WITH_FULL_ZOD.has(name)))(
  "%s carries no full zod, and none of its words but the English",
  async (name) => {
    const { sources } = await bundle(name);
    const zod = sources.filter((source) => source.includes("node_modules/zod/"));
    expect(zod.length).toBeGreaterThan(0);
    expect(zod.filter((source) => /\/(classic\/|locales\/(?!en\.))/.test(source))).toEqual([]);
  },
);

/** Those that put units into experiments. */
const ALLOCATING = new Set<FunctionName>(["sessions", "tasks"]);

// A megabyte, for which every other function would start later.
it.each(names)("%s carries statsig-node only if it puts units into experiments", async (name) => {
  const { sources } = await bundle(name);
  const carries = sources.some((source) => source.includes("node_modules/statsig-node/"));
  expect(carries).toBe(ALLOCATING.has(name));
});
