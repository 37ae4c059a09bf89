import { METRICS, type MetricName } from "../../../contract/parameters.ts";
import { varianceBetween } from "../between.ts";
import { rowsOf, usualOf } from "../history.ts";
import type { Weeks } from "../rollup.ts";
import { type Detector, type Finding, nextStep, percent, short } from "./finding.ts";
import { PROVEN_LEVEL } from "./intervals.ts";

/** A host with fewer tasks says nothing of itself. */
const TASKS_MINIMUM = 30;
const HOSTS_MINIMUM = 3;
/** Mean of the better half of a normal distribution, in standard deviations: what choosing between hosts can gain. */
const BETTER_HALF = Math.sqrt(2 / Math.PI);

/** How unlike hosts are, as standard deviations of their own means: the estimate, and 95 % bounds. */
type Unlike = {
  readonly metric: MetricName;
  readonly hosts: number;
  readonly baseline: number;
  readonly deviation: number;
  readonly bounds: readonly [number, number];
  readonly within: number;
};

const CANDIDATES = ["completed", "durationMs"] as const satisfies MetricName[];

/** The metric in which hosts differ most, of those in which they differ by more than chance. */
function unlikeHosts(weeks: Weeks): Unlike | null {
  const found = CANDIDATES.flatMap((metric) => {
    const rows = rowsOf(weeks.task.hosts, metric, TASKS_MINIMUM).map(({ moments }) => moments);
    const usual = usualOf(weeks, "balancerPolicy", metric);
    const between = varianceBetween(rows);
    if (!usual || !between || rows.length < HOSTS_MINIMUM) return [];
    // Each of the two metrics is a chance to be wrong.
    if (between.boundsAt(PROVEN_LEVEL / CANDIDATES.length)[0] <= 0) return [];
    const [low, high] = between.boundsAt(0.025).map((bound) => Math.sqrt(Math.max(0, bound))) as [
      number,
      number,
    ];
    const { within, groups } = between;
    const deviation = Math.sqrt(between.between);
    return [{ metric, hosts: groups, baseline: usual.mean, deviation, bounds: [low, high] as const, within }];
  });
  return found.sort((a, b) => b.deviation / b.baseline - a.deviation / a.baseline)[0] ?? null;
}

const UNLIKE = { completed: "completed tasks", durationMs: "the time that tasks take" } as const;

/** Hosts that work unlike one another, while tasks go to whoever holds fewest. */
export const detectUnevenHosts: Detector = (weeks, values) => {
  if (values.balancerPolicy !== "least-loaded") return null;
  const unlike = unlikeHosts(weeks);
  return (
    unlike &&
    findingOf(unlike, "balancerPolicy", { control: "least-loaded", treatment: "performance" }, 1, {
      detector: "uneven hosts",
      why: "Placing by what each has shown could gain the better half's lead.",
    })
  );
};

/**
 * The same where tasks are placed by performance already: what is remembered of a host is a mean over few attempts, and the more
 * of it is chance, the more a longer memory tells.
 */
export const detectForgetfulBalancer: Detector = (weeks, values) => {
  const step = nextStep("balancerHalfLifeAttempts", values, "up");
  if (values.balancerPolicy !== "performance" || !step) return null;
  const unlike = unlikeHosts(weeks);
  if (!unlike) return null;
  const [now, then] = [step.control, step.treatment].map((halfLife) => reliability(unlike, halfLife)) as [
    number,
    number,
  ];
  return findingOf(unlike, "balancerHalfLifeAttempts", step, Math.sqrt(then) - Math.sqrt(now), {
    detector: "forgetful balancer",
    why:
      `Of what the balancer remembers of a host, ${percent(now)} is the host and the rest chance; ` +
      `with a half-life of ${step.treatment} attempts instead of ${step.control} it would be ${percent(then)}.`,
  });
};

/** Which part of what is remembered of a host is the host itself. */
function reliability({ deviation, within }: Unlike, halfLifeAttempts: number): number {
  const decay = 0.5 ** (1 / halfLifeAttempts);
  const attempts = (1 + decay) / (1 - decay);
  return deviation ** 2 / (deviation ** 2 + within / attempts);
}

function findingOf(
  { metric, hosts, baseline, deviation, bounds: [low, high] }: Unlike,
  parameter: "balancerPolicy" | "balancerHalfLifeAttempts",
  step: Pick<Finding, "control" | "treatment">,
  part: number,
  { detector, why }: { detector: string; why: string },
): Finding {
  const sign = METRICS[metric].lowerIsBetter ? -1 : 1;
  const [one, other] = [sign * BETTER_HALF * part * low, sign * BETTER_HALF * part * high];
  return {
    parameter,
    ...step,
    hypothesis: {
      detector,
      metric,
      baseline,
      effect: sign * BETTER_HALF * part * deviation,
      interval: [Math.min(one, other), Math.max(one, other)],
      statement:
        `${hosts} hosts differ in ${UNLIKE[metric as keyof typeof UNLIKE]} by more than chance: their means by ` +
        `${percent(deviation / baseline)} of what is usual (${percent(low / baseline)} to ${percent(high / baseline)}). ${why}`,
      evidence: {
        hosts,
        deviation: short(deviation),
        deviationLow: short(low),
        deviationHigh: short(high),
      },
    },
  };
}
