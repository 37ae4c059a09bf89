import { mkdir, mkdtemp, readFile, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { beforeAll, describe, expect, it, onTestFinished, vi } from "vitest";
import { installPlatform } from "../../infra/synth/install-platform.ts";
import { runProcess } from "../../infra/synth/run-process.ts";
import type { Synthesis } from "../../infra/synth/synthesis.ts";
import { synthesize } from "../../infra/synth/synthesize.ts";
import { FIRST_SYNTH_TIMEOUT_MS, ROOT } from "./synth-view.ts";

// Every test here runs a stack, which takes a busy machine its time.
const SYNTH_TEST_TIMEOUT_MS = 240_000;
vi.setConfig({ testTimeout: SYNTH_TEST_TIMEOUT_MS });

beforeAll(() => installPlatform(ROOT, () => undefined), FIRST_SYNTH_TIMEOUT_MS);

const runCli = (args: string[], cwd = ROOT) =>
  runProcess(process.execPath, [path.join(ROOT, "infra/synth/cli.ts"), ...args], {
    cwd,
    env: process.env,
    timeoutMs: 200_000,
  });

/** A project of its own, with this one's SST and the given body of `run`. */
async function makeProject(run: string): Promise<{ root: string; remove: () => Promise<void> }> {
  const root = await mkdtemp(path.join(tmpdir(), "shim-synth-"));
  await mkdir(path.join(root, ".sst"));
  for (const shared of ["node_modules", ".sst/platform", ".sst/provider-lock.json"]) {
    await symlink(path.join(ROOT, shared), path.join(root, shared));
  }
  const app = `app: () => ({ name: "tiny", home: "aws" })`;
  await writeFile(
    path.join(root, "sst.config.ts"),
    `export default $config({ ${app}, async run() { ${run} } });`,
  );
  return { root, remove: () => rm(root, { recursive: true }) };
}

/** The same for one test. */
async function projectOf(run: string): Promise<string> {
  const { root, remove } = await makeProject(run);
  onTestFinished(remove);
  return root;
}

describe("npm run infra:synth", () => {
  it("explains itself", async () => {
    expect(await runCli(["--help"])).toContain("--stage STAGE");
  });

  it.each([
    [["--stage", "../x"], /"\.\.\/x" is no stage/],
    [["--stage", "dev", "--timeout-ms", "soon"], /--timeout-ms must be a positive integer/],
    [["--stages", "dev"], /Unknown option '--stages'/],
  ])("refuses %j and exits non-zero", async (args, message) => {
    await expect(runCli(args)).rejects.toThrow(message);
  });
});

describe("a stack that cannot be built", () => {
  it("is reported with what it threw, even from inside an output", async () => {
    const root = await projectOf(`$output(1).apply(() => { throw new Error("no such thing"); }); return {};`);
    await expect(synthesize({ root, stage: "dev" })).rejects.toThrow(
      /stage "dev" cannot be built.*no such thing/s,
    );
  });

  it("is reported with the handler it misses", async () => {
    const root = await projectOf(
      `new sst.aws.Function("F", { handler: "functions/missing.handler" }); return {};`,
    );
    await expect(synthesize({ root, stage: "dev" })).rejects.toThrow(
      /no functions\/missing\.ts for the handler/,
    );
  });

  it("is reported when it waits for nothing, rather than listed in part", async () => {
    const root = await projectOf(`new aws.s3.Bucket("B"); await new Promise(() => undefined); return {};`);
    await expect(synthesize({ root, stage: "dev" })).rejects.toThrow(
      /waits for something that will never come/,
    );
  });

  it("is given up after the time limit, and leaves nothing behind", async () => {
    const root = await projectOf(`await new Promise((resolve) => setTimeout(resolve, 600_000)); return {};`);
    await expect(synthesize({ root, stage: "dev", timeoutMs: 3_000 })).rejects.toThrow(
      /did not end within 3000 ms/,
    );
    expect((await readdir(path.join(root, ".sst"))).toSorted()).toEqual(["platform", "provider-lock.json"]);
    const platform = path.join(ROOT, ".sst/platform");
    const bundles = (await readdir(platform)).filter((file) => file.endsWith(".mjs"));
    // Another test's bundle may be gone by the time it is read; only this project's matter.
    const codes = await Promise.all(
      bundles.map((file) => readFile(path.join(platform, file), "utf8").catch(() => "")),
    );
    expect(codes.filter((code) => code.includes(root))).toEqual([]);
  });
});

describe("a stack that can be built", () => {
  let answer: Pick<Synthesis, "resources">;
  beforeAll(async () => {
    vi.stubEnv("AWS_ACCESS_KEY_ID", "AKIAREAL");
    vi.stubEnv("AWS_PROFILE", "work");
    const seen = `JSON.stringify(Object.entries(process.env).filter(([name]) => name.startsWith("AWS_")))`;
    const later = `$output(new Promise((resolve) => setTimeout(resolve, 300))).apply(() => new aws.s3.Bucket("Late"))`;
    const { root, remove } = await makeProject(
      `new aws.ssm.Parameter("Seen", { type: "String", value: ${seen} }); ${later};`,
    );
    try {
      const output = await runCli(["--stage", "dev", "--json"], root);
      answer = JSON.parse(output.trim().split("\n").at(-1) ?? "") as typeof answer;
    } finally {
      await remove();
      vi.unstubAllEnvs();
    }
  }, SYNTH_TEST_TIMEOUT_MS);

  it("is printed as one JSON object of resources, in the last line", () => {
    expect(Object.keys(answer)).toEqual(["resources"]);
    for (const resource of answer.resources)
      expect(Object.keys(resource)).toEqual(["type", "name", "inputs"]);
  });

  it("is listed with what it makes in an output that nothing waits for", () => {
    expect(answer.resources.map(({ name }) => name)).toContain("Late");
  });

  it("is handed neither the caller's credentials nor a road to AWS", () => {
    const value = String(answer.resources.find(({ name }) => name === "Seen")?.inputs["value"]);
    expect(Object.fromEntries(JSON.parse(value) as [string, string][])).toEqual({
      AWS_CONFIG_FILE: "/dev/null",
      AWS_SHARED_CREDENTIALS_FILE: "/dev/null",
      AWS_EC2_METADATA_DISABLED: "true",
      AWS_ENDPOINT_URL: "http://127.0.0.1:1",
    });
  });
});
