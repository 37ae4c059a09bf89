import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { FUNCTIONS, type FunctionName } from "../routes.ts";
import { installPlatform } from "../synth/install-platform.ts";
import { offlineEnv } from "../synth/offline-env.ts";
import { runProcess } from "../synth/run-process.ts";
import type { SynthResource } from "../synth/synthesis.ts";
import { startAwsStandIn } from "./aws-stand-in.ts";
import { type Answers, ANSWERS_FILE, RESOURCES_FILE } from "./stand-in-files.ts";

/** A few seconds on an idle machine. */
const SST_TIMEOUT_MS = 180_000;
/** What SST reads of a project, besides what is installed. */
const SOURCES = ["sst.config.ts", "infra", "shared", "functions", "package.json", "tsconfig.json"];

/** A function as SST would have uploaded it. */
export type PackedFunction = {
  readonly name: FunctionName;
  /** In the zip: `bundle.handler`. */
  readonly handler: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly zip: Buffer;
};

export type DiffOptions = {
  /** Folder of sst.config.ts. */
  readonly root: string;
  readonly stage: string;
  /** As `sst secret set` takes them. */
  readonly secrets: Readonly<Record<string, string>>;
  /** What the stack's resources are called and where they are, where that matters to the functions. */
  readonly answers?: Answers;
  /** Variables for SST besides those of an account that is not there. */
  readonly environment?: Readonly<Record<string, string>>;
  readonly onProgress?: (message: string) => void;
};

/**
 * Runs the real `sst diff` in a copy of the project and a throwaway home, with stand-ins on loopback for AWS and for Pulumi's engine:
 * SST reads the stack, bundles and zips every function, and seals its links into it.
 *
 * @throws Error if anything in its environment leads elsewhere than to loopback, or if SST fails, with what it printed
 */
export async function sstDiff(options: DiffOptions): Promise<PackedFunction[]> {
  const { root, stage, secrets, answers = {}, onProgress = () => undefined } = options;
  await installPlatform(root, onProgress);
  // Not below .sst: SST takes what is there for its own, and gives it no global names.
  const work = await mkdtemp(path.join(tmpdir(), "shim-diff-"));
  const aws = await startAwsStandIn();
  try {
    const [project, home] = [path.join(work, "project"), path.join(work, "home")];
    const env: Record<string, string | undefined> = {
      ...offlineEnv(),
      AWS_ENDPOINT_URL: aws.url,
      AWS_REGION: "us-east-1",
      AWS_ACCESS_KEY_ID: "nobody",
      AWS_SECRET_ACCESS_KEY: "nobody",
      // SST fetches what it misses of bun, mkcert and Pulumi; nothing of that is needed.
      SST_NO_BUN: "1",
      SST_SKIP_DEPENDENCY_CHECK: "1",
      ...options.environment,
      HOME: home,
      XDG_CONFIG_HOME: path.join(home, ".config"),
    };
    refuseElsewhere(env);
    await copyProject(root, project);
    await writeHome(root, home, { secrets, answers });
    const sst = (...args: string[]) =>
      runProcess(
        process.execPath,
        [path.join(root, "node_modules/sst/bin/sst.mjs"), ...args, "--stage", stage],
        {
          cwd: project,
          env,
          timeoutMs: SST_TIMEOUT_MS,
        },
      );
    onProgress("sst secret load");
    await sst("secret", "load", path.join(home, SECRETS_FILE));
    onProgress(`sst diff --stage ${stage}`);
    await sst("diff");
    return await readFunctions(project, home);
  } finally {
    await aws.close();
    await rm(work, { recursive: true, force: true });
  }
}

/**
 * With a real account's address, the stand-in for Pulumi would write a state without resources over the real one.
 *
 * @throws Error naming the variable that leads elsewhere
 */
export function refuseElsewhere(env: Readonly<Record<string, string | undefined>>): void {
  const endpoints = Object.entries(env).filter(([name]) => /^AWS_ENDPOINT_URL|_proxy$/i.test(name));
  for (const [name, url = ""] of endpoints)
    if (url !== "" && (!URL.canParse(url) || new URL(url).hostname !== "127.0.0.1"))
      throw new Error(
        `${name} is "${url}": sst diff with stand-ins runs only while every endpoint is on 127.0.0.1.`,
      );
  if (!env["AWS_ENDPOINT_URL"])
    throw new Error("AWS_ENDPOINT_URL is not set: sst diff would ask a real AWS.");
  const profile = Object.keys(env).find((name) => /^AWS_(PROFILE|.*ROLE_ARN|SESSION_TOKEN)$/.test(name));
  if (profile) throw new Error(`${profile} is set: sst diff with stand-ins must not find an account.`);
}

/** SST writes types, settings and its state beside the sources: into a copy. Installed packages are only read. */
async function copyProject(root: string, project: string): Promise<void> {
  await mkdir(path.join(project, ".sst"), { recursive: true });
  for (const source of SOURCES)
    await cp(path.join(root, source), path.join(project, source), { recursive: true });
  for (const installed of ["node_modules", ".sst/platform"])
    await symlink(path.join(root, installed), path.join(project, installed));
  // With all that is installed in it, SST would find that the stack's providers have changed and install them anew.
  const lock = JSON.parse(await readFile(path.join(root, ".sst/provider-lock.json"), "utf8")) as {
    name: string;
  }[];
  const asked = lock.filter(({ name }) => name === "aws");
  await writeFile(path.join(project, ".sst/provider-lock.json"), JSON.stringify(asked));
}

const SECRETS_FILE = "secrets.env";

/** A home that has Pulumi where SST looks for it. */
async function writeHome(
  root: string,
  home: string,
  { secrets, answers }: Required<Pick<DiffOptions, "secrets" | "answers">>,
): Promise<void> {
  const bin = path.join(home, ".config/sst/bin");
  await mkdir(bin, { recursive: true });
  const words = [
    process.execPath,
    path.join(import.meta.dirname, "pulumi.ts"),
    home,
    path.join(root, ".sst/platform"),
  ];
  const quoted = words.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(" ");
  await writeFile(path.join(bin, "pulumi"), `#!/bin/sh\nexec ${quoted} "$@"\n`, { mode: 0o700 });
  await writeFile(path.join(home, ANSWERS_FILE), JSON.stringify(answers));
  const lines = Object.entries(secrets).map(([name, value]) => `${name}=${value}\n`);
  await writeFile(path.join(home, SECRETS_FILE), lines.join(""), { mode: 0o600 });
}

type FunctionInputs = {
  readonly handler: string;
  readonly environment: { readonly variables: Readonly<Record<string, string>> };
};

async function readFunctions(project: string, home: string): Promise<PackedFunction[]> {
  const resources = JSON.parse(await readFile(path.join(home, RESOURCES_FILE), "utf8")) as SynthResource[];
  return Promise.all(
    (Object.keys(FUNCTIONS) as FunctionName[]).map(async (name) => {
      const component = name.charAt(0).toUpperCase() + name.slice(1);
      const made = resources.find((resource) => resource.name === `${component}Function`);
      if (!made) throw new Error(`sst diff made no function ${component}.`);
      const { handler, environment } = made.inputs as FunctionInputs;
      const zip = await readFile(path.join(project, ".sst/artifacts", component, "code.zip"));
      return { name, handler, environment: environment.variables, zip };
    }),
  );
}
