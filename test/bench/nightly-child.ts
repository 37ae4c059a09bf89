// Runs one night over a million units in a process of its own, whose memory is that of the night.
import { isRefusal } from "../../shared/contract/errors.ts";
import type { ExperimentRecord } from "../../shared/contract/experiments.ts";
import { DAY_MS } from "../../shared/domain/experiments/day.ts";
import { draft, launch } from "../../shared/domain/experiments/lifecycle.ts";
import { NO_TUNING } from "../../shared/domain/experiments/tuning.ts";
import { newFleet } from "../../shared/operations/fleet-of.ts";
import { runNight } from "../../shared/operations/run-night.ts";
import { createWorld } from "../fixtures/memory-world.ts";
import { createNightlyUnits } from "./nightly-units.ts";

const FLEETS = 4;
const PARAMETERS = [
  { parameter: "checkpointIntervalMs", metric: "lostWorkMs" },
  { parameter: "checkpointToolCalls", metric: "lostWorkMs" },
  { parameter: "contextWarning", metric: "crashed" },
  { parameter: "contextDanger", metric: "crashed" },
  { parameter: "tasksPerSession", metric: "crashed" },
] as const;
/** Nights that the experiments have run for, none of which was counted before. */
const DAYS = 20;
const seed = Number(process.argv[2] ?? 1);
const total = Number(process.argv[3] ?? 1_000_000);

const world = createWorld();
const day = Math.floor(world.nowMs() / DAY_MS);
const first = day - DAYS;
const days = new Set(Array.from({ length: DAYS }, (_, i) => first + i));
const perDay = Math.round(total / FLEETS / PARAMETERS.length / DAYS);
const units = createNightlyUnits({ seed, perDay, days }, "session");
const ports = { ...world.ports, record: { ...world.ports.record, units } };
world.advance(3 * 3_600_000);

function seeded(fleet: string, { parameter, metric }: (typeof PARAMETERS)[number]): ExperimentRecord {
  const night = { day: first, atMs: first * DAY_MS };
  const evenStages = [0.1, 0.25, 0.5].map((treatmentShare) => ({
    treatmentShare,
    sinceNight: first,
    sinceMs: night.atMs,
  }));
  const drafted = draft(
    {
      fleet,
      parameter,
      control: 1,
      treatment: 2,
      hypothesis: {
        detector: "bench",
        metric,
        baseline: 0,
        effect: 1,
        interval: [0, 2],
        statement: "",
        evidence: {},
      },
    },
    night,
  );
  const plan = {
    alpha: 0.01,
    index: 1,
    discoveries: 0,
    power: 0.8,
    mde: 1,
    horizonUnits: 1e9,
    horizonNights: 60,
    tuningUnits: 50_000,
    maturesAfterMs: DAY_MS,
    winsorAt: 500_000,
    covariate: { byKey: { "type-1|repository-1": 3 }, other: 2 },
    guardrails: [{ metric: "crashed" as const, margin: 0, baseline: 0.05 }],
  };
  return { ...launch(drafted, plan, night, "bench"), stages: evenStages };
}

for (let i = 0; i < FLEETS; i++) {
  const fleet = i === 0 ? "default" : `fleet-${i}`;
  await ports.record.fleets.commit(null, {
    ...newFleet(fleet, "standard", 0),
    tuning: { ...NO_TUNING, mode: "auto" },
  });
  for (const one of PARAMETERS) {
    const committed = await ports.record.experiments.commit(null, seeded(fleet, one));
    if (isRefusal(committed)) throw new Error("not seeded");
  }
}

const before = process.memoryUsage().rss;
const startedMs = performance.now();
const { failed } = await runNight(ports);
const tookMs = performance.now() - startedMs;
const analysed = (units as typeof units & { count(): number }).count();
const looked = (await ports.record.experiments.list("default")).filter(({ looks }) => looks.length === 1);
if (failed > 0 || looked.length !== PARAMETERS.length)
  throw new Error(
    `The night failed: ${JSON.stringify(world.logged.filter(({ level }) => level === "error"))}`,
  );
process.stdout.write(
  `${JSON.stringify({ tookMs, analysed, beforeBytes: before, peakBytes: process.resourceUsage().maxRSS * 1024 })}\n`,
);
