// Started by synthesize.ts with the project's folder, the stage and a folder to work in; answers over IPC.
import { rm } from "node:fs/promises";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { bundleApp, bundleProgram } from "./bundle-program.ts";
import type { App, Places } from "./bundle-program.ts";
import { createMockCloud } from "./mock-cloud.ts";
import { loadPulumi } from "./pulumi.ts";
import { startRpcServer } from "./rpc-server.ts";
import type { SynthAnswer, Synthesis } from "./synthesis.ts";

/** Stand-ins: the stack only passes secrets on, and a real one has no business here. */
const SECRETS = ["RootKey", "TokenKeys", "UpstashRedisUrl", "UpstashRedisToken"];

async function importDefault<T>(file: string): Promise<T> {
  const module = (await import(pathToFileURL(file).href)) as { default: T };
  return module.default;
}

async function run(places: Places, stage: string): Promise<Synthesis> {
  // Next to SST's node_modules, because Node resolves a bundle's imports from where the bundle lies.
  const appFile = path.join(places.platform, `synth-app-${process.pid}.mjs`);
  const programFile = path.join(places.platform, `synth-program-${process.pid}.mjs`);
  const rpc = await startRpcServer(places.root, path.join(places.work, "functions"));
  process.env["SST_SERVER"] = rpc.url;
  for (const name of SECRETS) process.env[`SST_SECRET_${name}`] = `synth-${name}`;
  try {
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
    const program = await importDefault<() => Promise<unknown>>(programFile);
    await runtime.runInPulumiStack(program);
    await runtime.disconnect();
    return { resources: cloud.resources(), functions: rpc.functions() };
  } finally {
    rpc.close();
    await Promise.all([appFile, programFile].map((file) => rm(file, { force: true })));
  }
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

const [root, stage, work] = process.argv.slice(2);
if (root === undefined || stage === undefined || work === undefined) {
  throw new Error("Run infra/synth/cli.ts instead: this file is its child process.");
}
run({ root, platform: path.join(root, ".sst/platform"), work }, stage).then((synthesis) => {
  answerAndExit({ kind: "done", synthesis });
}, fail);
