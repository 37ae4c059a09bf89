import { execFileSync } from "node:child_process";
import { appendFileSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { CheckpointState } from "../../shared/contract/checkpoint.ts";
import type { Fidelity } from "../../agent/checkpoints/fidelity.ts";
import { readGitFacts } from "../../agent/checkpoints/git-facts.ts";
import { makeCheckpoint } from "../../agent/checkpoints/make-checkpoint.ts";
import { restore } from "../../agent/checkpoints/restore.ts";
import { markTranscript } from "../../agent/checkpoints/transcript-mark.ts";
import {
  type TriggerEvent,
  checkpointed,
  decideTrigger,
  startTriggers,
} from "../../agent/checkpoints/triggers.ts";
import {
  type PlayedSession,
  type ScriptedStep,
  makeScratchRepository,
  playSession,
  scriptSession,
} from "../fixtures/scripted-session.ts";

export type KillResult = {
  readonly fidelity: Fidelity;
  /** Measured again after the worktree was tampered with. */
  readonly tampered: Fidelity;
  readonly how: string;
  readonly restoreMs: number;
  readonly checkpoints: number;
};

export type KillRequest = {
  /** Empty. */
  readonly dir: string;
  readonly seed: number;
  readonly random: () => number;
};

const HOST = "host_1";
const TASK = "task_1";
const STEP_MS = 20_000;

/**
 * Plays a session up to a random step, with the checkpoints that are due, and the one of its crash. Then goes on in a
 * fresh worktree of where it began.
 */
export async function killAndRestore({ dir, seed, random }: KillRequest): Promise<KillResult> {
  const work = path.join(dir, "work");
  mkdirSync(work);
  makeScratchRepository(work, seed);
  const base = git(work, "rev-parse", "HEAD");
  const steps = scriptSession(seed);
  const transcript = path.join(dir, "transcript.jsonl");
  const session = playSession(work, transcript, `own-${seed}`);
  const killAt = 1 + Math.floor(random() * steps.length);
  const { state, checkpoints } = await playUntil(session, steps.slice(0, killAt), work, transcript);
  const fresh = path.join(dir, "fresh");
  git(work, "worktree", "add", "--quiet", "--detach", fresh, base);
  const request = { state: carried(state), dir: fresh, taskId: TASK, host: HOST };
  const began = performance.now();
  const { fidelity } = await restore(request);
  const restoreMs = performance.now() - began;
  const how = tamper(fresh, state, random);
  const tampered = (await restore({ ...request, measureOnly: true })).fidelity;
  return { fidelity, tampered, how, restoreMs, checkpoints };
}

/** As it comes back from the control plane. */
const carried = (state: CheckpointState) => JSON.parse(JSON.stringify(state)) as CheckpointState;

async function playUntil(
  session: PlayedSession,
  steps: readonly ScriptedStep[],
  work: string,
  transcript: string,
): Promise<{ state: CheckpointState; checkpoints: number }> {
  let triggers = startTriggers(0);
  let checkpoints = 0;
  let nowMs = 0;
  const checkpoint = async () => {
    checkpoints += 1;
    const [facts, mark] = await Promise.all([readGitFacts(work), markTranscript(transcript)]);
    const agent = { kind: "claude", host: HOST, cwd: work };
    const task = { id: TASK, operation: "code", percent: null };
    return makeCheckpoint({ memory: session.memory(), git: facts, transcript: mark, agent, task });
  };
  for (const step of steps) {
    nowMs += STEP_MS;
    session.play(step, nowMs);
    const decided = decideTrigger(triggers, triggerEvent(step), nowMs);
    triggers = decided.state;
    if (decided.trigger === null) continue;
    await checkpoint();
    triggers = checkpointed(triggers, nowMs);
  }
  return { state: await checkpoint(), checkpoints };
}

function triggerEvent(step: ScriptedStep): TriggerEvent {
  if (step.kind === "change") return { type: "tick" };
  if (step.event.type === "tool_ended") return { type: "tool_ended" };
  if (step.event.type === "tool_started") return { type: "tool_started", command: step.event.summary };
  return { type: "activity" };
}

/** One difference, of a kind that is possible here. */
function tamper(dir: string, state: CheckpointState, random: () => number): string {
  const hashes = Object.entries(state.files?.["fileHashes"] as Record<string, string | null>);
  const there = hashes.flatMap(([name, hash]) => (hash === null ? [] : [name]));
  const file = there[Math.floor(random() * there.length)];
  const kind = Math.floor(random() * 4);
  if (file !== undefined && kind === 0) {
    appendFileSync(path.join(dir, file), "x");
    return `a byte more in ${file}`;
  }
  if (file !== undefined && kind === 1) {
    rmSync(path.join(dir, file));
    return `${file} deleted`;
  }
  if (kind === 2) {
    // A commit that the checkpoint's is not part of.
    const tree = git(dir, "rev-parse", "HEAD^{tree}");
    git(dir, "update-ref", "--no-deref", "HEAD", git(dir, "commit-tree", tree, "-m", "another"));
    return "HEAD moved";
  }
  writeFileSync(path.join(dir, "another file"), "x\n");
  return "a file added";
}

function git(dir: string, ...args: readonly string[]): string {
  const identity = ["-c", "user.name=test", "-c", "user.email=test@example.com"];
  return execFileSync("git", ["-C", dir, ...identity, ...args], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
  }).trim();
}
