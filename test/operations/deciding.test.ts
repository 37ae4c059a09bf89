import { describe, expect, it } from "vitest";
import type { ExperimentRequest } from "../../shared/contract/experiment-routes.ts";
import { isRefusal } from "../../shared/contract/errors.ts";
import { DAY_MS, dayOf } from "../../shared/domain/experiments/day.ts";
import { draft } from "../../shared/domain/experiments/lifecycle.ts";
import {
  approveExperiment,
  getExperiment,
  listExperiments,
  stopExperiment,
} from "../../shared/operations/decide-experiment.ts";
import { changeTuning } from "../../shared/operations/manage-tuning.ts";
import { NIGHT_AT_MS } from "../../shared/operations/run-night.ts";
import { startExperiment } from "../../shared/operations/start-experiment.ts";
import { interrupting } from "../fixtures/crash-points.ts";
import { aHypothesis, anExperiment } from "../fixtures/experiments.ts";
import { FLEET, createWorld, must } from "../fixtures/memory-world.ts";
import { liveFourWeeks } from "../fixtures/tuned-fleet.ts";

const SHORTER: ExperimentRequest = { parameter: "checkpointIntervalMs", treatment: 300_000, effect: 20_000 };

async function tunedWorld(perDay = { sessions: 200, tasks: 100 }) {
  const world = createWorld();
  world.advance(40 * DAY_MS + NIGHT_AT_MS);
  await liveFourWeeks(world.ports, FLEET, perDay);
  const start = (over: Partial<ExperimentRequest> = {}) =>
    startExperiment(world.ports, FLEET, { ...SHORTER, ...over });
  const why = async (asked: Promise<object>) => {
    const refusal = await asked;
    if (!isRefusal(refusal)) throw new Error("it was not refused");
    return `${refusal.refused}: ${refusal.detail}`;
  };
  const propose = async (parameter: "checkpointIntervalMs" | "briefTokens" = "checkpointIntervalMs") => {
    const at = { day: dayOf(world.nowMs()), atMs: world.nowMs() };
    const hypothesis = aHypothesis({ effect: -20_000 });
    const proposal = { fleet: FLEET, parameter, control: 600_000, treatment: 300_000, hypothesis };
    const drafted = await world.ports.record.experiments.commit(null, draft(proposal, at));
    return drafted?.id ?? "";
  };
  return { world, ports: world.ports, start, why, propose };
}

