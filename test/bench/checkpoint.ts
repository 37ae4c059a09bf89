import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { gzipSync } from "node:zlib";
import { readGitFacts } from "../../agent/checkpoints/git-facts.ts";
import { type CheckpointInput, makeCheckpoint } from "../../agent/checkpoints/make-checkpoint.ts";
import { NO_MEMORY, remember } from "../../agent/checkpoints/session-memory.ts";
import { markTranscript } from "../../agent/checkpoints/transcript-mark.ts";
import { makeScratchRepository, medianSession, scriptSession } from "../fixtures/scripted-session.ts";
import type { BenchRow, Benchmark } from "./benchmark.ts";
import { startHooksAndResume } from "./hooks-and-resume.ts";
import { killAndRestore } from "./kill-and-restore.ts";
import { percentile } from "./percentile.ts";
import { createRandom } from "./random.ts";

const CHECKPOINTS = 100;
const KILLS = 50;
const MS_LIMIT = 100;
const DETECTION_MS_LIMIT = 50;
const HOOK_MS_LIMIT = 5;
const BYTES_LIMIT = 100 * 1024;
/** A tenth at most may be lost after a kill; tampering must be reported as more than a tenth. */
const FIDELITY = 0.9;
const LOSS_LIMIT = 0.1;
const TAMPERED_LIMIT = 0.899;

/** Making, carrying and restoring checkpoints: real files, real git, real processes. */
export const measureCheckpoints: Benchmark = async ({ n, seed, onProgress }) => {
  const scratch = mkdtempSync(path.join(tmpdir(), "shim-checkpoint-"));
  try {
    const making = await measureMaking(path.join(scratch, "median"), seed, n ?? CHECKPOINTS, onProgress);
    const restoring = await measureKills(path.join(scratch, "kills"), seed, n ?? KILLS, onProgress);
    const asked = await measureAnswers(path.join(scratch, "median"), seed, n ?? CHECKPOINTS, onProgress);
    const measured = [making, restoring, asked];
    return { rows: measured.flatMap(({ rows }) => rows), notes: measured.flatMap(({ notes }) => notes) };
  } finally {
    rmSync(scratch, { recursive: true, force: true, maxRetries: 5 });
  }
};

type Measured = { readonly rows: readonly BenchRow[]; readonly notes: readonly string[] };
type Progress = (line: string) => void;

const row = (name: string, ours: number, unit: string, limit: number | null, n: number): BenchRow => ({
  name,
  ours: Math.round(ours * 1_000) / 1_000,
  unit,
  peer: null,
  limit,
  ratio: null,
  n,
});

/** A session of 200 messages in a repository with a dozen changed files. */
async function measureMaking(dir: string, seed: number, n: number, onProgress: Progress): Promise<Measured> {
  mkdirSync(dir, { recursive: true });
  makeScratchRepository(dir, seed);
  for (const step of scriptSession(seed, 30))
    if (step.kind === "change" && !step.what.startsWith("git ")) step.make(dir);
  const transcript = `${dir}.jsonl`;
  const events = medianSession(seed);
  writeFileSync(transcript, events.map((event) => JSON.stringify(event)).join("\n"));
  const memory = events.reduce((before, event, at) => remember(before, event, at * 1_000), NO_MEMORY);
  const times: number[] = [];
  const sizes: number[] = [];
  let changed = 0;
  for (let round = 0; round < n; round += 1) {
    const began = performance.now();
    const [git, mark] = await Promise.all([readGitFacts(dir), markTranscript(transcript)]);
    const body = JSON.stringify(makeCheckpoint(inputOf(memory, git, mark, dir)));
    const compressed = gzipSync(body);
    times.push(performance.now() - began);
    sizes.push(compressed.length);
    if (!("none" in git)) changed = git.modified.length + git.untracked.length;
    if (round % 25 === 0) onProgress(`checkpoint ${round} of ${n}: ${times.at(-1)?.toFixed(1) ?? "-"} ms`);
  }
  return {
    rows: [
      row("making a checkpoint, p95", percentile(times, 0.95), "ms", MS_LIMIT, n),
      row("making a checkpoint, median", percentile(times, 0.5), "ms", null, n),
      row("a checkpoint compressed", percentile(sizes, 0.5), "bytes", BYTES_LIMIT, n),
    ],
    notes: [
      `Made of ${memory.counts.messages} messages, ${memory.counts.toolCalls} tool calls and ${changed} changed files; git's processes, reading, redaction and compression count.`,
    ],
  };
}

