import { expect, onTestFinished, test } from "vitest";
import { claude } from "../../agent/adapters/claude.ts";
import { createActivityWatch, STALL_LIMITS_MS } from "../../agent/signals/activity-watch.ts";
import { createFleet } from "../agent/fleet.ts";
import { useEmbeddedCloud } from "../fixtures/embedded-cloud.ts";
import { eventually } from "../fixtures/eventually.ts";
import { createWorld } from "../fixtures/memory-world.ts";
import { linesOf, scratchRepository, startAgentHost } from "./agent-host.ts";
import { installClis } from "./install-clis.ts";
import { startScriptedModel } from "./scripted-model.ts";
import { doneText, stepsPrompt, stepwise } from "./stepwise.ts";
import path from "node:path";

const cloud = useEmbeddedCloud();
const clis = await installClis();

const TEN_MINUTES_MS = 600_000;

test("a storm of 429s is a model that is waited for: nobody is reaped, neither at once nor in ten minutes", async () => {
  const fleet = await createFleet(cloud(), "fast");
  let refusals = 0;
  let calm = false;
  const model = await startScriptedModel((conversation) => {
    if (calm) return stepwise(conversation);
    refusals += 1;
    return { status: 429, retryAfterS: 1 };
  });
  onTestFinished(model.close);
  const cwd = scratchRepository();
  const log = path.join(cwd, "log");
  const worker = startAgentHost({
    ...{ fleet, host: "h", agent: "claude", clis, model, cwd },
    flags: ["--show-output"],
  });
  await fleet.live(1);
  const steps = [{ name: "one", command: `echo one >> ${log}` }];
  await fleet.submit({ id: "t", data: { prompt: stepsPrompt(steps) } });
  const [waiting] = await eventually("the session says that it waits for its model", async () => {
    const sessions = await fleet.sessions();
    return sessions.some(({ activity }) => activity === "model_waiting") && sessions;
  });
  expect(waiting).toMatchObject({ state: "live", restarts: 0 });
  await eventually("it was refused more than once", () => refusals >= 3);

  // What Claude Code said of that, once more, over ten minutes by a clock that is moved.
  const lines = worker.logged.flatMap(({ what, line }) => (what === "|" ? [String(line)] : []));
  const events = lines.flatMap((line) => claude.parseLine(line));
  const retries = events.filter(({ type }) => type === "retry");
  expect(retries.length).toBeGreaterThan(0);
  const watch = createActivityWatch(0);
  for (let atMs = 0; atMs <= TEN_MINUTES_MS; atMs += 38_000) {
    for (const retry of retries) watch.hear(retry, atMs);
    expect([watch.activity(), watch.stalled(atMs + 37_000)]).toEqual(["model_waiting", null]);
  }
  expect(STALL_LIMITS_MS.model_waiting).toBeGreaterThan(TEN_MINUTES_MS);
  await expectNobodyReaped();

  calm = true;
  expect(await fleet.reached("t", "completed")).toMatchObject({
    attempt: 1,
    result: { text: doneText("t") },
  });
  expect(linesOf(log)).toEqual(["one"]);
  expect(await fleet.sessions()).toMatchObject([{ state: "live", restarts: 0 }]);
});

/** The control plane's side of it: who beats and waits keeps its task for ten minutes; who is silent does not. */
async function expectNobodyReaped(): Promise<void> {
  const world = createWorld();
  const waiting = await world.register("waits", { capacity: 1 });
  await world.submit({ id: "a" });
  const [held] = await world.claim(waiting);
  const { fence = 0 } = held ?? {};
  const beat = () =>
    world.beat(waiting, [{ id: "waits", epoch: 1, activity: "model_waiting", tasks: [{ id: "a", fence }] }]);
  for (let passedMs = 0; passedMs < TEN_MINUTES_MS; passedMs += 5_000) {
    world.advance(5_000);
    await beat();
    await world.tick();
  }
  expect(await world.task("a")).toMatchObject({ state: "running", attempt: 1, owner: { session: "waits" } });
  for (let passedMs = 0; passedMs < 60_000; passedMs += 5_000) {
    world.advance(5_000);
    await world.tick();
  }
  expect((await world.session("waits")).state).toBe("crashed");
}
