import { readdirSync, utimesSync, writeFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { openPublications, refComponent } from "../../agent/worker/publications.ts";
import { git, scratchDirectory } from "../fixtures/scratch.ts";

const PREFIX = "refs/shim/results";

function repository(): string {
  const dir = scratchDirectory();
  git(dir, "init", "-q", "-b", "main");
  return dir;
}

function commitIn(dir: string, text: string): string {
  git(dir, "commit", "-q", "--allow-empty", "-m", text);
  return git(dir, "rev-parse", "HEAD");
}

const notesOf = (repo: string) => path.join(repo, ".git", "shim", "unpublished");

test("a publication is keyed by task and fence, and never moves what is there", async () => {
  const repo = repository();
  const publications = await openPublications(repo, PREFIX);
  const [first, second] = [commitIn(repo, "first"), commitIn(repo, "second")];
  const publication = publications.prepare("task_1", 7, first);
  expect(publication.ref).toBe("refs/shim/results/task_1/7");
  expect(await publication.publish()).toBe("published");
  expect(await publication.publish()).toBe("already published");
  await expect(publications.prepare("task_1", 7, second).publish()).rejects.toThrow("update-ref");
  expect(git(repo, "rev-parse", publication.ref)).toBe(first);
});

test("what is noted is found again, from any worktree and under any prefix, until it is forgotten", async () => {
  const repo = repository();
  const commit = commitIn(repo, "one");
  const noted = (await openPublications(repo, PREFIX)).prepare("task_1", 7, commit);
  await noted.note();
  const worktree = path.join(scratchDirectory(), "linked");
  git(repo, "worktree", "add", "-q", "--detach", worktree);
  const later = await openPublications(worktree, "refs/other");
  const [found, ...others] = await later.leftovers();
  expect(found).toMatchObject({ taskId: "task_1", fence: 7, commit, ref: "refs/shim/results/task_1/7" });
  expect(others).toEqual([]);
  expect(await found?.publish()).toBe("published");
  await found?.forget();
  expect(await later.leftovers()).toEqual([]);
  expect(readdirSync(notesOf(repo))).toEqual([]);
});

test("a note that is damaged or half written is passed over, and one older than any ended task is removed", async () => {
  const repo = repository();
  const publications = await openPublications(repo, PREFIX);
  const commit = commitIn(repo, "one");
  await publications.prepare("old", 1, commit).note();
  const [old = ""] = readdirSync(notesOf(repo));
  const longAgo = new Date(Date.now() - 31 * 86_400_000);
  utimesSync(path.join(notesOf(repo), old), longAgo, longAgo);
  for (const name of ["damaged.json", "half.json.tmp"])
    writeFileSync(path.join(notesOf(repo), name), '{"taskId":');
  await publications.prepare("whole", 1, commit).note();
  expect((await publications.leftovers()).map(({ taskId }) => taskId)).toEqual(["whole"]);
  expect(readdirSync(notesOf(repo))).toHaveLength(3);
  expect(readdirSync(notesOf(repo))).not.toContain(old);
});

test("every task id makes a valid ref, and no two the same", () => {
  const repo = repository();
  const ids = ["task_1", "a.b", "a..b", ".a", "a.", "a.lock", "-", "hex-61", "a", "A"];
  const components = ids.map(refComponent);
  for (const component of components)
    expect(() => git(repo, "check-ref-format", `refs/shim/${component}/1`)).not.toThrow();
  expect(new Set(components).size).toBe(ids.length);
  expect(refComponent("task_1")).toBe("task_1");
});
