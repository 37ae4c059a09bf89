import { fork } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { bundleFiles } from "./bundle-program.ts";
import type { Edit } from "./bundle-program.ts";
import { installPlatform } from "./install-platform.ts";
import type { Progress } from "./install-platform.ts";
import { offlineEnv } from "./offline-env.ts";
import { BUNDLED_FILE } from "./synthesis.ts";
import type { SynthAnswer, SynthFunction, Synthesis } from "./synthesis.ts";

/** A few seconds on an idle machine; seen past a minute on two cores with ten times their work. */
export const SYNTH_TIMEOUT_MS = 180_000;
/** Characters of the child's own output worth showing when it fails. */
const OUTPUT_TAIL = 2_000;

export type SynthOptions = {
  /** Folder of sst.config.ts. */
  readonly root: string;
  readonly stage: string;
  /** What whoever deploys chose, by the variables of infra/options.ts. */
  readonly choices?: Readonly<Record<string, string>>;
  /** Builds the stack as if a file of it were another. */
  readonly edit?: Edit;
  /** Functions of an earlier synth, which are not bundled again where they would be bundled the same way. */
  readonly bundled?: readonly SynthFunction[];
  /** For the run alone; an installation before it has limits of its own. */
  readonly timeoutMs?: number;
  readonly onProgress?: Progress;
};

function runChild(
  { root, stage, choices, edit, timeoutMs = SYNTH_TIMEOUT_MS }: SynthOptions,
  work: string,
): Promise<Synthesis> {
  const child = fork(
    path.join(import.meta.dirname, "child.ts"),
    [root, stage, work, JSON.stringify(edit ?? null)],
    {
      cwd: root,
      env: { ...offlineEnv(), ...choices },
      execArgv: [],
      stdio: ["ignore", "pipe", "pipe", "ipc"],
    },
  );
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream?.on("data", (chunk: Buffer) => (output += chunk.toString()));
  return new Promise((resolve, reject) => {
    let answer: SynthAnswer | null = null;
    const timer = setTimeout(() => {
      answer = { kind: "failed", message: `It did not end within ${timeoutMs} ms.` };
      child.kill("SIGKILL");
    }, timeoutMs);
    child.on("message", (message) => (answer ??= message as SynthAnswer));
    child.once("error", reject);
    child.once("close", (code) => {
      clearTimeout(timer);
      if (answer?.kind === "done") {
        resolve(answer.synthesis);
        return;
      }
      const why = answer?.message ?? `Its process ended with ${code ?? "a signal"} and no answer.`;
      reject(
        new Error(
          [`The stack of stage "${stage}" cannot be built. ${why}`, output.slice(-OUTPUT_TAIL)]
            .join("\n")
            .trim(),
        ),
      );
    });
  });
}

/**
 * Runs sst.config.ts for one stage with SST's real components and no account, and lists what it would deploy.
 * Installs SST's components first if they are missing.
 *
 * @throws Error saying what in the stack failed, or that the run took longer than `timeoutMs`
 */
export async function synthesize(options: SynthOptions): Promise<Synthesis> {
  const { root, stage, onProgress } = options;
  const progress = onProgress ?? (() => undefined);
  await installPlatform(root, progress);
  await mkdir(path.join(root, ".sst"), { recursive: true });
  const work = await mkdtemp(path.join(root, ".sst/synth-"));
  try {
    progress(`running the stack of stage ${stage} under mocks`);
    if (options.bundled) await writeFile(path.join(work, BUNDLED_FILE), JSON.stringify(options.bundled));
    return await runChild(options, work);
  } finally {
    // Here and not in the child, which may have been killed.
    const left = [work, ...bundleFiles({ platform: path.join(root, ".sst/platform"), work })];
    await Promise.all(left.map((file) => rm(file, { recursive: true, force: true })));
  }
}
