import { writeFileSync } from "node:fs";
import path from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { createFleet } from "../agent/fleet.ts";
import { useEmbeddedCloud } from "../fixtures/embedded-cloud.ts";
import { eventually } from "../fixtures/eventually.ts";
import { type AgentName, linesOf, pidsOf, scratchRepository, startAgentHost } from "./agent-host.ts";
import { installClis } from "./install-clis.ts";
import { startScriptedModel } from "./scripted-model.ts";
import { doneText, stepsPrompt, stepwise } from "./stepwise.ts";

const cloud = useEmbeddedCloud();
const clis = await installClis();

const AGENTS: readonly AgentName[] = ["claude", "codex"];

test.each(AGENTS)(
  "three %s sessions work through six tasks; one is killed within a shell command, and its task goes on elsewhere, told what is done and what is unknown",
  async (agent) => {
    const fleet = await createFleet(cloud(), "fast");
    const model = await startScriptedModel(stepwise);
    onTestFinished(async ({ task }) => {
      if (task.result?.state === "fail")
        for (const { conversation } of model.requests.slice(-12))
          process.stderr.write(`${JSON.stringify(conversation.turns.slice(-4))}\n`);
      await model.close();
    });
    const cwd = scratchRepository();
    const log = (task: string) => path.join(cwd, `${task}.log`);
    const gate = path.join(cwd, "gate");
    const note = (task: string, step: string) => `echo ${step} >> ${log(task)}`;
    const steps = (task: string) => [
      { name: "one", command: note(task, "one") },
      {
        name: "two",
        command:
          task === "t0"
            ? `${note(task, "two-begun")}; until [ -e ${gate} ]; do sleep 0.1; done; ${note(task, "two")}`
            : note(task, "two"),
      },
      { name: "three", command: note(task, "three") },
    ];
    const tasks = ["t0", "t1", "t2", "t3", "t4", "t5"];
    const worker = startAgentHost({ fleet, host: "h", agent, clis, model, cwd, sessions: 3 });
    await fleet.live(3);
    await fleet.submit(...tasks.map((id) => ({ id, data: { prompt: stepsPrompt(steps(id)) } })));
    await eventually("the second step of t0 runs", () => linesOf(log("t0")).includes("two-begun"));
    for (const id of tasks.slice(1)) await fleet.reached(id, "completed");
    const { sessionId: killed } = await fleet.task("t0");
    const agents = pidsOf(new RegExp(`Task t0 \\(`)).filter((pid) => !pidsOf(/child-wrapper/).includes(pid));
    expect(agents).not.toEqual([]);
    for (const pid of agents) process.kill(pid, "SIGKILL");

    await worker.said("crashed", { session: killed ?? "" });
    writeFileSync(gate, "");
    const done = await fleet.reached("t0", "completed");
    expect(done).toMatchObject({ attempt: 2, result: { text: doneText("t0") } });
    expect(done.sessionId).not.toBe(killed);
    // The orphaned command was killed before its task went on, or it would have noted its end once more.
    expect(linesOf(log("t0"))).toEqual(["one", "two-begun", "two-begun", "two", "three"]);
    for (const id of tasks.slice(1)) expect(linesOf(log(id))).toEqual(["one", "two", "three"]);

    const turns = model.requests.flatMap(({ conversation }) => conversation.turns);
    const resumed = turns.find(
      ({ role, text }) => role === "user" && text.includes("This task was begun before"),
    );
    expect(resumed?.text).toMatch(/### Outcome unknown\n- \w+: echo two-begun/);
    expect(resumed?.text).toMatch(/### Done\n[^#]*echo one/);
    const commands = turns.flatMap(({ toolCalls }) => toolCalls.map(({ command }) => command));
    expect(commands).toContain("echo looked at two");
    worker.process.kill("SIGTERM");
    expect(await worker.exited).toBe(0);
  },
);
