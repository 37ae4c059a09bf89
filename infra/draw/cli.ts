// `npm run infra:draw`: draws docs/deployed.svg from the synthesised stack of production.
import { writeFile } from "node:fs/promises";
import path from "node:path";
import { parseArgs } from "node:util";
import { synthesize } from "../synth/synthesize.ts";
import { drawStack } from "./draw.ts";

const HELP = `Draws the deployed system from the synthesised resources.

  npm run infra:draw -- [--stage STAGE] [--out FILE]

  --stage  stage to draw (default: production)
  --out    where to (default: docs/deployed.svg)
  --help   print this
`;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      stage: { type: "string", default: "production" },
      out: { type: "string", default: "docs/deployed.svg" },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return;
  }
  const onProgress = (message: string) => process.stderr.write(`infra:draw: ${message}\n`);
  const synthesis = await synthesize({ root: process.cwd(), stage: values.stage, onProgress });
  await writeFile(values.out, await drawStack(synthesis));
  process.stdout.write(`${path.resolve(values.out)}\n`);
}

main().catch((error: unknown) => {
  process.stderr.write(`infra:draw: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
