// `npm start`: the embedded cloud in the foreground, until Ctrl-C.
import { enableCompileCache } from "node:module";
import type { Cloud, CloudOptions } from "./cloud.ts";
import { DEFAULT_PORT, findDefaultPort } from "./free-port.ts";
import { readElsewhere } from "./elsewhere.ts";
import { StartError, reasonOf } from "./start-error.ts";
import { keepStandardOutput } from "./standard-output.ts";
import { USAGE, parseStartFlags } from "./start-flags.ts";
import type { StartFlags } from "./start-flags.ts";
import { formatReady } from "./start-text.ts";

const PROGRESS_AFTER_MS = 2_000;
const CLOSE_WITHIN_MS = 4_000;
/** npm passes on a signal that its whole process group has already got: that is one Ctrl-C, not two. */
const SAME_SIGNAL_MS = 500;

// Read before the rest, which is large: a second start finds it compiled.
enableCompileCache();
// A part imports node:sqlite, unused here, which node calls experimental at every start.
process.removeAllListeners("warning");
process.on("warning", ({ name, message }) => {
  if (name !== "ExperimentalWarning") process.stderr.write(`${name}: ${message}\n`);
});
const print = keepStandardOutput();
// Lambda's own setting: a person at a terminal needs no line a minute to say that all is well.
process.env.AWS_LAMBDA_LOG_LEVEL ??= "WARN";

let cloud: Cloud | undefined;
let stoppingSince: number | undefined;

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => void stop());

async function stop(): Promise<void> {
  if (stoppingSince !== undefined) {
    if (performance.now() - stoppingSince > SAME_SIGNAL_MS) process.exit(130);
    return;
  }
  stoppingSince = performance.now();
  setTimeout(() => process.exit(0), CLOSE_WITHIN_MS).unref();
  await cloud?.close();
  process.exit(0);
}

/** Says what is being waited for, but only to somebody who has waited a while. */
function createProgress(): { onStep: (step: string) => void; done: () => void } {
  let current = "the parts";
  const timer = setInterval(() => process.stderr.write(`Still starting ${current} ...\n`), PROGRESS_AFTER_MS);
  return {
    onStep: (step) => (current = step),
    done: () => {
      clearInterval(timer);
    },
  };
}

async function run(flags: StartFlags): Promise<void> {
  const progress = createProgress();
  const options: CloudOptions = {
    stateDir: flags.stateDir,
    elsewhere: readElsewhere(process.env),
    port: flags.port ?? (await findDefaultPort()),
    profile: flags.profile,
    redisEngine: flags.redis,
    onStep: progress.onStep,
    onFailure: (error) => {
      fail(
        `DynamoDB stopped working (${reasonOf(error)}). Start again; if it recurs, the state folder is damaged.`,
      );
    },
  };
  try {
    const { startCloud } = await import("./cloud.ts");
    const { ensureAdminKey } = await import("./admin-key.ts");
    cloud = await startCloud(options);
    const adminKey = await ensureAdminKey(cloud.url, cloud.state);
    const { url, state, redis } = cloud;
    const ready = { ready: true, url, rootKey: state.credentials.rootKey, adminKey };
    print(flags.json ? `${JSON.stringify(ready)}\n` : formatReady(ready, state.path, redis.engine));
  } finally {
    progress.done();
  }
}

function explain(error: unknown, flags: StartFlags): string {
  if (error instanceof StartError) return error.message;
  const { code } = error as NodeJS.ErrnoException;
  if (code === "EADDRINUSE" || code === "EACCES") {
    return (
      `Port ${flags.port ?? DEFAULT_PORT} cannot be listened on (${code}): another program has it, or it is reserved. ` +
      "Stop that program, or choose another port with --port (0 takes any free one)."
    );
  }
  return `The embedded cloud did not start: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`;
}

function fail(message: string): never {
  process.stderr.write(`${message}\n`);
  process.exit(1);
}

const flags = parseStartFlags(process.argv.slice(2));
if (typeof flags === "string") fail(`${flags}\n\n${USAGE}`);
if (flags.help) {
  print(USAGE);
} else {
  try {
    await run(flags);
  } catch (error) {
    // A start that was interrupted has nothing to explain.
    if (stoppingSince === undefined) {
      process.stderr.write(`${explain(error, flags)}\n`);
      await cloud?.close();
      process.exit(1);
    }
  }
}
