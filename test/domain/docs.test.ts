import { existsSync, globSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { NOT_IMPLEMENTED } from "../../functions/edge/not-implemented.ts";
import { API } from "../../shared/contract/api.ts";
import { ERRORS } from "../../shared/contract/errors.ts";

const PROJECT = path.resolve(import.meta.dirname, "../..");
const read = (file: string) => readFileSync(path.join(PROJECT, file), "utf8");
const exists = (file: string) => existsSync(path.join(PROJECT, file));

const PARTS =
  "SignalCollector SignalHistoryRepository CheckpointManager CheckpointRepository ResumeDetector SessionRestorer SessionStarter ProcessMonitor AutoRestarter SupervisorDaemon SHIMMetrics OpportunityDetector StatsigIntegration SafetyBounds AutoExperimentEngine RedisConnectionManager TaskQueueWrapper MessageBusWrapper WorkerRegistry ChatCoordinator SessionBalancer".split(
    " ",
  );

/** Routes that are served without a line in the contract's table. */
const OTHER_ROUTES = ["GET /v1/openapi.json"];

/** The text below a heading of the second level, up to the next one. Empty if there is no such heading. */
function section(markdown: string, heading: string): string {
  const [, after = ""] = markdown.split(new RegExp(`^## ${heading}\\s*$`, "m"));
  return after.split(/^## /m)[0] ?? "";
}

/** The rows of all tables, cell by cell, without their headings. */
function rows(markdown: string): string[][] {
  return [...markdown.matchAll(/^\|(.+)\|\s*$/gm)]
    .map(([, row = ""]) => row.split(/(?<!\\)\|/).map((cell) => cell.trim()))
    .filter((_cells, index, all) => !isRule(all[index]) && !isRule(all[index + 1]));
}

function isRule(cells: readonly string[] | undefined): boolean {
  return cells?.every((cell) => /^:?-+:?$/.test(cell)) ?? false;
}

/** Paths of this project that a text names in code style. */
function namedFiles(markdown: string): string[] {
  return [...markdown.matchAll(/`((?:agent|docs|functions|infra|shared|test)\/[\w./-]*)`/g)].map(
    ([, file = ""]) => file,
  );
}

function namedRoutes(markdown: string): string[] {
  return [...markdown.matchAll(/`(GET|POST|DELETE) (\/[\w./{}-]*)`/g)].map(
    ([, method = "", at = ""]) => `${method} ${at}`,
  );
}

/** Links to files of this project that lead nowhere, or to a heading that is not there. */
function brokenLinks(file: string, markdown: string): string[] {
  const links = [...markdown.matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = ""]) => link);
  return links
    .filter((link) => !/^[a-z]+:/.test(link))
    .flatMap((link) => {
      const [target = "", anchor] = link.split("#");
      const to = target === "" ? file : path.posix.join(path.posix.dirname(file), target);
      if (!exists(to)) return [`${file}: ${link}`];
      return anchor === undefined || headings(read(to)).includes(anchor) ? [] : [`${file}: ${link}`];
    });
}

/** Headings as GitHub turns them into anchors. */
function headings(markdown: string): string[] {
  return [...markdown.matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-"),
  );
}

describe("ARCHITECTURE.md", () => {
  const text = read("docs/ARCHITECTURE.md");

  // Prevents: a trace that sends its reader to files that were renamed months ago.
  it.each([
    ["Trace: a heartbeat", 9],
    ["Trace: a task", 11],
  ])("%s: each stop is a file that exists, and has a sentence, a key and an invariant", (heading, stops) => {
    const table = rows(section(text, heading));
    expect(table.length).toBeGreaterThanOrEqual(stops);
    for (const cells of table) {
      expect(namedFiles(cells[0] ?? "")).toHaveLength(1);
      expect(cells.map((cell) => cell !== "")).toEqual([true, true, true, true]);
    }
  });

  it("names no file that does not exist", () => {
    const named = namedFiles(text);
    expect(named.length).toBeGreaterThan(50);
    expect(named.filter((file) => !exists(file))).toEqual([]);
  });

  // Prevents: a part that is neither there nor admitted to be missing.
  it("lists each of the 21 parts with its files or what is missing", () => {
    const table = rows(section(text, "The 21 parts of SHIM"));
    expect(table.map(([part]) => part)).toEqual(PARTS);
    for (const [part, state = "", files = ""] of table) {
      expect(["built", "partly", "not built yet"], part).toContain(state);
      if (state !== "not built yet") expect(namedFiles(files).length, part).toBeGreaterThan(0);
    }
  });

  it("lists every decision", () => {
    const listed = section(text, "Decisions");
    for (const file of globSync("docs/decisions/*.md", { cwd: PROJECT }))
      expect(listed).toContain(`(decisions/${path.basename(file)})`);
  });
});

