import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { normalCdf } from "../../shared/domain/statistics/distributions.ts";
import { createDraws } from "./draws.ts";
import { drawPicture } from "./picture.ts";
import { constant, countedTrial } from "./rows.ts";
import { FIRST_NIGHT, decidedAt, runTrial, watchTrial } from "./trial.ts";

/** What docs/EXPERIMENTS.md shows, from the study's own trials: by name of the file. */
export function pictures(): ReadonlyMap<string, string> {
  return new Map([
    ["improvement.svg", drawImprovement()],
    ["harm.svg", drawHarm()],
    ["peeking.svg", drawPeeking()],
  ]);
}

export function writePictures(folder: string): string[] {
  mkdirSync(folder, { recursive: true });
  return [...pictures()].map(([name, svg]) => {
    writeFileSync(path.join(folder, name), svg);
    return path.join(folder, name);
  });
}

/** The worked example: 70 % complete, 78 % with the treatment. */
export function improvement() {
  const draws = createDraws("worked example", 1);
  return runTrial(countedTrial(draws, { unitsPerNight: 60, base: constant(0.7), effect: 0.08 })).experiment;
}

function drawImprovement(): string {
  const experiment = improvement();
  const nights = experiment.looks.length;
  const known = experiment.looks.flatMap(({ night, estimate, interval }) =>
    estimate === null || interval === null ? [] : [{ night: night - FIRST_NIGHT, estimate, interval }],
  );
  return drawPicture({
    title: "An improvement: 70 % of tasks complete, 78 % with the treatment",
    unit: "difference of completed tasks, with its confidence sequence",
    nights,
    range: [-0.3, 0.4],
    intervals: known.map(({ night, interval: [low, high] }) => ({ night, low, high })),
    lines: [
      { name: "estimate", colour: "#1f5aa6", points: known.map(({ night, estimate }) => [night, estimate]) },
    ],
    levels: [{ value: 0, name: "no difference" }],
    marks: experiment.log
      .filter(({ night }) => night !== null && night > FIRST_NIGHT)
      .map(({ night, to, treatmentShare }) => ({
        night: (night ?? 0) - FIRST_NIGHT,
        name: to === "running" ? `${Math.round(treatmentShare * 100)} %` : to,
      })),
  });
}

function drawHarm(): string {
  const draws = createDraws("worked harm", 4);
  const { experiment } = runTrial(
    countedTrial(draws, { unitsPerNight: 60, base: constant(0.7), crashes: [0.05, 0.15] }),
  );
  const points = experiment.looks.map(
    ({ night, guardrails }) => [night - FIRST_NIGHT, (guardrails["crashed"] ?? 0) / Math.LN10] as const,
  );
  const end = decidedAt(experiment) ?? 0;
  return drawPicture({
    title: "Harm: 5 % of sessions crash, 15 % with the treatment",
    unit: "evidence of the guardrail, as a power of ten",
    nights: Math.max(2, experiment.looks.length),
    range: [-1, 3],
    lines: [{ name: "log10 E", colour: "#a4343a", points }],
    levels: [{ value: Math.log10(20), name: "rolled back from here on: 1 / 0.05" }],
    marks: [{ night: end, name: "rolled back" }],
  });
}

/** How many of 500 trials without any effect were called significant by some night. */
function drawPeeking(): string {
  const nights = 60;
  const trials = 500;
  const byTest = new Array<number>(nights).fill(0);
  const bySequence = new Array<number>(nights).fill(0);
  for (let i = 0; i < trials; i++) {
    const looks = watchTrial(
      countedTrial(createDraws("peeking", i), { unitsPerNight: 60, base: constant(0.7) }),
    );
    const firstOf = (significant: (look: (typeof looks)[number]) => boolean) =>
      looks.find(significant)?.night ?? Infinity;
    const test = firstOf(
      ({ estimate, standardError }) =>
        estimate !== null &&
        standardError !== null &&
        2 * normalCdf(-Math.abs(estimate / standardError)) < 0.05,
    );
    const sequence = firstOf(({ interval }) => interval !== null && (interval[0] > 0 || interval[1] < 0));
    for (let night = 1; night <= nights; night++) {
      if (test - FIRST_NIGHT <= night) byTest[night - 1] = (byTest[night - 1] ?? 0) + 1 / trials;
      if (sequence - FIRST_NIGHT <= night) bySequence[night - 1] = (bySequence[night - 1] ?? 0) + 1 / trials;
    }
  }
  const points = (rates: readonly number[]) => rates.map((rate, i) => [i + 1, rate] as const);
  return drawPicture({
    title: "Looking every night at 500 experiments without any effect",
    unit: "share that was called significant so far",
    nights,
    range: [0, 0.4],
    lines: [
      { name: "a test every night", colour: "#a4343a", points: points(byTest) },
      { name: "the sequence", colour: "#1f5aa6", points: points(bySequence) },
    ],
    levels: [{ value: 0.05, name: "promised: 5 %" }],
    marks: [],
  });
}
