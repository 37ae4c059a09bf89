import path from "node:path";
import { writeFileSync } from "node:fs";
import { expect, onTestFinished, test } from "vitest";
import { createFleet } from "../agent/fleet.ts";
import { useEmbeddedCloud } from "../fixtures/embedded-cloud.ts";
import { eventually } from "../fixtures/eventually.ts";
import { type AgentName, linesOf, pidsOf, scratchRepository, startAgentHost } from "./agent-host.ts";
import type { Conversation } from "./conversation.ts";
import { installClis } from "./install-clis.ts";
import { type Script, type ScriptedModel, startScriptedModel } from "./scripted-model.ts";
import { doneText, stepsPrompt, stepwise } from "./stepwise.ts";

const cloud = useEmbeddedCloud();
const clis = await installClis();
const AGENTS: readonly AgentName[] = ["claude", "codex"];

async function start(script: Script): Promise<ScriptedModel> {
  const model = await startScriptedModel(script);
  onTestFinished(async ({ task }) => {
    if (task.result?.state === "fail")
      for (const { conversation } of model.requests.slice(-10))
        process.stderr.write(`${JSON.stringify(conversation.turns.slice(-4))}\n`);
    await model.close();
  });
  return model;
}

const toldIn = ({ turns }: Conversation) =>
  turns.flatMap(({ role, text }) => (role === "assistant" ? [] : [text]));

test.each(AGENTS)("the end of a task feeds the next one to the same process of %s", async (agent) => {
  const fleet = await createFleet(cloud(), "fast");
  const model = await start(stepwise);
  const cwd = scratchRepository();
  const steps = (task: string) =>
    ["one", "two"].map((name) => ({
      name,
      command: `echo $PPID ${name} >> ${path.join(cwd, `${task}.log`)}`,
    }));
  const prompt = (task: string) => ({ id: task, data: { prompt: stepsPrompt(steps(task)) } });
  const worker = startAgentHost({ fleet, host: "h", agent, clis, model, cwd });
  await fleet.live(1);
  await fleet.submit(prompt("a"), prompt("b"));
  for (const id of ["a", "b"])
    expect(await fleet.reached(id, "completed")).toMatchObject({
      attempt: 1,
      result: { text: doneText(id) },
    });
  const words = ["a", "b"].flatMap((id) => linesOf(path.join(cwd, `${id}.log`)));
  expect(words.map((line) => line.split(" ")[1])).toEqual(["one", "two", "one", "two"]);
  await worker.said("fed to the agent that is there", { task: "b" });
  expect(worker.logged.filter(({ what }) => what === "starts an agent")).toHaveLength(1);
});

test.each(AGENTS)(
  "%s that was stopped with its host until its task was another's has its next tool call denied",
  async (agent) => {
    const fleet = await createFleet(cloud(), "fast");
    const model = await start(stepwise);
    const cwd = scratchRepository();
    const [log, gate] = [path.join(cwd, "log"), path.join(cwd, "gate")];
    const steps = [
      { name: "one", command: `echo one >> ${log}; until [ -e ${gate} ]; do sleep 0.1; done` },
      { name: "two", command: `echo two >> ${log}` },
    ];
    const frozen = startAgentHost({ fleet, host: "frozen", agent, clis, model, cwd });
    await fleet.live(1);
    await fleet.submit({ id: "t", data: { prompt: stepsPrompt(steps) } });
    await eventually("the first step runs", () => linesOf(log).length === 1);
    // A laptop that is closed: the supervisor, the wrapper, the agent and its command.
    const marked = pidsOf(/Task t \(|until \[ -e/);
    const wrappers = pidsOf(/child-wrapper/).filter((pid) => marked.includes(pid));
    const pids = [frozen.process.pid ?? 0, ...marked];
    for (const pid of pids) process.kill(pid, "SIGSTOP");
    onTestFinished(() => {
      for (const pid of pids) kill(pid);
    });

    const other = startAgentHost({ fleet, host: "other", agent, clis, model, cwd });
    await eventually("the other has begun it again", () => linesOf(log).length === 2);
    writeFileSync(gate, "");
    expect(await fleet.reached("t", "completed")).toMatchObject({ sessionId: "other-1", attempt: 2 });
    expect(linesOf(log)).toEqual(["one", "one", "two"]);
    other.process.kill("SIGTERM");
    await other.exited;

    // Its wrapper, which would kill it at once, sleeps a little longer.
    const asked = model.requests.length;
    for (const pid of pids.filter((each) => !wrappers.includes(each))) process.kill(pid, "SIGCONT");
    await frozen.said("a tool call was denied");
    await eventually("the agent hears of it", () =>
      model.requests
        .slice(asked)
        .some(({ conversation }) =>
          conversation.turns.some(({ toolResults }) =>
            toolResults.some(({ text }) => /publish nothing/.test(text)),
          ),
        ),
    );
    expect(linesOf(log)).toEqual(["one", "one", "two"]);
  },
);

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It is gone.
  }
}

test("after a compaction Claude Code is told what it was asked, what is done and what is not", async () => {
  const fleet = await createFleet(cloud(), "fast");
  const full: Script = async (conversation) => {
    const told = toldIn(conversation).join("\n");
    if (conversation.turns.at(-1)?.text.includes("detailed summary of the conversation"))
      return { text: "<analysis>brief</analysis><summary>Some steps were run.</summary>" };
    const reply = stepwise(conversation);
    // Its window is nearly full once two steps are done, until it was compacted.
    const nearlyFull = reply.shell?.includes("three") && !told.includes("Your context was compacted");
    return { ...reply, ...(nearlyFull && { usage: { input: 195_000, output: 10 } }) };
  };
  const model = await start(full);
  const cwd = scratchRepository();
  const log = path.join(cwd, "log");
  const names = ["one", "two", "three", "four", "five"];
  const steps = names.map((name) => ({ name, command: `echo ${name} >> ${log}` }));
  startAgentHost({
    ...{ fleet, host: "h", agent: "claude", clis, model, cwd },
    agentFlags: ["--model", "claude-sonnet-4-5"],
    env: { CLAUDE_CODE_AUTO_COMPACT_WINDOW: "100000" },
  });
  await fleet.live(1);
  await fleet.submit({ id: "t", data: { prompt: stepsPrompt(steps) } });
  await fleet.reached("t", "completed");
  const told = model.requests
    .flatMap(({ conversation }) => toldIn(conversation))
    .find((text) => text.includes("Your context was compacted"));
  expect(told).toMatch(/Finished; do not repeat these:\n- Bash: echo one/);
  expect(told).toContain("STEP five");
  expect(linesOf(log)).toEqual(names);
});
