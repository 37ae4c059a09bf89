import { execFileSync } from "node:child_process";
import path from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { createFleet } from "../agent/fleet.ts";
import { useEmbeddedCloud } from "../fixtures/embedded-cloud.ts";
import { eventually } from "../fixtures/eventually.ts";
import { type AgentName, linesOf, pidsOf, scratchRepository, startAgentHost } from "./agent-host.ts";
import { installClis } from "./install-clis.ts";
import { type Script, startScriptedModel } from "./scripted-model.ts";
import { doneText, stepsPrompt, stepwise } from "./stepwise.ts";

const cloud = useEmbeddedCloud();
const clis = await installClis();

const AGENTS: readonly AgentName[] = ["claude", "codex"];
// Each host notes in its own folder what ran there.
const STEPS = ["one", "two", "three"].map((name) => ({ name, command: `echo ${name} >> log` }));

/** Bar 4, for an agent that was not stopped: nobody is there to kill it, and it must still change nothing. */
test.each(AGENTS)(
  "%s whose supervisor froze until its task was done elsewhere has its next tool call denied, with the reason, and works on as a new start",
  async (agent) => {
    const fleet = await createFleet(cloud(), "fast");
    const thinking = Promise.withResolvers<undefined>();
    const asked = Promise.withResolvers<undefined>();
    let held = false;
    // The first to be asked for the second step thinks about it until it is let go.
    const script: Script = async (conversation) => {
      const said = stepwise(conversation);
      if (held || said.shell !== STEPS[1]?.command) return said;
      held = true;
      asked.resolve(undefined);
      await thinking.promise;
      return said;
    };
    const model = await startScriptedModel(script);
    onTestFinished(model.close);
    const [here, there] = [scratchRepository(), scratchRepository()];
    const log = (cwd: string) => linesOf(path.join(cwd, "log"));
    const frozen = startAgentHost({ fleet, host: "frozen", agent, clis, model, cwd: here });
    await fleet.live(1);
    await fleet.submit({ id: "t", data: { prompt: stepsPrompt(STEPS) } });
    await asked.promise;
    const stopped = [frozen.process.pid ?? 0, ...wrappersOf(frozen.process.pid ?? 0)];
    expect(stopped).toHaveLength(2);
    for (const pid of stopped) process.kill(pid, "SIGSTOP");

    const other = startAgentHost({ fleet, host: "other", agent, clis, model, cwd: there });
    const done = await fleet.reached("t", "completed");
    expect(done).toMatchObject({ sessionId: "other-1", attempt: 2, result: { text: doneText("t") } });
    expect(log(there).slice(-2)).toEqual(["two", "three"]);
    other.process.kill("SIGTERM");
    await other.exited;

    thinking.resolve(undefined);
    await eventually("the agent asks whether it may", () => pidsOf(/hooks\/relay/).length > 0);
    expect(log(here)).toEqual(["one"]);
    // Its wrapper, which would kill the agent at once, stays stopped.
    frozen.process.kill("SIGCONT");
    await frozen.said("a tool call was denied", { task: "t" });
    await eventually("the model hears why", () =>
      model.requests.some(({ conversation }) =>
        conversation.turns.some(({ toolResults }) =>
          toolResults.some(({ text, isError }) => isError && /publish nothing of the task/.test(text)),
        ),
      ),
    );

    await fleet.submit({
      id: "next",
      data: { prompt: stepsPrompt([{ name: "four", command: "echo four >> log" }]) },
    });
    expect(await fleet.reached("next", "completed")).toMatchObject({ sessionId: "frozen-1" });
    // A busy machine may give its new start up once: the next task, unlike the one that was lost, may run there twice.
    expect(new Set(log(here))).toEqual(new Set(["one", "four"]));
    expect(await fleet.task("t"), "the result of the task's new holder").toEqual(done);
  },
);

/** What stands between a worker and its agents. */
function wrappersOf(worker: number): number[] {
  const listed = execFileSync("ps", ["-A", "-o", "pid=,ppid=,args="], { encoding: "utf8" });
  return listed
    .split("\n")
    .map((line) => line.trim().split(/\s+/))
    .filter(
      ([, parent, ...args]) => Number(parent) === worker && args.some((arg) => arg.includes("child-wrapper")),
    )
    .map(([pid]) => Number(pid));
}
