import { createHash } from "node:crypto";
import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import {
  DIFF_BYTES_LIMIT,
  type GitFacts,
  UNTRACKED_BYTES_LIMIT,
  readGitFacts,
} from "../../../agent/checkpoints/git-facts.ts";
import { hashFiles } from "../../../agent/checkpoints/file-hashes.ts";
import { git, scratchDirectory } from "../../fixtures/scratch.ts";

function repository(): string {
  const dir = scratchDirectory();
  git(dir, "init", "-q", "-b", "main");
  writeFileSync(path.join(dir, "file"), "one\n");
  writeFileSync(path.join(dir, ".gitignore"), "ignored\n");
  git(dir, "add", ".");
  git(dir, "commit", "-q", "-m", "one");
  return dir;
}

async function factsOf(dir: string): Promise<GitFacts> {
  const facts = await readGitFacts(dir);
  if ("none" in facts) throw new Error(facts.none);
  return facts;
}

const sha256 = (text: string | Buffer) => createHash("sha256").update(text).digest("hex");

test("a clean worktree has an empty diff", async () => {
  const dir = repository();
  expect(await factsOf(dir)).toEqual({
    top: dir,
    head: git(dir, "rev-parse", "HEAD"),
    branch: "main",
    modified: [],
    staged: [],
    untracked: [],
    diff: "",
    diffOmitted: null,
    diffBytes: 0,
    diffHash: sha256(""),
    diffWithout: [],
    fileHashes: {},
  });
});

test("what was modified, staged, deleted and added is told apart, and is all in the diff", async () => {
  const dir = repository();
  for (const name of ["staged", "gone"]) writeFileSync(path.join(dir, name), "x\n");
  git(dir, "add", "gone");
  git(dir, "commit", "-q", "-m", "two");
  appendFileSync(path.join(dir, "file"), "two\n");
  git(dir, "add", "staged");
  rmSync(path.join(dir, "gone"));
  writeFileSync(path.join(dir, "new"), "new\n");
  writeFileSync(path.join(dir, "ignored"), "x\n");
  const facts = await factsOf(dir);
  expect(facts).toMatchObject({ modified: ["file", "gone"], staged: ["staged"], untracked: ["new"] });
  expect(facts.fileHashes).toEqual({
    file: sha256("one\ntwo\n"),
    gone: null,
    new: sha256("new\n"),
    staged: sha256("x\n"),
  });
  for (const name of ["file", "gone", "new", "staged"])
    expect(facts.diff).toContain(`diff --git a/${name} b/${name}`);
  expect(facts.diff).not.toContain("ignored");
  expect(facts.diffHash).toBe(sha256(facts.diff ?? ""));
});

test("the user's index is not changed, nor is anything of untracked files written into the repository", async () => {
  const dir = repository();
  writeFileSync(path.join(dir, "new"), "new\n");
  appendFileSync(path.join(dir, "file"), "two\n");
  const index = readFileSync(path.join(dir, ".git", "index"));
  await factsOf(dir);
  expect(readFileSync(path.join(dir, ".git", "index")).equals(index)).toBe(true);
  const object = git(dir, "hash-object", "new");
  expect(() => git(dir, "cat-file", "-e", object)).toThrow();
  expect(git(dir, "status", "--porcelain", "--", "new")).toBe("?? new");
});

test("a change of the same size within one tick of the clock after the index was written is seen", async () => {
  const dir = repository();
  const file = path.join(dir, "file");
  // Times that tell nothing, as those within a tick: of the file before and after, and of the index.
  git(dir, "config", "core.trustctime", "false");
  git(dir, "config", "core.checkStat", "minimal");
  utimesSync(file, 1_000_000, 1_000_000);
  git(dir, "add", "file");
  writeFileSync(file, "two\n");
  utimesSync(file, 1_000_000, 1_000_000);
  utimesSync(path.join(dir, ".git", "index"), 1_000_000, 1_000_000);
  writeFileSync(path.join(dir, "new"), "x\n");
  expect((await factsOf(dir)).diff).toContain("+two");
});

test("a worktree of a repository, and a folder below its top, have the facts of the worktree", async () => {
  const dir = repository();
  const other = path.join(scratchDirectory(), "other");
  git(dir, "worktree", "add", "-q", "-b", "side", other);
  mkdirSync(path.join(other, "below"));
  writeFileSync(path.join(other, "below", "new"), "x\n");
  const facts = await factsOf(path.join(other, "below"));
  expect(facts).toMatchObject({ top: other, branch: "side", untracked: ["below/new"] });
  expect(facts.diff).toContain("+++ b/below/new");
});

describe("names of files", () => {
  test.each([
    "with blank",
    "line\nend",
    "tab\tin",
    "ünïcödé 😀",
    "-dash",
    "quote'\"",
    ":(glob)*",
    "*",
    "back\\slash",
  ])("may be %j", async (name) => {
    const dir = repository();
    writeFileSync(path.join(dir, name), "x\n");
    const facts = await factsOf(dir);
    expect(facts.untracked).toEqual([name]);
    expect(facts.fileHashes).toEqual({ [name]: sha256("x\n") });
    expect(facts.diff?.match(/^diff --git/gm)).toHaveLength(1);
  });

  test("that are no UTF-8 are in the diff too", async () => {
    const dir = repository();
    writeFileSync(Buffer.concat([Buffer.from(`${dir}/`), Buffer.of(0x66, 0xff)]), "x\n");
    const facts = await factsOf(dir);
    expect(facts.diff).toContain("+x");
    expect(facts.fileHashes).toEqual({});
  });
});

