import { isRefusal } from "../contract/errors.ts";
import type { TaskRecord } from "../contract/records.ts";
import { UNCHANGED, commit } from "../domain/decision.ts";
import { valuesOf } from "../domain/experiments/parameters.ts";
import { type Attempt, observe } from "../domain/performance.ts";
import type { Ports } from "../ports/ports.ts";
import { changeOrCreate } from "./change.ts";
import { fleetOf } from "./fleet-of.ts";

/**
 * Counts the end of an attempt for the session that made it, in fleets whose sessions are chosen by performance: in
 * others it would only cost. One that a killed function did not get to is not counted: a mean can do without it.
 */
export async function notePerformance(
  ports: Ports,
  task: TaskRecord,
  session: string,
  fence: number,
  succeeded: boolean,
): Promise<void> {
  const { fleet } = task;
  const attempt = attemptOf(task, fence, succeeded, ports.clock.nowMs());
  if (!attempt) return;
  const values = valuesOf(await fleetOf(ports, fleet));
  if (values.balancerPolicy !== "performance") return;
  const result = await changeOrCreate(
    () => ports.record.performances.get(fleet, session),
    ports.record.performances.commit,
    (current) => {
      const next = observe(
        current,
        { fleet, session },
        attempt,
        ports.clock.nowMs(),
        values.balancerHalfLifeAttempts,
      );
      return next ? commit(next) : UNCHANGED;
    },
  );
  if (isRefusal(result)) ports.log.warn("an attempt was not counted", { fleet, session, type: attempt.type });
}

/** The attempt that the task's holder had with this fence, ended now; null if it was never started. */
function attemptOf(task: TaskRecord, fence: number, succeeded: boolean, nowMs: number): Attempt | null {
  const { id, type, startedAtMs } = task;
  if (startedAtMs === null) return null;
  return { type, tenure: `${id}/${fence}`, durationMs: Math.max(0, nowMs - startedAtMs), succeeded };
}