describe("PROTOCOL.md", () => {
  const text = read("docs/PROTOCOL.md");

  // Prevents: a client that meets a code nobody told it about, or waits for one that is never sent.
  it("gives every error code with its status, a cause and a cure, and no other", () => {
    const table = rows(section(text, "Errors"));
    const documented = table.map(([code = "", status]) => [code.replaceAll("`", ""), Number(status)]);
    expect(documented.sort()).toEqual(
      Object.entries(ERRORS)
        .map(([code, { status }]) => [code, status])
        .sort(),
    );
    for (const [code, , cause, cure] of table) expect([cause, cure], code).not.toContain("");
  });

  // Prevents: a route that only its author can use, and one that is promised and gone.
  it("has every route that is built, and no other", () => {
    const built = Object.values(API).map(({ method, path: at }) => `${method} ${at}`);
    const documented = rows(section(text, "Routes")).flatMap(([route = ""]) => namedRoutes(route));
    expect(documented.sort()).toEqual([...built, ...OTHER_ROUTES].sort());
  });

  // Prevents: a route that is built and still called missing, or that is missing and sounds built.
  it("says of every route that is not built that it is not", () => {
    const missing = NOT_IMPLEMENTED.map(([method, at]) => `${method} ${at.replaceAll(/:(\w+)/g, "{$1}")}`);
    const documented = rows(section(text, "Not built yet")).flatMap(([route = ""]) => namedRoutes(route));
    expect(documented.sort()).toEqual(missing.sort());
  });
});

describe("all pages", () => {
  const pages = globSync(["*.md", "docs/**/*.md"], { cwd: PROJECT }).map((file) =>
    file.replaceAll(path.sep, "/"),
  );

  // Prevents: a link that ends in a 404 for the reader who needed it.
  it("have no broken link among themselves", () => {
    expect(pages).toContain("README.md");
    expect(pages.flatMap((file) => brokenLinks(file, read(file)))).toEqual([]);
  });

  // Prevents: a change that users meet without having been told, because there was no place to say it.
  it("the changelog has a Pending section, first, with something in it", () => {
    const changelog = read("CHANGELOG.md");
    expect(/^## .*$/m.exec(changelog)?.[0]).toBe("## Pending");
    expect(section(changelog, "Pending")).toMatch(/^- \S/m);
  });
});

describe("the guards above", () => {
  // Prevents: a guard that passes because it reads nothing.
  it("would catch a broken link, a heading that is gone, and a file that does not exist", () => {
    expect(brokenLinks("docs/X.md", "[a](GONE.md) [b](../README.md) [c](https://example.com)")).toEqual([
      "docs/X.md: GONE.md",
    ]);
    expect(brokenLinks("README.md", "[a](#try-it) [b](docs/PROTOCOL.md#gone)")).toEqual([
      "README.md: docs/PROTOCOL.md#gone",
    ]);
    expect(namedFiles("`shared/gone.ts` and `infra/`, not gone.ts")).toEqual(["shared/gone.ts", "infra/"]);
    expect(rows("| A | B |\n| --- | --- |\n| `GET /a` | x |\n")).toEqual([["`GET /a`", "x"]]);
    expect(section("## A\none\n## B\ntwo\n", "B")).toBe("\ntwo\n");
    expect(section("## A\none\n", "B")).toBe("");
  });
});
