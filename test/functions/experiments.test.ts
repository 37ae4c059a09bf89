import { beforeEach, expect, test } from "vitest";
import {
  ExperimentAnswer,
  type ExperimentDetail,
  ExperimentsAnswer,
  TuningAnswer,
} from "../../shared/contract/experiment-routes.ts";
import { PARAMETER_DEFAULTS, ParameterName } from "../../shared/contract/parameters.ts";
import { guard } from "../../shared/domain/experiments/advance.ts";
import { draft } from "../../shared/domain/experiments/lifecycle.ts";
import { nightAt } from "../../shared/operations/run-night.ts";
import { useEmbeddedCloud } from "../fixtures/embedded-cloud.ts";
import { aHypothesis, aStage, anArm } from "../fixtures/experiments.ts";
import { createFleet } from "../fixtures/fleet-api.ts";
import { fleetOfKey, liveFourWeeks, portsOfCloud } from "../fixtures/tuned-fleet.ts";
import { makeKey, must } from "./cast.ts";

const cloud = useEmbeddedCloud({
  profile: "standard",
  schedule: false,
  functions: { sweep: "test/functions/quiet.handler", dispatch: "test/functions/quiet.handler" },
});
const MINUTE_MS = 60_000;
const BUSY = { sessions: 200, tasks: 200 };
const IDLE = { sessions: 0, tasks: 0 };

/** A fleet of its own for each test. */
let fleet = "";
let key = "";
beforeEach(async () => {
  ({ key } = await createFleet(cloud(), "standard"));
  fleet = fleetOfKey(key);
});

const ask = (method: string, path: string, body?: object) => cloud().request(method, path, { key, body });
const list = async () => ExperimentsAnswer.parse(await must(cloud(), "GET", "/v1/experiments", { key }));
const post = async (path: string, body?: object) =>
  ExperimentAnswer.parse(await must(cloud(), "POST", path, { key, body })).experiment;
const tune = async (body: object) =>
  TuningAnswer.parse(await must(cloud(), "POST", "/v1/tuning", { key, body })).tuning;
const shorter = {
  parameter: "checkpointIntervalMs",
  treatment: 5 * MINUTE_MS,
  effect: MINUTE_MS / 2,
} as const;

async function lived(perDay: { sessions: number; tasks: number }): Promise<void> {
  await liveFourWeeks(await portsOfCloud(), fleet, perDay);
}

/** A proposal as a night makes it. */
async function propose(parameter: ParameterName = "checkpointIntervalMs"): Promise<string> {
  const { record, clock } = await portsOfCloud();
  const drafted = draft(
    { fleet, parameter, control: 10 * MINUTE_MS, treatment: 5 * MINUTE_MS, hypothesis: aHypothesis() },
    nightAt(clock.nowMs()),
  );
  await record.experiments.commit(null, drafted);
  return drafted.id;
}

/** A refusal's status and code, and that its detail says so much. */
async function expectRefused(
  answer: ReturnType<typeof ask>,
  status: number,
  code: string,
  ...says: readonly (string | RegExp)[]
): Promise<void> {
  const { status: was, body } = await answer;
  expect({ status: was, code: (body as { code?: string }).code }).toEqual({ status, code });
  for (const words of says) expect((body as { detail: string }).detail).toMatch(words);
}
const states = async () => (await list()).experiments.map(({ state }) => state);

test("a new fleet has tried nothing, waits for approval, and says of every parameter what it may be", async () => {
  const { experiments, tuning, notProposed } = await list();
  expect({ experiments, notProposed }).toEqual({ experiments: [], notProposed: [] });
  expect(tuning).toMatchObject({ mode: "suggest", version: 0 });
  expect(tuning.parameters.map(({ name }) => name)).toEqual(ParameterName.options);
  expect(tuning.parameters.every(({ source }) => source === "default")).toBe(true);
  expect(Object.fromEntries(tuning.parameters.map((one) => [one.name, one.value]))).toEqual(
    PARAMETER_DEFAULTS,
  );
  expect(tuning.parameters.find(({ name }) => name === "balancerPolicy")).toMatchObject({
    ...{ allowed: "least-loaded, performance", metrics: ["waitMs", "durationMs", "completed"] },
    randomised: false,
  });
});

