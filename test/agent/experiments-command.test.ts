import { expect, test, vi } from "vitest";
import { advance, guard } from "../../shared/domain/experiments/advance.ts";
import { draft, launch } from "../../shared/domain/experiments/lifecycle.ts";
import { nightAt } from "../../shared/operations/run-night.ts";
import { useEmbeddedCloud } from "../fixtures/embedded-cloud.ts";
import { aHypothesis, aPlan, aStage, anArm } from "../fixtures/experiments.ts";
import { fleetOfKey, liveFourWeeks, portsOfCloud } from "../fixtures/tuned-fleet.ts";
import { createFleet, type TestFleet } from "./fleet.ts";
import { lastLine, runShim } from "./shim-command.ts";

const cloud = useEmbeddedCloud();
// A bound, not a duration: on a busy machine every process takes its time to start.
vi.setConfig({ testTimeout: 90_000 });

const NIGHT_MS = 24 * 3_600_000;
const MINUTE_MS = 60_000;

/** `shim experiments` as somebody with the fleet's admin key runs it. */
function operator({ url, key }: Pick<TestFleet, "url" | "key">) {
  return (...args: readonly string[]) =>
    runShim(["experiments", ...args], "", { SHIM_URL: url, SHIM_KEY: key });
}

async function livedFleet() {
  const fleet = await createFleet(cloud(), "standard");
  const ports = await portsOfCloud();
  const name = fleetOfKey(fleet.key);
  await liveFourWeeks(ports, name, { sessions: 200, tasks: 200 });
  return { shim: operator(fleet), fleet, name, ports, night: nightAt(ports.clock.nowMs()) };
}
type Lived = Awaited<ReturnType<typeof livedFleet>>;

const proposal = (fleet: string) => ({
  ...({ fleet, parameter: "checkpointIntervalMs", control: 600_000, treatment: 300_000 } as const),
  hypothesis: aHypothesis(),
});

async function propose({ ports, name, night }: Lived): Promise<string> {
  const drafted = draft(proposal(name), night);
  await ports.record.experiments.commit(null, drafted);
  return drafted.id;
}

/** An experiment that has run for so many nights, of 400 units an arm. */
function running({ name, night }: Lived, nights: number) {
  const at = (ago: number) => ({ day: night.day - ago, atMs: night.atMs - ago * NIGHT_MS });
  let one = launch(draft(proposal(name), at(nights)), aPlan(), at(nights), "operator");
  const arm = (lostWorkMs: number) => anArm(400, { lostWorkMs }, { variance: 200_000 ** 2 });
  for (let ago = nights - 1; ago >= 0; ago--)
    one = advance(one, [aStage(one.stages.length - 1, 0.5, arm(90_000), arm(60_000))], at(ago));
  return one;
}

test("of a new fleet it says that nothing was tried, and of every parameter what it may be", async () => {
  const shim = operator(await createFleet(cloud(), "standard"));
  const { out, code } = await shim();
  expect(code).toBe(0);
  expect(out).toBe(
    "Mode suggest: proposals wait for approval. Configuration 0.\n\n" +
      "Nothing was tried yet. Proposals are made at night, from at least a few days of work.\n",
  );
  expect((await shim("list")).out).toBe(out);
  expect(lastLine(await shim("--json"))).toMatchObject({ experiments: [], notProposed: [] });
  expect((await shim("weeks")).out).toContain("No night has looked at this fleet yet");
  const parameters = await shim("parameters");
  expect(parameters.out).toMatch(/\ncheckpointIntervalMs +600000 \(10 min\) +default +30000 to 7200000\n/);
  expect(parameters.out).toContain("\n    tried host by host, decided by crashed, lostWorkMs\n");
  expect(parameters.out).toContain("\n    never tried, only pinned\n");
});

test("a proposal is shown with why, approved, and stopped", async () => {
  const lived = await livedFleet();
  const id = await propose(lived);
  const { shim } = lived;
  expect((await shim()).out).toMatch(new RegExp(`\\n${id}  draft  10 min -> 5 min  -  +\\d+[smhd]\\n`));
  expect((await shim()).out).toContain(
    `\n    Shorter intervals lose less work.\n    shim experiments approve ${id}\n`,
  );
  expect((await shim("show", id)).out).toContain(
    `${id} is a draft. It waits for: shim experiments approve ${id}\n`,
  );
  expect((await shim("approve", id)).out).toBe(`${id} is running: Shorter intervals lose less work.\n`);
  expect((await shim("approve", id)).code).toBe(0);
  expect((await shim("stop", id, "--reason", "another release")).out).toBe(
    `${id} is halted: another release.\n`,
  );
  const again = await shim("approve", id, "--json");
  expect(again.code).toBe(1);
  expect(lastLine(again)).toMatchObject({ error: { code: "experiment.refused" } });
  expect(again.err).toContain("it is halted and no draft any more");
});

