import { parseArgs } from "node:util";
import { installPlatform } from "./install-platform.ts";
import { SYNTH_TIMEOUT_MS, synthesize } from "./synthesize.ts";
import type { Synthesis } from "./synthesis.ts";

const HELP = `Lists every resource that "sst deploy" would create, without an account and without asking AWS.

  npm run infra:synth -- --stage STAGE [--json] [--timeout-ms N]

  --stage       stage to build the stack for (default: dev); "production" is the permanent one
  --json        print one JSON object as the last line: {"resources":[{"type","name","inputs"}]}
  --install     only install SST's component sources, whose types the stack is checked against
  --timeout-ms  how long the run may take, installation apart (default: ${SYNTH_TIMEOUT_MS})

The first run installs SST's component sources into .sst/platform from the npm registry.
`;

/** As SST itself allows a stage to be named. */
const STAGE = /^[a-zA-Z0-9][a-zA-Z0-9-]{0,62}$/;

function print({ resources }: Synthesis, asJson: boolean): void {
  const listed = resources.map(({ type, name, inputs }) => ({ type, name, inputs }));
  const lines = asJson
    ? [JSON.stringify({ resources: listed })]
    : listed.map(({ type, name }) => `${type}  ${name}`);
  process.stdout.write(`${lines.join("\n")}\n`);
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      stage: { type: "string", default: "dev" },
      json: { type: "boolean", default: false },
      "timeout-ms": { type: "string", default: String(SYNTH_TIMEOUT_MS) },
      install: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return;
  }
  const timeoutMs = Number(values["timeout-ms"]);
  if (!STAGE.test(values.stage))
    throw new Error(`"${values.stage}" is no stage: use letters, digits and hyphens.`);
  if (!Number.isSafeInteger(timeoutMs) || timeoutMs <= 0)
    throw new Error(`--timeout-ms must be a positive integer.`);
  const root = process.cwd();
  const onProgress = (message: string) => process.stderr.write(`infra:synth: ${message}\n`);
  if (values.install) {
    await installPlatform(root, onProgress);
    return;
  }
  print(await synthesize({ root, stage: values.stage, timeoutMs, onProgress }), values.json);
}

main().catch((error: unknown) => {
  process.stderr.write(`infra:synth: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