/** What an agent waits for: the control plane's brief when it starts, and its supervisor with each tool call. */
async function measureAnswers(dir: string, seed: number, n: number, onProgress: Progress): Promise<Measured> {
  onProgress("starting the embedded cloud");
  const memory = medianSession(seed).reduce(
    (before, event, at) => remember(before, event, at * 1_000),
    NO_MEMORY,
  );
  const state = makeCheckpoint(inputOf(memory, await readGitFacts(dir), null, dir));
  const asked = await startHooksAndResume(state, dir);
  try {
    const [detections, hooks]: [number[], number[]] = [[], []];
    for (let round = 0; round < n; round += 1) {
      detections.push(await asked.detectResume());
      hooks.push(await asked.answerHooks(round));
    }
    return {
      rows: [
        row("detecting what to resume, p95", percentile(detections, 0.95), "ms", DETECTION_MS_LIMIT, n),
        row("a tool call's hooks, supervisor's time, p95", percentile(hooks, 0.95), "ms", HOOK_MS_LIMIT, n),
        row("a tool call's hooks, supervisor's time, median", percentile(hooks, 0.5), "ms", null, n),
      ],
      notes: [
        "Detection is GET /v1/sessions/{id}/resume on the embedded cloud; hooks are PreToolUse and PostToolUse of one call together.",
      ],
    };
  } finally {
    await asked.close();
  }
}

function inputOf(
  memory: CheckpointInput["memory"],
  git: CheckpointInput["git"],
  transcript: CheckpointInput["transcript"],
  cwd: string,
): CheckpointInput {
  const agent = { kind: "claude", host: "host_1", cwd };
  return { memory, git, transcript, agent, task: { id: "task_1", operation: "code", percent: 40 } };
}

/** A session that is killed at a random point, and gone on with in a fresh worktree. */
async function measureKills(dir: string, seed: number, n: number, onProgress: Progress): Promise<Measured> {
  const random = createRandom(seed);
  const fidelities: number[] = [];
  const tampered: number[] = [];
  const times: number[] = [];
  let made = 0;
  for (let kill = 0; kill < n; kill += 1) {
    const place = path.join(dir, String(kill));
    mkdirSync(place, { recursive: true });
    const result = await killAndRestore({ dir: place, seed: seed * 1_000 + kill, random });
    fidelities.push(result.fidelity.total);
    tampered.push(result.tampered.total);
    times.push(result.restoreMs);
    made += result.checkpoints;
    if (result.fidelity.total < FIDELITY) onProgress(`kill ${kill}: ${JSON.stringify(result.fidelity)}`);
    if (result.tampered.total >= FIDELITY)
      onProgress(`kill ${kill}: ${result.how} was not reported: ${JSON.stringify(result.tampered)}`);
    if (kill % 10 === 0) onProgress(`kill ${kill} of ${n}`);
    rmSync(place, { recursive: true, force: true, maxRetries: 5 });
  }
  const lowest = Math.min(...fidelities);
  return {
    rows: [
      row("fidelity lost after a kill, worst", 1 - lowest, "of 1", LOSS_LIMIT, n),
      row("fidelity of tampered files, highest", Math.max(...tampered), "of 1", TAMPERED_LIMIT, n),
      row("restoring and measuring, p95", percentile(times, 0.95), "ms", null, n),
    ],
    notes: [
      `Fidelity after a kill: lowest ${lowest}, median ${percentile(fidelities, 0.5)}; ${made} checkpoints were made on the way.`,
      "Each worktree was then tampered with in one way: a file changed, deleted or added, or HEAD moved.",
    ],
  };
}
