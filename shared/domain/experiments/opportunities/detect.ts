import { normalCdf } from "../../statistics/distributions.ts";
import type { Weeks } from "../rollup.ts";
import { detectEarlyContextCrashes, detectLateContextCrashes } from "./context-crashes.ts";
import { detectEarlyRetries } from "./early-retries.ts";
import type { Detector, Finding, Values } from "./finding.ts";
import { detectFrequentCheckpoints } from "./frequent-checkpoints.ts";
import { TOLD } from "./intervals.ts";
import { detectLostWork } from "./lost-work.ts";
import { detectLongWaits, detectOverload } from "./session-load.ts";
import { detectSlowRecovery } from "./slow-recovery.ts";
import { detectSlowResumes } from "./slow-resumes.ts";
import { detectForgetfulBalancer, detectUnevenHosts } from "./uneven-hosts.ts";

const DETECTORS: readonly Detector[] = [
  detectLostWork,
  detectFrequentCheckpoints,
  detectEarlyContextCrashes,
  detectLateContextCrashes,
  detectEarlyRetries,
  detectSlowResumes,
  detectLongWaits,
  detectOverload,
  detectUnevenHosts,
  detectForgetfulBalancer,
  detectSlowRecovery,
];

/** A week, so that each weekday has been seen. */
const DAYS_MINIMUM = 7;

/**
 * What the last weeks show to be worth trying, the most promising first, one finding a parameter. Nothing before a week of them is
 * known. Some are of parameters that units can never have different values of: people are told, and may choose by themselves.
 *
 * @param days of which something is known
 */
export function detectOpportunities(weeks: Weeks, days: number, values: Values): Finding[] {
  if (days < DAYS_MINIMUM) return [];
  const findings = DETECTORS.flatMap((detect) => {
    const finding = detect(weeks, values);
    return finding ? [finding] : [];
  }).sort((a, b) => worthOf(b) - worthOf(a) || (a.parameter < b.parameter ? -1 : 1));
  return findings.filter(
    ({ parameter }, i) => findings.findIndex((other) => other.parameter === parameter) === i,
  );
}

/** Expected effect as a part of what is usual, times how sure it is that there is any. */
export function worthOf({ hypothesis: { effect, interval, baseline } }: Finding): number {
  const error = (interval[1] - interval[0]) / (2 * TOLD);
  const sure = error > 0 ? normalCdf(Math.abs(effect) / error) : 1;
  return baseline === 0 ? 0 : (Math.abs(effect) / Math.abs(baseline)) * sure;
}
