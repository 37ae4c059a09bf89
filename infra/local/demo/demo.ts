// `npm run demo`: two hosts keep working while their processes, one of them and Redis are killed.
import { reasonOf } from "../start-error.ts";
import { USAGE, parseDemoFlags } from "./flags.ts";
import type { DemoFlags } from "./flags.ts";
import { makeDemoFolder } from "./folder.ts";
import { runDemo } from "./run.ts";
import { createStory, formatSeconds } from "./story.ts";
import { listBrokenPromises } from "./verdict.ts";
import type { Verdict } from "./verdict.ts";

const INTERRUPTED = 130;

async function run({ seed, json, keep }: DemoFlags): Promise<number> {
  const story = createStory(json ? process.stderr : process.stdout);
  const folder = makeDemoFolder();
  const interrupted = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => {
      interrupted.abort(new Error(`stopped by ${signal}`));
    });
  }
  let removable = !keep;
  try {
    const verdict = await runDemo({ seed, folder, story, signal: interrupted.signal });
    const broken = listBrokenPromises(verdict);
    for (const line of broken) story(`BROKEN PROMISE: ${line}.`);
    story(summarise(verdict));
    removable &&= broken.length === 0;
    if (json) process.stdout.write(`${JSON.stringify(verdict)}\n`);
    return broken.length === 0 ? 0 : 1;
  } catch (error) {
    if (interrupted.signal.aborted) return INTERRUPTED;
    removable = false;
    story(`The demo could not be carried out: ${reasonOf(error)}`);
    return 1;
  } finally {
    if (removable) folder.remove();
    else story(`Everything it wrote is kept in ${folder.path}: logs, the repository, the record.`);
  }
}

function summarise(verdict: Verdict): string {
  const { submitted, completed, lost, duplicated, crashes, recovered, wallMs } = verdict;
  return (
    `${completed} of ${submitted} tasks completed, ${lost} lost, ${duplicated} published twice, ` +
    `${recovered} of ${crashes} crashed sessions recovered, in ${formatSeconds(wallMs)}`
  );
}

const flags = parseDemoFlags(process.argv.slice(2));
if (typeof flags === "string") {
  process.stderr.write(`${flags}\n\n${USAGE}`);
  process.exitCode = 2;
} else if (flags.help) {
  process.stdout.write(USAGE);
} else {
  process.exitCode = await run(flags);
}
