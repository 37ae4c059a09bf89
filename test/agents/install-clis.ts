import { execFile, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, rename, rm, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { oneAtATime } from "../../infra/synth/one-at-a-time.ts";

/** The versions that the adapters were written and tested with. */
const CLIS = { "@anthropic-ai/claude-code": "2.1.197", "@openai/codex": "0.171.0" } as const;
const INSTALL_TIMEOUT_MS = 300_000;
const ASIDE = "install-";

export type Clis = { readonly claude: string; readonly codex: string };

/**
 * The real agents, from npm, in a cache outside of the repository: `SHIM_AGENTS_CACHE`, else the user's. They are installed aside and moved
 * into place whole, so that two at a time, or one that is killed, leave nothing half done.
 */
export async function installClis(): Promise<Clis> {
  const cache = process.env["SHIM_AGENTS_CACHE"] ?? path.join(homedir(), ".cache", "shim", "agents");
  const place = path.join(cache, Object.values(CLIS).join("-"));
  if (!existsSync(place))
    await oneAtATime(path.join(cache, "installing"), INSTALL_TIMEOUT_MS, async () => {
      // Whoever was waited for has done it.
      if (!existsSync(place)) await installInto(cache, place);
    });
  return clisIn(place);
}

function clisIn(place: string): Clis {
  const bin = (name: string) => path.join(place, "node_modules", ".bin", name);
  return { claude: bin("claude"), codex: bin("codex") };
}

async function installInto(cache: string, place: string): Promise<void> {
  const packages = Object.entries(CLIS).map(([name, version]) => `${name}@${version}`);
  process.stderr.write(`installing ${packages.join(" and ")} into ${cache}: some 650 MB, once\n`);
  await mkdir(cache, { recursive: true });
  await removeLeftovers(cache);
  const aside = await mkdtemp(path.join(cache, ASIDE));
  const startedMs = performance.now();
  try {
    await writeFile(path.join(aside, "package.json"), "{}");
    await runNpm(["install", "--prefix", aside, "--no-audit", "--no-fund", "--no-package-lock", ...packages]);
    // Where npm runs no scripts of packages, or leaves out what they are for this machine, they are there and do not start.
    for (const cli of Object.values(clisIn(aside))) await promisify(execFile)(cli, ["--version"]);
    await rename(aside, place).catch((error: unknown) => {
      // Another was faster.
      if (!existsSync(place)) throw error;
    });
  } catch (error) {
    throw new Error(
      `The agents could not be installed. Run npm install ${packages.join(" ")} in an empty folder to see why; SHIM_AGENTS_CACHE names another place than ${cache}.`,
      { cause: error },
    );
  } finally {
    await rm(aside, { recursive: true, force: true });
  }
  process.stderr.write(`installed in ${((performance.now() - startedMs) / 1_000).toFixed(0)} s\n`);
}

/** Of those that were killed: nobody else installs now. */
async function removeLeftovers(cache: string): Promise<void> {
  const left = (await readdir(cache)).filter((name) => name.startsWith(ASIDE));
  for (const name of left) await rm(path.join(cache, name), { recursive: true, force: true });
}

/** What it says goes to standard error: it may take minutes on a slow line. */
function runNpm(args: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const npm = spawn("npm", args, { stdio: ["ignore", 2, 2], timeout: INSTALL_TIMEOUT_MS });
    npm.once("error", reject);
    npm.once("close", (code, signal) => {
      if (code === 0) resolve();
      else reject(new Error(`npm ended with ${code ?? signal ?? "nothing"}`));
    });
  });
}
