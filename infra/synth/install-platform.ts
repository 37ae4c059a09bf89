import { cp, mkdir, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { installEnv } from "./offline-env.ts";
import { oneAtATime } from "./one-at-a-time.ts";
import { runProcess } from "./run-process.ts";

/** The bun that SST 4.17 would fetch for itself. */
const BUN_VERSION = "1.2.1";
const BUN_FETCH_TIMEOUT_MS = 90_000;
const BUN_INSTALL_TIMEOUT_MS = 120_000;
const NPM_INSTALL_TIMEOUT_MS = 300_000;

/** Installed with the others, so that the stack is checked with it and without. */
const OPTIONAL_PROVIDER = "@upstash/pulumi";

export type Progress = (message: string) => void;

async function readOr(file: string, otherwise: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return otherwise;
    throw error;
  }
}

/** SST writes the platform's version before it fills node_modules, but the provider lock only after. */
async function isInstalled(root: string, version: string): Promise<boolean> {
  const installed = await readOr(path.join(root, ".sst/platform/version"), "");
  const lock = await readOr(path.join(root, ".sst/provider-lock.json"), "");
  return installed.trim() === version && lock.includes(OPTIONAL_PROVIDER);
}

/**
 * The package of the one bun that runs here, on any processor. The package `bun` would bring every build for this system,
 * 380 MB of which 290 are never run.
 */
function bunPackage(): string {
  const { header } = process.report.getReport() as { header: { glibcVersionRuntime?: string } };
  const parts = [
    process.platform === "win32" ? "windows" : process.platform,
    process.arch === "arm64" ? "aarch64" : process.arch,
    ...(process.platform === "linux" && header.glibcVersionRuntime === undefined ? ["musl"] : []),
    ...(process.arch === "x64" ? ["baseline"] : []),
  ];
  return `@oven/bun-${parts.join("-")}`;
}

/** Bun from npm, in a folder that goes away with the installation. Null if it cannot be had. */
async function fetchBun(folder: string, onProgress: Progress): Promise<string | null> {
  const bin = process.env["SST_BUN_PATH"];
  if (bin !== undefined) return bin;
  const home = path.join(folder, "bun");
  await mkdir(home);
  await writeFile(path.join(home, "package.json"), "{}");
  const name = bunPackage();
  const env = installEnv();
  try {
    const args = [
      "install",
      "--prefix",
      home,
      "--no-save",
      "--no-package-lock",
      "--no-audit",
      "--no-fund",
      `${name}@${BUN_VERSION}`,
    ];
    await runProcess("npm", args, { cwd: home, env, timeoutMs: BUN_FETCH_TIMEOUT_MS });
    const fetched = path.join(home, "node_modules", name, "bin/bun");
    await runProcess(fetched, ["--version"], { cwd: home, env, timeoutMs: 10_000 });
    return fetched;
  } catch (error) {
    onProgress(`no bun (${error instanceof Error ? (error.message.split("\n")[0] ?? "") : String(error)})`);
    return null;
  }
}

async function installInto(folder: string, sst: string, onProgress: Progress): Promise<void> {
  const install = (env: NodeJS.ProcessEnv, timeoutMs: number) =>
    runProcess(process.execPath, [sst, "install", "--stage", "synth"], { cwd: folder, env, timeoutMs });
  const bun = await fetchBun(folder, onProgress);
  if (bun !== null) {
    const registry = await runProcess("npm", ["config", "get", "registry"], {
      cwd: folder,
      env: installEnv(),
      timeoutMs: 30_000,
    });
    const cache = path.join(folder, "bun-cache");
    const env = { SST_BUN_PATH: bun, BUN_INSTALL_CACHE_DIR: cache, npm_config_registry: registry.trim() };
    try {
      await install({ ...installEnv(), ...env }, BUN_INSTALL_TIMEOUT_MS);
      return;
    } catch (error) {
      onProgress(
        `bun could not install SST's components: ${error instanceof Error ? error.message : String(error)}`,
      );
      await rm(path.join(folder, ".sst"), { recursive: true, force: true });
    }
  }
  onProgress("npm installs SST's components: about a minute, once");
  await install({ ...installEnv(), SST_NO_BUN: "1" }, NPM_INSTALL_TIMEOUT_MS);
}

/** Prepared aside and moved into place whole, so that two callers, or one that is killed, never leave half of it. */
async function prepare(root: string, version: string, onProgress: Progress): Promise<void> {
  onProgress(`installing SST ${version}'s components into .sst/platform`);
  const sst = path.join(root, "node_modules/sst");
  const state = path.join(root, ".sst");
  const folder = await mkdtemp(path.join(state, "install-"));
  try {
    await cp(path.join(root, "sst.config.ts"), path.join(folder, "sst.config.ts"));
    for (const part of ["infra", "shared/contract"])
      await cp(path.join(root, part), path.join(folder, part), { recursive: true });
    await writeFile(path.join(folder, "package.json"), '{"type":"module"}');
    await installInto(folder, path.join(sst, "bin/sst.mjs"), onProgress);
    if (await isInstalled(root, version)) return;
    await rm(path.join(state, "platform"), { recursive: true, force: true });
    await rename(path.join(folder, ".sst/platform"), path.join(state, "platform"));
    await rename(path.join(folder, ".sst/provider-lock.json"), path.join(state, "provider-lock.json"));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/**
 * Makes SST's component sources available in `.sst/platform`, without an account. Of callers in several processes
 * one installs, which is dear, and the others wait for it.
 */
export async function installPlatform(root: string, onProgress: Progress): Promise<void> {
  const sst = path.join(root, "node_modules/sst");
  const manifest = await readOr(path.join(sst, "package.json"), "");
  if (manifest === "") throw new Error(`There is no SST in ${sst}. Run "npm ci" first.`);
  const { version } = JSON.parse(manifest) as { version: string };
  if (await isInstalled(root, version)) return;
  await oneAtATime(path.join(root, ".sst/installing"), NPM_INSTALL_TIMEOUT_MS, async () => {
    if (!(await isInstalled(root, version))) await prepare(root, version, onProgress);
  });
}
