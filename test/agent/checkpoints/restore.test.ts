import {
  appendFileSync,
  chmodSync,
  existsSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { readGitFacts } from "../../../agent/checkpoints/git-facts.ts";
import { makeCheckpoint } from "../../../agent/checkpoints/make-checkpoint.ts";
import { type RestoreRequest, restore } from "../../../agent/checkpoints/restore.ts";
import { NO_MEMORY, remember } from "../../../agent/checkpoints/session-memory.ts";
import { markTranscript } from "../../../agent/checkpoints/transcript-mark.ts";
import type { CheckpointState } from "../../../shared/contract/checkpoint.ts";
import { git, scratchDirectory } from "../../fixtures/scratch.ts";
import { killAndRestore } from "../../bench/kill-and-restore.ts";
import { createRandom } from "../../bench/random.ts";
import { plantedSecrets } from "../redaction-corpus.ts";

type Scene = { readonly work: string; readonly fresh: string; readonly transcript: string };

/** A session's worktree, with a fresh one beside it where its work is to go on. */
function scene(): Scene {
  const work = scratchDirectory();
  git(work, "init", "-q", "-b", "main");
  for (const name of ["a", "b", "gone"]) writeFileSync(path.join(work, name), `${name}\n`.repeat(20));
  git(work, "add", ".");
  git(work, "commit", "-q", "-m", "base");
  const fresh = path.join(scratchDirectory(), "fresh");
  git(work, "worktree", "add", "-q", "--detach", fresh);
  const transcript = path.join(scratchDirectory(), "own.jsonl");
  writeFileSync(transcript, '{"line":1}\n');
  return { work, fresh, transcript };
}

async function checkpointOf({ work, transcript }: Scene): Promise<CheckpointState> {
  let memory = remember(NO_MEMORY, { type: "session", sessionId: "own", transcriptPath: transcript }, 0);
  memory = remember(memory, { type: "prompt", text: "Mend it" }, 0);
  const [facts, mark] = await Promise.all([readGitFacts(work), markTranscript(transcript)]);
  const agent = { kind: "claude", host: "host_1", cwd: work };
  const task = { id: "task_1", operation: "code", percent: null };
  const state = makeCheckpoint({ memory, git: facts, transcript: mark, agent, task });
  return JSON.parse(JSON.stringify(state)) as CheckpointState;
}

const restoreTo = (state: CheckpointState, dir: string, given: Partial<RestoreRequest> = {}) =>
  restore({ state, dir, taskId: "task_1", host: "host_1", ...given });

/** Everything that a session may leave uncommitted. */
function changeEverything(work: string): void {
  appendFileSync(path.join(work, "a"), "more\n");
  rmSync(path.join(work, "gone"));
  writeFileSync(path.join(work, "with blank\nand line"), "new\n");
  writeFileSync(path.join(work, "binary"), Buffer.from([0, 1, 2, 255]));
  writeFileSync(path.join(work, "empty"), "");
  writeFileSync(path.join(work, "no end"), "no line end");
  writeFileSync(path.join(work, "script"), "#!/bin/sh\n");
  chmodSync(path.join(work, "script"), 0o755);
  symlinkSync("a", path.join(work, "link"));
  git(work, "add", "script");
}

describe("in a clean worktree", () => {
  test("commits and uncommitted changes are put back, and everything fits", async () => {
    const of = scene();
    writeFileSync(path.join(of.work, "b"), "committed\n");
    git(of.work, "commit", "-q", "-a", "-m", "by the agent");
    changeEverything(of.work);
    const restored = await restoreTo(await checkpointOf(of), of.fresh);
    expect(restored).toMatchObject({
      outcome: "restored",
      ownSession: true,
      fidelity: { total: 1, parts: { task: 1, conversation: 1, files: 1, tools: 1 }, findings: [] },
    });
    expect(git(of.fresh, "rev-parse", "HEAD")).toBe(git(of.work, "rev-parse", "HEAD"));
    expect(readFileSync(path.join(of.fresh, "with blank\nand line"), "utf8")).toBe("new\n");
    expect(readFileSync(path.join(of.fresh, "binary"))).toEqual(Buffer.from([0, 1, 2, 255]));
    expect(existsSync(path.join(of.fresh, "gone"))).toBe(false);
  });

  test("any number of times is the same", async () => {
    const of = scene();
    changeEverything(of.work);
    const state = await checkpointOf(of);
    const first = await restoreTo(state, of.fresh);
    for (let time = 0; time < 3; time += 1) expect(await restoreTo(state, of.fresh)).toEqual(first);
    // Where it was made, it is there already.
    expect(await restoreTo(state, of.work)).toEqual(first);
  });

  test("changes are fitted into what was committed elsewhere meanwhile, and what differs is reported", async () => {
    const of = scene();
    const lines = (text: string) => Array.from({ length: 20 }, (_, line) => `${text} ${line}\n`).join("");
    writeFileSync(path.join(of.work, "b"), lines("line"));
    git(of.work, "commit", "-q", "-a", "-m", "lines");
    appendFileSync(path.join(of.work, "b"), "at the end\n");
    writeFileSync(path.join(of.work, "new"), "new\n");
    const state = await checkpointOf(of);
    // Somebody else's: the line before those of the change too, so that it fits by what it was made from alone.
    writeFileSync(
      path.join(of.work, "b"),
      `${"before\n".repeat(30)}${lines("line").replace("line 17", "other")}`,
    );
    git(of.work, "commit", "-q", "-m", "another", "b");
    const head = git(of.work, "rev-parse", "HEAD");
    git(of.fresh, "checkout", "-q", "--detach", "main");
    const restored = await restoreTo(state, of.fresh);
    expect(restored.outcome).toBe("restored");
    expect(git(of.fresh, "rev-parse", "HEAD")).toBe(head);
    expect(readFileSync(path.join(of.fresh, "b"), "utf8")).toMatch(/^before\n[^]*at the end\n$/);
    expect(
      git(of.fresh, "status", "--porcelain")
        .split("\n")
        .map((line) => line.trim()),
    ).toEqual(["M b", "?? new"]);
    expect(restored.fidelity.findings).toEqual(["b has another content."]);
    expect(restored.fidelity.total).toBeLessThan(0.9);
  });

  test("changes that conflict with what was committed meanwhile leave no trace", async () => {
    const of = scene();
    writeFileSync(path.join(of.work, "a"), "one way\n");
    writeFileSync(path.join(of.work, "new"), "new\n");
    const state = await checkpointOf(of);
    rmSync(path.join(of.work, "new"));
    writeFileSync(path.join(of.work, "a"), "another way\n");
    git(of.work, "commit", "-q", "-a", "-m", "another");
    git(of.fresh, "checkout", "-q", "--detach", "main");
    expect((await restoreTo(state, of.fresh)).outcome).toBe("none");
    expect(git(of.fresh, "status", "--porcelain")).toBe("");
  });

  test("changes that do not fit leave no trace", async () => {
    const of = scene();
    writeFileSync(path.join(of.work, "a"), "one way\n");
    const state = await checkpointOf(of);
    const broken = { ...state, files: { ...state.files, diff: state.files?.diff?.replace("-a\n", "-z\n") } };
    const restored = await restoreTo(broken, of.fresh);
    expect(restored.outcome).toBe("none");
    expect(git(of.fresh, "status", "--porcelain")).toBe("");
    expect(restored.fidelity.findings[0]).toContain("do not fit");
    expect(restored.fidelity.total).toBeLessThan(0.9);
  });

  test("a diff that leads outside changes nothing", async () => {
    const of = scene();
    const diff =
      "diff --git a/../out b/../out\nnew file mode 100644\n--- /dev/null\n+++ b/../out\n@@ -0,0 +1 @@\n+x\n";
    const state = await checkpointOf(of);
    const files = { ...state.files, diff };
    const restored = await restoreTo(
      { ...state, files, git: { ...state.git, diffHash: "0".repeat(64) } },
      of.fresh,
    );
    expect(restored.outcome).toBe("none");
    expect(existsSync(path.join(of.fresh, "..", "out"))).toBe(false);
  });
});

describe("nothing is lost", () => {
  test("a worktree with changes of its own is not touched", async () => {
    const of = scene();
    changeEverything(of.work);
    const state = await checkpointOf(of);
    writeFileSync(path.join(of.fresh, "mine"), "mine\n");
    const before = git(of.fresh, "status", "--porcelain");
    const restored = await restoreTo(state, of.fresh);
    expect(restored.outcome).toBe("kept");
    expect(git(of.fresh, "status", "--porcelain")).toBe(before);
    expect(restored.fidelity.total).toBeLessThan(0.9);
  });

  test("a commit that no branch has is not left", async () => {
    const of = scene();
    appendFileSync(path.join(of.work, "b"), "x\n");
    git(of.work, "commit", "-q", "-a", "-m", "by the agent");
    const state = await checkpointOf(of);
    appendFileSync(path.join(of.fresh, "a"), "x\n");
    git(of.fresh, "commit", "-q", "-a", "-m", "nobody's");
    const head = git(of.fresh, "rev-parse", "HEAD");
    expect((await restoreTo(state, of.fresh)).outcome).toBe("kept");
    expect(git(of.fresh, "rev-parse", "HEAD")).toBe(head);
  });

  test("an ignored file where a new one should be is kept", async () => {
    const of = scene();
    writeFileSync(path.join(of.work, "out"), "theirs\n");
    const state = await checkpointOf(of);
    writeFileSync(path.join(of.work, ".git", "info", "exclude"), "out\n");
    writeFileSync(path.join(of.fresh, "out"), "mine\n");
    expect((await restoreTo(state, of.fresh)).outcome).toBe("none");
    expect(readFileSync(path.join(of.fresh, "out"), "utf8")).toBe("mine\n");
  });

  test("what is committed after the checkpoint stays, and counts as there", async () => {
    const of = scene();
    appendFileSync(path.join(of.work, "a"), "more\n");
    const state = await checkpointOf(of);
    git(of.work, "commit", "-q", "-a", "-m", "done after all");
    const restored = await restoreTo(state, of.work);
    expect(restored).toMatchObject({ outcome: "kept", fidelity: { total: 1, parts: { files: 1 } } });
  });
});

describe("what cannot be verified does not count", () => {
  test.each<[string, (of: Scene) => void]>([
    [
      "a file changed",
      ({ fresh }) => {
        appendFileSync(path.join(fresh, "a"), "x");
      },
    ],
    [
      "a file missing",
      ({ fresh }) => {
        rmSync(path.join(fresh, "no end"));
      },
    ],
    [
      "a deleted file back",
      ({ fresh }) => {
        writeFileSync(path.join(fresh, "gone"), "back\n");
      },
    ],
    [
      "a file more",
      ({ fresh }) => {
        writeFileSync(path.join(fresh, "more"), "x\n");
      },
    ],
    [
      "another file changed",
      ({ fresh }) => {
        appendFileSync(path.join(fresh, "b"), "x");
      },
    ],
    [
      "no repository",
      ({ fresh }) => {
        rmSync(path.join(fresh, ".git"));
      },
    ],
  ])("%s is reported as less than .9", async (_name, tamper) => {
    const of = scene();
    changeEverything(of.work);
    const state = await checkpointOf(of);
    await restoreTo(state, of.fresh);
    tamper(of);
    const { fidelity } = await restoreTo(state, of.fresh, { measureOnly: true });
    expect(fidelity.total).toBeLessThan(0.9);
    expect(fidelity.findings.length).toBeGreaterThan(0);
  });

  test("a transcript that is cut, changed, or of another machine is not its own session", async () => {
    const of = scene();
    const state = await checkpointOf(of);
    appendFileSync(of.transcript, '{"line":2}\n');
    expect((await restoreTo(state, of.fresh)).ownSession).toBe(true);
    expect((await restoreTo(state, of.fresh, { host: "host_2" })).ownSession).toBe(false);
    expect((await restoreTo(state, of.fresh, { isIntact: async () => false })).ownSession).toBe(false);
    writeFileSync(of.transcript, '{"line":9}\n{"line":2}\n');
    expect((await restoreTo(state, of.fresh)).ownSession).toBe(false);
    writeFileSync(of.transcript, '{"li');
    const cut = await restoreTo(state, of.fresh);
    expect(cut).toMatchObject({ ownSession: false, fidelity: { parts: { conversation: 1 } } });
    expect(cut.fidelity.findings).toEqual([
      "The agent's own session is not there as it was: 1 of 1 messages are known.",
    ]);
  });

  test("another task than the checkpoint's has nothing of it", async () => {
    const of = scene();
    const { fidelity } = await restoreTo(await checkpointOf(of), of.fresh, { taskId: "task_2" });
    expect(fidelity.parts.task).toBe(0);
    expect(fidelity.findings).toEqual(["The checkpoint is of task task_1, and task task_2 is to go on."]);
  });

  test("changes that hold a secret are not restored, and that is said", async () => {
    const of = scene();
    writeFileSync(path.join(of.work, "env"), `${plantedSecrets(1)[0]?.text ?? ""}\n`);
    const restored = await restoreTo(await checkpointOf(of), of.fresh);
    expect(restored.outcome).toBe("none");
    expect(restored.fidelity.findings).toContain(
      "Uncommitted changes are not restored: they hold a secret, and stayed where they were.",
    );
    expect(restored.fidelity.total).toBeLessThan(0.9);
    // Where they stayed, they fit.
    expect((await restoreTo(await checkpointOf(of), of.work)).fidelity.total).toBe(1);
  });

  test.each<CheckpointState>([
    {},
    { files: {} },
    { git: { head: "nonsense" } },
    { git: { head: "--help", worktree: "/x" } },
  ])("a state that says little restores nothing, and throws nothing: %j", async (state) => {
    const of = scene();
    const restored = await restoreTo(state, of.fresh);
    expect(restored.outcome).not.toBe("restored");
    expect(restored.fidelity.total).toBeLessThan(0.5);
    expect((await restoreTo(state, scratchDirectory())).outcome).toBe("none");
  });
});

test.each([1, 2, 3, 4])("a session killed at a random point goes on as it was (seed %i)", async (seed) => {
  const { fidelity, tampered } = await killAndRestore({
    dir: scratchDirectory(),
    seed,
    random: createRandom(seed),
  });
  expect(fidelity.total).toBeGreaterThanOrEqual(0.9);
  expect(tampered.total).toBeLessThan(0.9);
});