describe("who starts an experiment", () => {
  it("gets one that runs, planned by the fleet's own weeks, and may stop it", async () => {
    const { ports, start } = await tunedWorld();
    const { experiment } = must(await start());
    expect(experiment).toMatchObject({ state: "running", metric: "lostWorkMs", control: 600_000 });
    expect(experiment.plan?.horizonUnits).toBeGreaterThan(100);
    expect(must(await approveExperiment(ports, FLEET, experiment.id)).experiment).toEqual(experiment);
    expect(must(await getExperiment(ports, FLEET, experiment.id)).experiment).toEqual(experiment);
    const stopped = must(await stopExperiment(ports, FLEET, experiment.id, {}));
    expect(stopped.experiment).toMatchObject({ state: "halted", reason: "stopped by an operator" });
    expect(must(await stopExperiment(ports, FLEET, experiment.id, { reason: "again" }))).toEqual(stopped);
    expect((await listExperiments(ports, FLEET)).experiments.map(({ state }) => state)).toEqual(["halted"]);
    expect(must(await start()).experiment).toMatchObject({ id: `${experiment.id}-2`, state: "running" });
  });

  it("is refused what cannot be, and leaves nothing behind", async () => {
    const { ports, start, why } = await tunedWorld();
    expect(await why(start({ treatment: 1 }))).toMatch(/^parameter.invalid: .* 30000 to 7200000/);
    expect(await why(start({ treatment: 600_000 }))).toContain("is 600000 already");
    expect(await why(start({ metric: "durationMs" }))).toContain("may be decided by lostWorkMs");
    expect(
      await why(start({ parameter: "contextDanger", treatment: 0.8, metric: "crashed", effect: 5 })),
    ).toContain("proportion");
    expect(await why(start({ parameter: "balancerPolicy", treatment: "performance" }))).toContain("alone");
    expect(await why(start({ effect: 1 }))).toMatch(/needs .* sessions, which take .* nights/);
    expect((await listExperiments(ports, FLEET)).experiments).toEqual([]);
    expect(await why(getExperiment(ports, FLEET, "none"))).toContain("experiment.not_found");
    expect(await why(approveExperiment(ports, FLEET, "none"))).toContain("experiment.not_found");
    expect(await why(stopExperiment(ports, FLEET, "none", {}))).toContain("experiment.not_found");
  });

  it("waits for others on the parameter, and for those that interact with it", async () => {
    const { ports, start, why, propose } = await tunedWorld();
    const id = await propose();
    expect(await why(start())).toContain(`the draft ${id} waits already`);
    must(await approveExperiment(ports, FLEET, id));
    expect(await why(start())).toContain(`${id} is under way`);
    expect(await why(start({ parameter: "contextWarning", treatment: 0.5 }))).toContain("interacts");
    must(await changeTuning(ports, FLEET, { mode: "off" }));
    expect(await why(start({ parameter: "contextWarning", treatment: 0.5 }))).toContain("switched off");
  });

  it("takes up a start that was killed before it began", async () => {
    const { ports, start } = await tunedWorld();
    const killed = { ...ports, record: { ...ports.record, fleets: ports.record.fleets } };
    const dying = interrupting(
      killed,
      "record.rollups.getMany",
      async () => Promise.reject(new Error("killed")),
      2,
    );
    await expect(startExperiment(dying, FLEET, SHORTER)).rejects.toThrow("killed");
    expect((await listExperiments(ports, FLEET)).experiments).toMatchObject([{ state: "draft" }]);
    expect(must(await start()).experiment).toMatchObject({ state: "running" });
    expect((await listExperiments(ports, FLEET)).experiments).toHaveLength(1);
  });

  it("hears of somebody who did the same at the same time", async () => {
    const { ports, why } = await tunedWorld();
    const meanwhile = interrupting(ports, "record.experiments.commit", () =>
      startExperiment(ports, FLEET, SHORTER),
    );
    expect(await why(startExperiment(meanwhile, FLEET, SHORTER))).toContain("at the same time");
    expect((await listExperiments(ports, FLEET)).experiments).toMatchObject([{ state: "running" }]);
  });
});

describe("who approves a proposal", () => {
  it("is told if the fleet has become too small for it", async () => {
    const { ports, why, propose } = await tunedWorld({ sessions: 3, tasks: 3 });
    const id = await propose();
    expect(await why(approveExperiment(ports, FLEET, id))).toMatch(/experiment.refused: .* a night/);
    expect((await listExperiments(ports, FLEET)).experiments).toMatchObject([{ state: "draft" }]);
  });

  it("cannot revive what has ended", async () => {
    const { ports, why } = await tunedWorld();
    const ended = { state: "inconclusive", endedAtMs: 1 } as const;
    await ports.record.experiments.commit(null, anExperiment({ ...ended }));
    const [{ id } = { id: "" }] = (await listExperiments(ports, FLEET)).experiments;
    expect(await why(approveExperiment(ports, FLEET, id))).toContain("no draft any more");
    expect(await why(stopExperiment(ports, FLEET, id, {}))).toContain("it is inconclusive");
  });
});

describe("who pins a parameter", () => {
  it("is refused a value that it may not have, and all use one that it may", async () => {
    const { world, ports, why } = await tunedWorld();
    expect(await why(changeTuning(ports, FLEET, { pin: { checkpointToolCalls: 0 } }))).toContain("1 to 200");
    expect(await why(changeTuning(ports, FLEET, { pin: { balancerPolicy: "random" } }))).toContain(
      "least-loaded, performance",
    );
    must(await changeTuning(ports, FLEET, { pin: { checkpointToolCalls: 9, briefTokens: 900 } }));
    const { tuning } = must(await changeTuning(ports, FLEET, { unpin: ["briefTokens"], mode: "auto" }));
    expect(tuning).toMatchObject({ mode: "auto", version: 2 });
    const { config } = (await world.register("s1")).answer;
    expect(config.parameters).toMatchObject({ checkpointToolCalls: 9 });
  });
});
