import { globSync, readFileSync } from "node:fs";
import path from "node:path";
import ts from "typescript";
import { describe, expect, it } from "vitest";

const PROJECT = path.resolve(import.meta.dirname, "../..");

/**
 * A part of the project: its folder (or file), the parts it may import besides itself, and the packages. `node:`
 * stands for all of Node, `*` for any package.
 */
type Layer = { readonly at: string; readonly may: readonly string[]; readonly packages: readonly string[] };

/** The arrows. A file belongs to the longest `at` that its path begins with. */
const LAYERS: readonly Layer[] = [
  { at: "shared/contract", may: [], packages: ["zod"] },
  { at: "shared/redaction", may: [], packages: [] },
  {
    at: "shared/domain",
    may: ["shared/contract", "shared/domain/statistics", "shared/domain/statistics/distributions.ts"],
    packages: ["zod", "node:crypto"],
  },
  // Each library of statistics has one file that knows it: both have functions that the other computes better.
  {
    at: "shared/domain/statistics",
    may: [
      "shared/contract",
      "shared/domain",
      "shared/domain/statistics/distributions.ts",
      "shared/domain/statistics/raw-values.ts",
    ],
    packages: ["zod"],
  },
  { at: "shared/domain/statistics/distributions.ts", may: [], packages: ["@stdlib"] },
  {
    at: "shared/domain/statistics/raw-values.ts",
    may: ["shared/domain/statistics"],
    packages: ["simple-statistics"],
  },
  { at: "shared/ports", may: ["shared/contract"], packages: ["zod"] },
  {
    at: "shared/operations",
    may: ["shared/contract", "shared/domain", "shared/ports", "shared/redaction"],
    packages: [],
  },
  { at: "shared/adapters", may: ["shared/contract", "shared/domain", "shared/ports"], packages: ["*"] },
  {
    at: "shared/runtime",
    may: ["shared/contract", "shared/domain", "shared/ports", "shared/operations", "shared/adapters"],
    packages: ["zod", "sst", "node:"],
  },
  {
    at: "functions/edge",
    may: ["shared/contract", "shared/domain", "shared/ports", "shared/runtime"],
    packages: ["*"],
  },
  {
    at: "functions/mcp",
    may: [
      "functions/edge",
      "shared/contract",
      "shared/domain",
      "shared/ports",
      "shared/operations",
      "shared/redaction",
    ],
    packages: ["zod", "@modelcontextprotocol/sdk"],
  },
  {
    at: "functions",
    may: [
      "functions/edge",
      "functions/mcp",
      "shared/contract",
      "shared/domain",
      "shared/ports",
      "shared/operations",
      "shared/runtime",
    ],
    packages: ["zod", "hono", "aws-lambda"],
  },
  {
    at: "agent",
    may: ["shared/contract", "shared/redaction"],
    packages: ["zod", "commander", "diff", "node:"],
  },
  { at: "infra", may: ["shared/contract"], packages: [] },
  { at: "infra/local", may: ["infra", "shared/contract"], packages: ["*"] },
  { at: "infra/synth", may: ["infra"], packages: ["*"] },
  { at: "infra/diff", may: ["infra", "infra/local", "infra/synth"], packages: ["*"] },
  { at: "infra/draw", may: ["infra/synth"], packages: ["*"] },
  { at: "infra/cost", may: ["infra", "infra/local", "infra/synth", "shared/contract"], packages: ["*"] },
  { at: "sst.config.ts", may: ["infra"], packages: [] },
];

/** Tools that read a default export and nothing else. */
const DEFAULT_EXPORTS: readonly string[] = ["sst.config.ts", "vitest.config.ts"];

function layerOf(file: string): Layer | undefined {
  return LAYERS.filter(({ at }) => file === at || file.startsWith(`${at}/`)).sort(
    (a, b) => b.at.length - a.at.length,
  )[0];
}

type Import = { readonly specifier: string; readonly line: number };

/** Every import of a file: `import`, `import type`, `export from` and `import("...")`, but no computed path. */
function importsOf(text: string): Import[] {
  return ts.preProcessFile(text, true, true).importedFiles.map(({ fileName, pos }) => ({
    specifier: fileName,
    line: text.slice(0, pos).split("\n").length,
  }));
}

/** The path of a file of this project, or null for a package. */
function target(file: string, specifier: string): string | null {
  if (!specifier.startsWith(".")) return null;
  const resolved = path.posix.join(path.posix.dirname(file), specifier);
  return resolved.includes("node_modules/") ? null : resolved;
}

function allowsPackage({ packages }: Layer, specifier: string): boolean {
  return packages.some(
    (name) =>
      name === "*" ||
      specifier === name ||
      specifier.startsWith(`${name}/`) ||
      (name === "node:" && specifier.startsWith("node:")),
  );
}

/** What one file imports against the arrows: one line of text each, as a person needs it to mend it. */
function brokenArrows(file: string, text: string): string[] {
  const layer = layerOf(file);
  if (!layer) return [`${file}:1 is in no layer: give its folder a line in LAYERS`];
  return importsOf(text).flatMap(({ specifier, line }) => {
    const imported = target(file, specifier);
    const at = `${file}:${line} imports ${specifier}`;
    if (imported === null)
      return allowsPackage(layer, specifier)
        ? []
        : [`${at}: ${layer.at} may import ${layer.packages.join(", ") || "no package"}`];
    const other = layerOf(imported)?.at ?? "no layer";
    return other === layer.at || layer.may.includes(other)
      ? []
      : [`${at} (${other}): ${layer.at} may import ${layer.may.join(", ") || "nothing of this project"}`];
  });
}

