import { spawn } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { createFleet } from "../agent/fleet.ts";
import { useEmbeddedCloud } from "../fixtures/embedded-cloud.ts";
import { eventually } from "../fixtures/eventually.ts";
import { agentEnvironment, FLAGS, linesOf, pidsOf, scratchRepository } from "./agent-host.ts";
import { installClis } from "./install-clis.ts";
import { startScriptedModel } from "./scripted-model.ts";

const CLI = path.resolve(import.meta.dirname, "../../agent/cli.ts");
const cloud = useEmbeddedCloud();
const clis = await installClis();

test("Claude Code that crashes under shim run goes on with its own session", async () => {
  const fleet = await createFleet(cloud(), "fast");
  const cwd = scratchRepository();
  const log = path.join(cwd, "log");
  const model = await startScriptedModel(({ turns }) => {
    const asked = turns.filter(({ role, text }) => role === "user" && text === "do it").length;
    if (asked > 1) return { text: "went on" };
    return turns.some(({ toolResults }) => toolResults.length > 0)
      ? { shell: `echo $PPID >> ${log}; sleep 2` }
      : { text: "I begin.", shell: "echo one" };
  });
  onTestFinished(model.close);
  const env = { ...agentEnvironment(model), SHIM_URL: fleet.url, SHIM_KEY: fleet.key };
  const command = [clis.claude, ...FLAGS.claude, "-p", "--output-format", "json", "--", "do it"];
  const run = spawn(process.execPath, [CLI, "run", "--id", "r", "--", ...command], {
    ...{ cwd, env },
    stdio: ["ignore", "pipe", "inherit"],
  });
  onTestFinished(() => void run.kill("SIGKILL"));
  let out = "";
  run.stdout.on("data", (chunk: Buffer) => {
    out += chunk.toString();
  });
  const exited = once(run, "exit");
  await eventually("its second command runs", () => linesOf(log).length === 1);
  const [pid] = linesOf(log);
  expect(pidsOf(/--allowedTools Bash -p/)).toContain(Number(pid));
  process.kill(Number(pid), "SIGKILL");

  expect((await exited)[0]).toBe(0);
  expect(JSON.parse(out)).toMatchObject({ result: "went on" });
  const last = model.requests.at(-1)?.conversation.turns ?? [];
  expect(last.filter(({ text }) => text === "I begin.")).toHaveLength(1);
  // The call that was cut off is not in its own session: only the record has it.
  expect(last.map(({ text }) => text).join("\n")).toMatch(/unknown[\s\S]*sleep 2/i);
});
