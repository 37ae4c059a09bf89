// Stands in for Pulumi's engine, which `sst diff` starts: it runs the program that SST has bundled, with the real components and
// against the real SST, and makes every resource in memory. Started by the script that sst-diff.ts writes, with its folder.
import { mkdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { createMockCloud } from "../synth/mock-cloud.ts";
import { loadPulumi } from "../synth/pulumi.ts";
import { type Answers, ANSWERS_FILE, RESOURCES_FILE } from "./stand-in-files.ts";

const [folder = "", platform = "", command = "", ...args] = process.argv.slice(2);

/** SST refuses any other than the one that its components are made for. */
async function version(): Promise<string> {
  const file = path.join(platform, "node_modules/@pulumi/pulumi/package.json");
  return `v${(JSON.parse(await readFile(file, "utf8")) as { version: string }).version}`;
}

/** A stack without resources, where SST reads it. */
async function initStack(stack: string): Promise<void> {
  const [, app = "", stage = ""] = stack.split("/");
  const file = path.join(process.cwd(), ".pulumi/stacks", app, `${stage}.json`);
  const latest = { manifest: { time: new Date(0).toISOString(), magic: "", version: "" }, resources: [] };
  await mkdir(path.dirname(file), { recursive: true });
  await writeFile(file, JSON.stringify({ version: 3, checkpoint: { stack, latest } }));
}

async function preview(stack: string): Promise<void> {
  const [, app = "", stage = ""] = stack.split("/");
  const project = await readFile("Pulumi.yaml", "utf8");
  const main = /^main: *(.+)$/m.exec(project)?.[1];
  if (main === undefined) throw new Error("Pulumi.yaml names no program.");
  const answers = JSON.parse(await readFile(path.join(folder, ANSWERS_FILE), "utf8")) as Answers;
  const { runtime, monitor } = loadPulumi(platform);
  const cloud = createMockCloud(monitor, answers);
  await runtime.setMocks(cloud.mocks, app, stage, false);
  await runtime.runInPulumiStack(async () => {
    const program = (await import(pathToFileURL(main).href)) as { default: unknown };
    return program.default;
  });
  // Pulumi does not wait for what nothing depends on: the stack is whole when there is nothing left to do.
  process.once("beforeExit", () => {
    void runtime
      .disconnect()
      .then(() => writeFile(path.join(folder, RESOURCES_FILE), JSON.stringify(cloud.resources())));
  });
}

// What throws inside an `apply` surfaces only here.
for (const event of ["unhandledRejection", "uncaughtException"] as const)
  process.on(event, (error) => {
    process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    process.exit(1);
  });

if (command === "version") process.stdout.write(`${await version()}\n`);
else if (command === "stack") await initStack(args[1] ?? "");
else if (command === "preview") await preview(args[args.indexOf("--stack") + 1] ?? "");
else throw new Error(`No part of this stand-in is called "${command}".`);