/** Names that hide where something comes from. ESLint says the same, but does not read all of infra/. */
function hiddenNames(file: string, text: string): string[] {
  const found: string[] = [];
  if (/(^|\/)index\.[cm]?[jt]s$/.test(file)) found.push(`${file}:1 is a barrel: name a file by what it does`);
  for (const [index, line] of text.split("\n").entries()) {
    if (/^export \*/.test(line))
      found.push(`${file}:${index + 1} re-exports a file: import it where it is needed`);
    if (/^export default\b/.test(line) && !DEFAULT_EXPORTS.includes(file))
      found.push(`${file}:${index + 1} has a default export: one name everywhere finds every use`);
  }
  return found;
}

/** Our own files that match, without what was installed beside them. */
const filesOf = (...patterns: string[]) =>
  globSync(patterns, { cwd: PROJECT })
    .map((file) => file.replaceAll(path.sep, "/"))
    .filter((file) => !file.includes("node_modules/"))
    .sort();
const SOURCES = filesOf("{shared,functions,agent,infra}/**/*.ts", "sst.config.ts");
const TESTS = filesOf("test/**/*.ts", "*.config.ts");
const read = (file: string) => readFileSync(path.join(PROJECT, file), "utf8");

/** Everything that loading a file loads: what a function's bundle contains. */
function reached(file: string, seen = new Map<string, string>()): Map<string, string> {
  for (const { specifier } of importsOf(read(file))) {
    const imported = target(file, specifier);
    if (seen.has(imported ?? specifier)) continue;
    seen.set(imported ?? specifier, file);
    if (imported !== null) reached(imported, seen);
  }
  return seen;
}

describe("import arrows", () => {
  // Prevents: the domain comes to know a store, or an agent the server's internals, by one convenient import;
  // from then on neither can be tested, replaced or deployed without the other.
  it("no file imports against the arrows", () => {
    expect(SOURCES.length).toBeGreaterThan(150);
    expect(SOURCES.flatMap((file) => brokenArrows(file, read(file)))).toEqual([]);
  });

  // Prevents: a guard that reads nothing, because a folder was renamed or a new form of import is not seen.
  it.each([
    ["a store in the domain", "shared/domain/x.ts", 'import { a } from "../adapters/dynamo/table.ts";'],
    ["a type of a port in the domain", "shared/domain/x.ts", 'import type { A } from "../ports/ports.ts";'],
    ["an SDK in an operation", "shared/operations/x.ts", 'import { Redis } from "@upstash/redis";'],
    ["a clock in the domain", "shared/domain/x.ts", 'import { setTimeout } from "node:timers/promises";'],
    ["an operation in an adapter", "shared/adapters/s3/x.ts", 'import "../../operations/change.ts";'],
    ["a whole zod in the contract's place", "shared/contract/x.ts", 'import { z } from "zod-extra";'],
    ["an adapter in a function", "functions/x.ts", 'import "../shared/adapters/sqs/events.ts";'],
    ["a use case in the edge", "functions/edge/x.ts", 'import "../../shared/operations/change.ts";'],
    ["the domain in an agent", "agent/x.ts", 'const a = await import("../shared/domain/backoff.ts");'],
    ["an AWS SDK in an agent", "agent/x.ts", 'export { a } from "@aws-sdk/client-s3";'],
    ["a handler in the embedded cloud", "infra/local/x.ts", 'import "../../functions/sweep.ts";'],
    ["the embedded cloud in the stack", "infra/x.ts", 'import "./local/cloud.ts";'],
    ["a test in a source", "agent/x.ts", 'import "../test/agent/cloud.ts";'],
    ["a folder without arrows", "lib/x.ts", "export const a = 1;"],
  ])("would catch %s", (_what, file, text) => {
    const found = brokenArrows(file, `\n${text}`);
    expect(found).toHaveLength(1);
    expect(found[0]).toMatch(text.includes("import") || text.includes("from") ? `${file}:2 ` : `${file}:1 `);
  });
});

describe("names", () => {
  // Prevents: a barrel that pulls every SDK into every function's bundle, and a name that searches do not find.
  it("no file is a barrel or exports by default", () => {
    expect([...SOURCES, ...TESTS].flatMap((file) => hiddenNames(file, read(file)))).toEqual([]);
  });

  it.each([
    ["a file named index", "shared/domain/index.ts", "export const a = 1;"],
    ["a re-export of a file", "shared/domain/x.ts", 'export * from "./y.ts";'],
    ["a default export", "infra/x.ts", "export default 1;"],
  ])("would catch %s", (_what, file, text) => {
    expect(hiddenNames(file, text)).toHaveLength(1);
  });
});

describe("the heartbeat", () => {
  // Prevents: every host's beat, every few seconds, paying the start-up time of an SDK or a router it never uses.
  it("loads no AWS SDK, no router and no record", () => {
    const files = reached("functions/heartbeat.ts");
    expect([...files.keys()]).toContain("shared/adapters/upstash/registry.ts");
    const heavy = [...files].filter(([name]) => /^@aws-sdk|^hono|^sst$|adapters\/(dynamo|sqs|s3)/.test(name));
    expect(heavy).toEqual([]);
  });
});