test("a trial of somebody's own is drafted, planned by the fleet's own weeks, and started at once", async () => {
  await lived(BUSY);
  const { status, body } = await ask("POST", "/v1/experiments", shorter);
  const { experiment } = ExperimentAnswer.parse(body);
  expect(status).toBe(201);
  expect(experiment).toMatchObject({
    ...{ state: "running", parameter: "checkpointIntervalMs", unit: "session", metric: "lostWorkMs" },
    ...{ control: 10 * MINUTE_MS, treatment: 5 * MINUTE_MS, treatmentShare: 0.1, nights: 0, result: null },
    ...{ horizonNights: 60, endedAt: null, hypothesis: { detector: "operator", effect: -MINUTE_MS / 2 } },
    log: [{ by: "operator", from: "draft", to: "running" }],
  });
  expect(experiment.horizonUnits).toBe(experiment.plan?.horizonUnits);
  // One of twenty crashes, and loses twelve minutes on average.
  expect(experiment.hypothesis.baseline).toBeGreaterThan(20_000);
  expect((await list()).experiments.map(({ id, state }) => [id, state])).toEqual([
    [experiment.id, "running"],
  ]);
  expect((await list()).tuning.version).toBe(1);
  const { record } = await portsOfCloud();
  expect((await record.fleets.get(fleet))?.tuning?.active).toMatchObject([{ id: experiment.id, stage: 0 }]);
});

test("a start that is repeated is one, by its Idempotency-Key", async () => {
  await lived(BUSY);
  const headers = { "idempotency-key": "once" };
  const start = () => cloud().request("POST", "/v1/experiments", { key, headers, body: shorter });
  const [first, second] = [await start(), await start()];
  expect(second).toMatchObject({ status: 201, body: first.body as object });
  expect(await states()).toEqual(["running"]);
});

test("a start that was killed after its draft goes on when it is repeated", async () => {
  await lived(BUSY);
  const { record } = await portsOfCloud();
  const { id } = await post("/v1/experiments", shorter);
  const started = await record.experiments.get(fleet, id);
  if (!started) throw new Error("It is gone.");
  const { plan: _plan, ...rest } = started;
  await record.experiments.commit(started, {
    ...{ ...rest, plan: null, state: "draft", stages: [], log: [], startedAtMs: null, night: null },
  });
  expect(await post("/v1/experiments", shorter)).toMatchObject({ id, state: "running" });
  expect(await states()).toEqual(["running"]);
});

test("approving starts a proposal, and repeating it answers with what runs", async () => {
  await lived(BUSY);
  const id = await propose();
  expect(await states()).toEqual(["draft"]);
  const first = await ask("POST", `/v1/experiments/${id}/approve`);
  expect(first).toMatchObject({ status: 200, body: { experiment: { state: "running" } } });
  expect(await ask("POST", `/v1/experiments/${id}/approve`, {})).toMatchObject({
    status: 200,
    body: first.body as object,
  });
});

test("stopping ends a draft and what runs, once and for all, and says who asked for what", async () => {
  await lived(BUSY);
  const drafted = await propose("contextWarning");
  expect(await post(`/v1/experiments/${drafted}/stop`)).toMatchObject({ state: "halted", plan: null });
  const { id } = await post("/v1/experiments", shorter);
  const stopped = await post(`/v1/experiments/${id}/stop`, { reason: "another release" });
  expect(stopped).toMatchObject({ state: "halted", reason: "another release", treatmentShare: 0 });
  expect(stopped.log.at(-1)).toMatchObject({ by: "operator", from: "running", to: "halted" });
  expect(await post(`/v1/experiments/${id}/stop`, { reason: "again" })).toEqual(stopped);
  await expectRefused(
    ask("POST", `/v1/experiments/${id}/approve`),
    ...([409, "experiment.refused", "halted"] as const),
  );
  const { record } = await portsOfCloud();
  expect((await record.fleets.get(fleet))?.tuning?.active).toEqual([]);
});