test("there are no facts where there is no repository", async () => {
  expect(await readGitFacts(scratchDirectory())).toEqual({
    none: expect.stringContaining("not a git repository") as string,
  });
  expect(await readGitFacts("/nonexistent")).toHaveProperty("none");
});

test("before the first commit everything is new", async () => {
  const dir = scratchDirectory();
  git(dir, "init", "-q", "-b", "main");
  expect(await factsOf(dir)).toMatchObject({ head: null, branch: "main", diff: "" });
  writeFileSync(path.join(dir, "new"), "x\n");
  const facts = await factsOf(dir);
  expect(facts).toMatchObject({ head: null, untracked: ["new"], diffOmitted: null });
  expect(facts.diff).toContain("+x");
});

test("a detached HEAD is on no branch", async () => {
  const dir = repository();
  git(dir, "checkout", "-q", "--detach");
  expect((await factsOf(dir)).branch).toBeNull();
});

describe("a diff that cannot be carried has its hash, and says why", () => {
  test("past the limit", async () => {
    const dir = repository();
    writeFileSync(path.join(dir, "file"), "0123456789\n".repeat(DIFF_BYTES_LIMIT / 10));
    const facts = await factsOf(dir);
    expect(facts).toMatchObject({ diff: null, diffOmitted: "too_large" });
    expect(facts.diffBytes).toBeGreaterThan(DIFF_BYTES_LIMIT);
    expect(facts.diffHash).toMatch(/^[0-9a-f]{64}$/);
  });

  test("in another encoding", async () => {
    const dir = repository();
    writeFileSync(path.join(dir, "file"), Buffer.from("gr\xfc\xdfe\n", "latin1"));
    expect(await factsOf(dir)).toMatchObject({ diff: null, diffOmitted: "encoding" });
  });
});

test("a huge untracked file is named, and not in the diff", async () => {
  const dir = repository();
  writeFileSync(path.join(dir, "huge"), Buffer.alloc(UNTRACKED_BYTES_LIMIT + 1));
  writeFileSync(path.join(dir, "new"), "x\n");
  const facts = await factsOf(dir);
  expect(facts).toMatchObject({ untracked: ["huge", "new"], diffWithout: ["huge"] });
  expect(facts.diff).not.toContain("huge");
});

test("a repository inside is named, and not in the diff; a submodule is a commit", async () => {
  const dir = repository();
  const inner = repository();
  git(dir, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", inner, "sub");
  git(dir, "commit", "-q", "-m", "sub");
  expect((await factsOf(dir)).diff).toBe("");
  writeFileSync(path.join(dir, "sub", "file"), "two\n");
  git(path.join(dir, "sub"), "commit", "-q", "-a", "-m", "two");
  git(dir, "clone", "-q", inner, path.join(dir, "nested"));
  const facts = await factsOf(dir);
  expect(facts).toMatchObject({ modified: ["sub"], untracked: ["nested/"], diffWithout: ["nested/"] });
  expect(facts.diff).toContain("+Subproject commit");
});

test("nothing outside of the worktree is read", async () => {
  const dir = repository();
  const outside = scratchDirectory();
  writeFileSync(path.join(outside, "secret"), "outside\n");
  symlinkSync(path.join(outside, "secret"), path.join(dir, "link"));
  symlinkSync(outside, path.join(dir, "folder"));
  const facts = await factsOf(dir);
  expect(JSON.stringify(facts)).not.toContain(sha256("outside\n"));
  expect(facts.diff).not.toContain("+outside");
  const names = ["../secret", "folder/secret", "/etc/passwd", `${outside}/secret`, "link"];
  const hashes = await hashFiles(dir, names);
  expect(Object.keys(hashes).filter((name) => name !== "link" && hashes[name] !== null)).toEqual([]);
});

test("the same change has the same hash, whatever is configured", async () => {
  const dir = repository();
  appendFileSync(path.join(dir, "file"), "two\n");
  const { diffHash } = await factsOf(dir);
  const ran = path.join(scratchDirectory(), "ran");
  const script = path.join(dir, ".git", "external");
  writeFileSync(script, `#!/bin/sh\ntouch ${ran}\n`);
  chmodSync(script, 0o755);
  for (const [name, value] of [
    ["diff.external", script],
    ["core.fsmonitor", script],
    ["core.pager", script],
    ["diff.noprefix", "true"],
    ["diff.mnemonicPrefix", "true"],
    ["diff.context", "9"],
    ["diff.algorithm", "patience"],
    ["diff.renames", "copies"],
    ["diff.orderFile", "nonexistent"],
    ["diff.relative", "true"],
    ["color.ui", "always"],
    ["core.quotePath", "false"],
    ["status.showUntrackedFiles", "no"],
  ] as const)
    git(dir, "config", name, value);
  expect((await factsOf(dir)).diffHash).toBe(diffHash);
  expect(() => readFileSync(ran)).toThrow();
});
