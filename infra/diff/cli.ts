// `npm run infra:diff`: the real `sst diff`, as far as it goes without an account.
import { parseArgs } from "node:util";
import { sstDiff } from "./sst-diff.ts";

const HELP = `Runs the real "sst diff" in a throwaway home, with stand-ins on loopback for AWS and for Pulumi's engine: SST reads the stack,
bundles and zips each function and seals its links into it. No account is asked, and none is needed.

  npm run infra:diff -- [--stage STAGE] [--json]

  --stage  stage to build the stack for (default: dev)
  --json   print one JSON object as the last line: {"functions":[{"name","handler","zipKb"}]}
  --help   print this
`;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      stage: { type: "string", default: "dev" },
      json: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return;
  }
  const packed = await sstDiff({
    root: process.cwd(),
    stage: values.stage,
    secrets: {
      RootKey: "stand-in",
      TokenKeys: "stand-in",
      UpstashRedisUrl: "http://127.0.0.1:1",
      UpstashRedisToken: "stand-in",
    },
    onProgress: (message) => process.stderr.write(`infra:diff: ${message}\n`),
  });
  const functions = packed.map(({ name, handler, zip }) => ({
    name,
    handler,
    zipKb: Math.round(zip.byteLength / 1_000),
  }));
  process.stdout.write(
    values.json
      ? `${JSON.stringify({ functions })}\n`
      : functions
          .map(({ name, zipKb }) => `${name.padEnd(12)}${String(zipKb).padStart(6)} KB zipped\n`)
          .join(""),
  );
}

main().catch((error: unknown) => {
  process.stderr.write(`infra:diff: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