test("what the engine rolled back cannot be stopped, and its numbers are numbers", async () => {
  await lived(BUSY);
  const { id } = await post("/v1/experiments", shorter);
  const { record, clock } = await portsOfCloud();
  const running = await record.experiments.get(fleet, id);
  const crashed = (n: number) => anArm(9_000, {}, { events: { crashed: n } });
  const harmed =
    running && guard(running, [aStage(0, 0.5, crashed(0), crashed(9_000))], nightAt(clock.nowMs()));
  if (!harmed) throw new Error("No harm was seen.");
  await record.experiments.commit(running, harmed);
  await expectRefused(
    ask("POST", `/v1/experiments/${id}/stop`),
    ...([409, "experiment.refused", "rolled back", "Pin checkpointIntervalMs"] as const),
  );
  const shown = ExperimentAnswer.parse(await must(cloud(), "GET", `/v1/experiments/${id}`, { key }));
  expect(shown.experiment.log.at(-1)?.numbers).toMatchObject({ eValue: Number.MAX_VALUE });
});

test("what nobody has is not found, whatever is asked of it", async () => {
  for (const [method, what] of [
    ["GET", ""],
    ["POST", "/approve"],
    ["POST", "/stop"],
  ] as const)
    for (const id of ["none", "checkpointIntervalMs-1", "a:b", "x".repeat(65)])
      await expectRefused(ask(method, `/v1/experiments/${id}${what}`), 404, "experiment.not_found");
});

test("a trial that means nothing is refused with what may be", async () => {
  await lived(BUSY);
  const start = (more: object) => ask("POST", "/v1/experiments", { ...shorter, ...more });
  const invalid = [422, "parameter.invalid"] as const;
  await expectRefused(start({ treatment: 1_000 }), ...invalid, "a whole number, 30000 to 7200000");
  await expectRefused(start({ treatment: 60_000.5 }), ...invalid, "a whole number");
  await expectRefused(start({ treatment: "often" }), ...invalid, "a whole number");
  await expectRefused(
    start({ parameter: "balancerPolicy", treatment: "random" }),
    ...invalid,
    "one of least-loaded, performance",
  );
  await expectRefused(start({ metric: "completed" }), ...invalid, "may be decided by lostWorkMs");
  await expectRefused(start({ treatment: 10 * MINUTE_MS }), ...invalid, "nothing to compare");
  await expectRefused(
    start({ parameter: "retryBackoffFactor", treatment: 4, metric: "completed", effect: 5 }),
    ...[...invalid, "5 percentage points is 0.05"],
  );
  expect(await states()).toEqual([]);
});

test("a trial that cannot be run leaves no draft behind, and says what it would take", async () => {
  const refused = [409, "experiment.refused"] as const;
  const start = (more: object = {}) => ask("POST", "/v1/experiments", { ...shorter, ...more });
  await expectRefused(start(), ...refused, "lostWorkMs is known");
  await lived({ sessions: 20, tasks: 20 });
  await expectRefused(
    start({ effect: 5_000 }),
    ...[...refused, /needs [\d,]+ sessions, which take [\d,]+ nights at 20 a night/, /only [\d.]+ (s|min)/],
  );
  await expectRefused(
    start({ parameter: "balancerPolicy", treatment: "performance" }),
    ...[...refused, "by a part of the fleet alone", /share one pool of sessions\.$/],
  );
  await lived(BUSY);
  await tune({ mode: "off" });
  await expectRefused(start(), ...refused, "switched off");
  await tune({ mode: "suggest", pin: { checkpointIntervalMs: 7 * MINUTE_MS } });
  await expectRefused(start(), ...refused, "checkpointIntervalMs is pinned");
  expect(await states()).toEqual([]);
  await tune({ unpin: ["checkpointIntervalMs"] });
  await post("/v1/experiments", shorter);
  await expectRefused(
    start({ treatment: 4 * MINUTE_MS }),
    ...refused,
    /checkpointIntervalMs-\d+ is under way/,
  );
  // Of the same layer: it would change what the other measures.
  await expectRefused(
    start({ parameter: "contextWarning", treatment: 0.5 }),
    ...[...refused, /checkpointIntervalMs-\d+ is under way, and its parameter interacts/],
  );
  expect(await states()).toEqual(["running"]);
});

test("who has a better idea than a proposal declines it, and tries that at once", async () => {
  await lived(BUSY);
  const id = await propose();
  const mine = { ...shorter, treatment: 4 * MINUTE_MS };
  await expectRefused(
    ask("POST", "/v1/experiments", mine),
    ...([409, "experiment.refused", `the draft ${id} waits already`] as const),
  );
  await post(`/v1/experiments/${id}/stop`);
  expect(await post("/v1/experiments", mine)).toMatchObject({ id: `${id}-2`, state: "running" });
  await post(`/v1/experiments/${id}-2/stop`);
  // The engine would rest for four weeks; a person need not.
  expect(await post("/v1/experiments", mine)).toMatchObject({ id: `${id}-3`, state: "running" });
});

