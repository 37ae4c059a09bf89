// Started by synthesize.ts with the project's folder, the stage, a folder to work in and an edit; answers over IPC.
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { bundleApp, bundleFiles, bundleProgram } from "./bundle-program.ts";
import type { App, Edit, Places } from "./bundle-program.ts";
import { createMockCloud } from "./mock-cloud.ts";
import { loadPulumi } from "./pulumi.ts";
import { startRpcServer } from "./rpc-server.ts";
import { BUNDLED_FILE } from "./synthesis.ts";
import type { SynthAnswer, SynthFunction, Synthesis } from "./synthesis.ts";

/** Stand-ins: the stack only passes secrets on, and a real one has no business here. */
const SECRETS = ["RootKey", "TokenKeys", "UpstashRedisUrl", "UpstashRedisToken"];

async function importDefault<T>(file: string): Promise<T> {
  const module = (await import(pathToFileURL(file).href)) as { default: T };
  return module.default;
}

/**
 * One of the providers that a program imports has stacks formatted through source maps. Pulumi takes a stack for every
 * resource, so that would be a third of a synth's time, for maps that bundles do not have: it is undone.
 */
async function importProgram(file: string): Promise<() => Promise<unknown>> {
  const program = await importDefault<() => Promise<unknown>>(file);
  Reflect.deleteProperty(Error, "prepareStackTrace");
  return program;
}

/** Starts the stack's run. What it makes inside outputs may still be under way when the run itself has ended. */
async function start(places: Places, stage: string): Promise<() => Promise<Synthesis>> {
  const [appFile, programFile] = bundleFiles(places);
  const bundledFile = path.join(places.work, BUNDLED_FILE);
  const bundled = existsSync(bundledFile)
    ? (JSON.parse(await readFile(bundledFile, "utf8")) as SynthFunction[])
    : [];
  const rpc = await startRpcServer(places.root, path.join(places.work, "functions"), bundled);
  process.env["SST_SERVER"] = rpc.url;
  for (const name of SECRETS) process.env[`SST_SECRET_${name}`] = `synth-${name}`;
  await bundleApp(places, stage, appFile);
  const app = {
    removal: "retain",
    protect: false,
    ...(await importDefault<Pick<App, "name">>(appFile)),
    stage,
  };
  await bundleProgram(places, app, programFile);
  const { runtime, monitor } = loadPulumi(places.platform);
  const cloud = createMockCloud(monitor);
  await runtime.setMocks(cloud.mocks, app.name, stage, false);
  const program = await importProgram(programFile);
  await runtime.runInPulumiStack(program);
  return async () => {
    await runtime.disconnect();
    return { resources: cloud.resources(), functions: rpc.functions() };
  };
}

function answerAndExit(answer: SynthAnswer): void {
  process.send?.(answer, () => process.exit(answer.kind === "done" ? 0 : 1));
}

const fail = (error: unknown) => {
  answerAndExit({
    kind: "failed",
    message: error instanceof Error ? (error.stack ?? error.message) : String(error),
  });
};

// What throws inside an `apply` surfaces only here, and leaves the run waiting for ever.
process.on("unhandledRejection", fail);
process.on("uncaughtException", fail);

const [root, stage, work, edit = "null"] = process.argv.slice(2);
if (root === undefined || stage === undefined || work === undefined) {
  throw new Error("Run infra/synth/cli.ts instead: this file is its child process.");
}

let collect = () => Promise.reject<Synthesis>(new Error("The run waits for something that will never come."));
start(
  { root, platform: path.join(root, ".sst/platform"), work, edit: JSON.parse(edit) as Edit | null },
  stage,
).then((collectWhole) => {
  collect = collectWhole;
}, fail);

// Pulumi does not wait for outputs that nothing depends on, and a part of the stack is worse than none. So the
// stack is whole when this process has nothing left to do.
process.once("beforeExit", () => {
  collect().then((synthesis) => {
    answerAndExit({ kind: "done", synthesis });
  }, fail);
});
