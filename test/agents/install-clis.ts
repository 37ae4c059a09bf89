import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/** The versions that the adapters were written and tested with. */
const CLIS = { "@anthropic-ai/claude-code": "2.1.197", "@openai/codex": "0.171.0" } as const;
const INSTALL_TIMEOUT_MS = 300_000;

export type Clis = { readonly claude: string; readonly codex: string };

/**
 * The real agents, from npm, in a cache outside of the repository: `SHIM_AGENTS_CACHE`, else the user's. They are installed aside and moved
 * into place whole, so that two at a time, or one that is killed, leave nothing half done.
 */
export async function installClis(): Promise<Clis> {
  const cache = process.env["SHIM_AGENTS_CACHE"] ?? path.join(homedir(), ".cache", "shim", "agents");
  const place = path.join(cache, Object.values(CLIS).join("-"));
  if (!existsSync(place)) await installInto(cache, place);
  const bin = (name: string) => path.join(place, "node_modules", ".bin", name);
  return { claude: bin("claude"), codex: bin("codex") };
}

async function installInto(cache: string, place: string): Promise<void> {
  const packages = Object.entries(CLIS).map(([name, version]) => `${name}@${version}`);
  process.stderr.write(`installing ${packages.join(" and ")} into ${cache}: some 650 MB, once\n`);
  await mkdir(cache, { recursive: true });
  const aside = await mkdtemp(path.join(cache, "install-"));
  try {
    await writeFile(path.join(aside, "package.json"), "{}");
    const flags = ["--no-audit", "--no-fund", "--no-package-lock", "--save-exact"];
    await run("npm", ["install", "--prefix", aside, ...flags, ...packages], { timeout: INSTALL_TIMEOUT_MS });
    await rename(aside, place).catch((error: unknown) => {
      // Another was faster.
      if (!existsSync(place)) throw error;
    });
  } catch (error) {
    throw new Error(
      `The agents could not be installed. Run npm install ${packages.join(" ")} in ${cache} to see why.`,
      { cause: error },
    );
  } finally {
    await rm(aside, { recursive: true, force: true });
  }
}