test("switching off ends what runs, and keeps proposals from being approved until it is on again", async () => {
  await lived(BUSY);
  const { id } = await post("/v1/experiments", shorter);
  const other = await propose("briefTokens");
  expect(await tune({ mode: "off" })).toMatchObject({ mode: "off", version: 2 });
  const { experiments } = await list();
  expect(new Map(experiments.map((one) => [one.id, one.state]))).toEqual(
    new Map([
      [id, "halted"],
      [other, "draft"],
    ]),
  );
  expect(experiments.find((one) => one.id === id)?.reason).toBe("tuning was switched off");
  await expectRefused(
    ask("POST", `/v1/experiments/${other}/approve`),
    ...([409, "experiment.refused", "switched off"] as const),
  );
});

test("a pin is used by all at once, ends what is tried, and is let go", async () => {
  await lived(BUSY);
  const running = await post("/v1/experiments", shorter);
  const used = (tuning: Awaited<ReturnType<typeof tune>>) =>
    tuning.parameters.find(({ name }) => name === "checkpointIntervalMs");
  const pin = { checkpointIntervalMs: 3 * MINUTE_MS };
  expect(used(await tune({ pin }))).toMatchObject({ value: 3 * MINUTE_MS, source: "pinned" });
  const shown = await must<{ experiment: ExperimentDetail }>(
    ...([cloud(), "GET", `/v1/experiments/${running.id}`, { key }] as const),
  );
  expect(shown.experiment).toMatchObject({ state: "halted", reason: "checkpointIntervalMs was pinned" });
  const { version } = await tune({ pin });
  expect((await tune({ pin })).version, "the same again").toBe(version);
  expect(used(await tune({ unpin: ["checkpointIntervalMs"] }))).toMatchObject({
    value: 10 * MINUTE_MS,
    source: "default",
  });
  await expectRefused(
    ask("POST", "/v1/tuning", { pin: { ...pin, checkpointToolCalls: 0 } }),
    ...([422, "parameter.invalid", "checkpointToolCalls may be a whole number, 1 to 200"] as const),
  );
  await expectRefused(
    ask("POST", "/v1/tuning", { pin, unpin: ["checkpointIntervalMs"] }),
    ...([422, "parameter.invalid", "both"] as const),
  );
  expect(used((await list()).tuning)?.source).toBe("default");
});

test("agents, submitters and other fleets see and change nothing", async () => {
  await lived(BUSY);
  const { id } = await post("/v1/experiments", shorter);
  const { key: rival } = await createFleet(cloud(), "standard");
  const routes = [
    ["GET", "/v1/experiments"],
    ["POST", "/v1/experiments", shorter],
    ["GET", `/v1/experiments/${id}`],
    ["POST", `/v1/experiments/${id}/approve`],
    ["POST", `/v1/experiments/${id}/stop`],
    ["POST", "/v1/tuning", { mode: "off" }],
  ] as const;
  for (const scope of ["agent", "submit"] as const) {
    const { secret } = await makeKey(cloud(), scope, { as: key });
    for (const [method, path, body] of routes)
      expect(await cloud().request(method, path, { key: secret, body }), `${scope} ${path}`).toMatchObject({
        status: 403,
        body: { code: "scope.insufficient" },
      });
  }
  const { secret: operate } = await makeKey(cloud(), "operate", { as: key });
  expect((await cloud().request("GET", "/v1/experiments", { key: operate })).status).toBe(200);
  expect(
    (await must<ExperimentsAnswer>(cloud(), "GET", "/v1/experiments", { key: rival })).experiments,
  ).toEqual([]);
  for (const [method, path] of routes.slice(2, 5))
    expect(await cloud().request(method, path, { key: rival })).toMatchObject({ status: 404 });
  expect(await states()).toEqual(["running"]);
});

test("a fleet without any work has nothing to plan with", async () => {
  await lived(IDLE);
  await expectRefused(
    ask("POST", "/v1/experiments", shorter),
    409,
    "experiment.refused",
    "lostWorkMs is known",
  );
});