test("what runs is shown night by night, with its units, and as far as it is", async () => {
  const lived = await livedFleet();
  const { shim, ports } = lived;
  const one = running(lived, 12);
  await ports.record.experiments.commit(null, one);
  const list = await shim();
  expect(list.out).toMatch(/ {2}running {2}10 min -> 5 min {2}50 % {5}12d\n/);
  expect(list.out).toMatch(
    /\n {4}lostWorkMs -30 s \(-[\d.]+ min to \+[\d.]+ s\); night 12 of 60, 800 of 2,000 units\n/,
  );
  const { out } = await shim("show", one.id);
  expect(out).toContain("\ntries       checkpointIntervalMs 10 min -> 5 min, session by session\n");
  expect(out).toContain("\ndecided by  lostWorkMs, of which less is better\n");
  expect(out).toContain("\ncontrol     1.5 min of 400 units\ntreatment   1 min of 400 units\n");
  expect(out).toMatch(/\nto beat {5}9[\d.]+ % that the treatment is better; shown, and never decided by\n/);
  // Twelve nights, a column each.
  expect(out).toMatch(/┤●{12}\n/);
  expect(out).toMatch(/\n +night 1 +12\n/);
  expect(out).toMatch(/\n\d{4}-\d\d-\d\d \d\d:\d\d {2}engine +running {2}25 % +no harm seen at this share\n/);
  expect(lastLine(await shim("show", one.id, "--json"))).toMatchObject({
    experiment: { id: one.id, nights: 12, horizonNights: 60, horizonUnits: 2_000 },
  });
});

test("what was rolled back says by which numbers", async () => {
  const lived = await livedFleet();
  const { shim, ports, name, night } = lived;
  const arm = (crashed: number) => anArm(300, {}, { events: { crashed } });
  const started = launch(draft(proposal(name), night), aPlan(), night, "engine");
  const harmed = guard(started, [aStage(0, 0.5, arm(3), arm(40))], night);
  await ports.record.experiments.commit(null, harmed ?? started);
  const { out } = await shim("show", started.id);
  expect(out).toMatch(/^\S+ is rolled back: the treatment harms the guardrail crashed\.\n/);
  expect(out).toMatch(/\nin numbers {2}eValue [\d,.e+]+, limit 20, alpha 0.05\n/);
  expect(out).toContain("\nNothing to draw: too few units are known.\n");
  const { out: list } = await shim();
  expect(list).toContain("\n    the treatment harms the guardrail crashed.\n");
});

test("a trial of one's own is started, or refused with what it would take", async () => {
  const { shim } = await livedFleet();
  const start = (...more: string[]) => shim("start", "checkpointIntervalMs", "300000", ...more);
  const refused = await start("--effect", "100");
  expect(refused.code).toBe(1);
  expect(refused.err).toMatch(/An effect of 100 ms on lostWorkMs needs [\d,]+ sessions/);
  expect((await shim()).out).toContain("Nothing was tried yet.");
  const words = ["--metric", "lostWorkMs", "--statement", "The disk is faster now"];
  const started = await start("--effect", "30000", ...words);
  expect(started.out).toMatch(/^checkpointIntervalMs-\d+ is running: The disk is faster now\.\n$/);
  const twice = await start("--effect", "30000", "--json");
  expect(lastLine(twice)).toMatchObject({ error: { code: "experiment.refused" } });
});

test("the mode is chosen, and parameters are pinned and let go", async () => {
  const { shim } = await livedFleet();
  expect((await shim("mode", "auto")).out).toMatch(/^Mode auto: proposals start by themselves\./);
  const pinned = lastLine(await shim("pin", "balancerPolicy", "performance", "--json"));
  expect(pinned).toMatchObject({ tuning: { mode: "auto", version: 1 } });
  expect((await shim("pin", "checkpointIntervalMs", `${3 * MINUTE_MS}`)).out).toMatch(
    /\ncheckpointIntervalMs +180000 \(3 min\) +pinned /,
  );
  const outside = await shim("pin", "checkpointIntervalMs", "1", "--json");
  expect(outside.code).toBe(1);
  expect(lastLine(outside)).toMatchObject({ error: { code: "parameter.invalid" } });
  expect((await shim("unpin", "checkpointIntervalMs")).out).toMatch(
    /\ncheckpointIntervalMs +600000 \(10 min\) +default /,
  );
  expect((await shim("mode", "off")).out).toMatch(/^Mode off: nothing is proposed or tried\./);
});

test("wrong usage is 2, what may not be asked 77, what is not there 1, and help shows how", async () => {
  const fleet = await createFleet(cloud(), "standard");
  const shim = operator(fleet);
  for (const wrong of [
    ["bogus"],
    ["show"],
    ["show", "a:b"],
    ["approve"],
    ["mode", "on"],
    ["mode"],
    ["pin", "capacity", "1"],
    ["pin", "briefTokens"],
    ["unpin", "capacity"],
    ["start", "briefTokens", "4000"],
    ["start", "briefTokens", "4000", "--effect", "0"],
    ["start", "briefTokens", "4000", "--effect", "much"],
    ["start", "briefTokens", "4000", "--effect", "1", "--metric", "speed"],
    ["start", "capacity", "4", "--effect", "1"],
    ["list", "--bogus"],
  ])
    expect((await shim(...wrong)).code, wrong.join(" ")).toBe(2);
  const gone = await shim("show", "none", "--json");
  expect(gone.code).toBe(1);
  expect(lastLine(gone)).toMatchObject({ error: { code: "experiment.not_found" } });
  expect((await operator({ ...fleet, key: "shim_k.none/key_x.x" })()).code).toBe(77);
  const help = await shim("--help");
  expect(help.code).toBe(0);
  for (const name of ["list", "show", "approve", "stop", "start", "mode", "pin", "unpin", "parameters"])
    expect(help.out).toMatch(new RegExp(`^ {2}${name} `, "m"));
  expect((await shim("start", "--help")).out).toContain("--effect <number>");
});

test("a server that cannot be reached is 69", async () => {
  const { code } = await operator({ url: "http://127.0.0.1:9", key: "k" })("--json");
  expect(code).toBe(69);
});
