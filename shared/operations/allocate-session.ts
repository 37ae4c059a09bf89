import type { ActiveExperiment, Exposures } from "../contract/experiments.ts";
import { AGENT_PARAMETERS, type ParameterName } from "../contract/parameters.ts";
import type { ProfileName } from "../contract/profile.ts";
import type { FleetRecord, SessionRecord } from "../contract/records.ts";
import type { SessionConfig } from "../contract/session.ts";
import { type Values, allocatable, valuesOf } from "../domain/experiments/parameters.ts";
import {
  agentParametersOf,
  concerns,
  retune,
  versionOf,
  withGiven,
  withVariant,
} from "../domain/experiments/session-tuning.ts";
import { exposureOf } from "../domain/experiments/totals.ts";
import { UNCHANGED } from "../domain/decision.ts";
import type { AllocationUnit } from "../ports/allocation.ts";
import type { Ports } from "../ports/ports.ts";
import { variantFor } from "./allocate-unit.ts";
import { changeSession } from "./change.ts";
import { exposeSession } from "./expose-unit.ts";
import { fleetOf } from "./fleet-of.ts";

const activeIn = ({ tuning }: FleetRecord): readonly ActiveExperiment[] => tuning?.active ?? [];

/**
 * The unit that a start of a session is. Every start is another one: whoever crashes more often starts more often, so sessions that
 * kept their arm would fill the worse arm with starts, and what is measured (did it crash, what did it lose) is of one start alone. A
 * host keeps its arm, because its sessions share whatever a host's parameter governs.
 */
function unitOf(
  { unit }: ActiveExperiment,
  { fleet, host, id, epoch }: Pick<SessionRecord, "fleet" | "host" | "id" | "epoch">,
): AllocationUnit {
  return unit === "host" ? { fleet, kind: unit, id: host } : { fleet, kind: unit, id: `${id}/${epoch}` };
}

/**
 * Gives a start of a session its parameters: the variant of each experiment that it or its host is in, else what the fleet uses. A
 * unit that is in no arm gets what the fleet uses and is not counted as control.
 *
 * @param profile how often its host beats, decided when the host's boot was first seen
 * @param capacity what its registration says, if anything
 */
export async function allocateSession(
  ports: Ports,
  settings: FleetRecord,
  session: SessionRecord,
  profile: ProfileName,
  capacity: number | undefined,
): Promise<SessionRecord> {
  const { tuning } = settings;
  let values: Values = { ...valuesOf(settings), heartbeatProfile: profile };
  const variants: Exposures = {};
  const experiments = [...allocatable(tuning, "session"), ...allocatable(tuning, "host")];
  for (const experiment of experiments.filter((one) => concerns(one, capacity))) {
    const variant = await variantFor(ports, activeIn(settings), experiment, unitOf(experiment, session));
    const met = exposureOf(experiment, variant, session.startedAtMs);
    if (met === null) continue;
    values = withVariant(values, experiment, met.variant);
    variants[experiment.id] = met;
  }
  return withGiven(session, settings, { values, variants, capacity });
}

/**
 * Whoever stopped an experiment, after the fleet was read for a start and before that was committed, has not found the start among those
 * that live. So it looks again, as whoever stops one changes the fleet first.
 *
 * @returns the fleet as it is now
 */
export async function withdrawStopped(
  ports: Ports,
  before: FleetRecord,
  session: SessionRecord,
): Promise<FleetRecord> {
  if (!session.variants) return before;
  const { fleet, id, variants } = session;
  const settings = await fleetOf(ports, fleet);
  if (settings.tuning?.version === before.tuning?.version) return settings;
  const goOn = [...allocatable(settings.tuning, "session"), ...allocatable(settings.tuning, "host")];
  const stopped = activeIn(before).filter(
    (one) => one.id in variants && !goOn.some((other) => other.id === one.id),
  );
  const values = valuesOf(settings);
  for (const experiment of stopped)
    await changeSession(ports, fleet, id, (current) =>
      current.epoch === session.epoch ? retune(current, experiment, values[experiment.parameter]) : UNCHANGED,
    );
  return settings;
}

/** Experiments on these parameters that a session is in and has not met yet, each with its variant. */
function unmet(
  settings: FleetRecord,
  { variants = {}, exposures = {} }: SessionRecord,
  names: readonly ParameterName[],
) {
  return activeIn(settings).flatMap((experiment) => {
    const { id, parameter } = experiment;
    const given = id in exposures || !names.includes(parameter) ? undefined : variants[id];
    return given ? [{ experiment, variant: given.variant }] : [];
  });
}

/** Tells that a session has used these parameters: of those under experiment it has met its variant. */
export async function tellUse(
  ports: Ports,
  settings: FleetRecord,
  session: SessionRecord,
  names: readonly ParameterName[],
): Promise<void> {
  const met = unmet(settings, session, names);
  if (met.length === 0) return;
  await exposeSession(
    ports,
    session,
    met.map(({ experiment }) => experiment.id),
  );
  for (const { experiment, variant } of met)
    ports.allocator.expose(experiment, unitOf(experiment, session), variant);
}

/** Tells what starting a session has used already: the number of its places. */
export async function tellStart(ports: Ports, settings: FleetRecord, session: SessionRecord): Promise<void> {
  await tellUse(ports, settings, session, ["tasksPerSession"]);
}

/** What the agent of a start is told to go by. */
export function tuningConfig(
  settings: FleetRecord,
  session: SessionRecord,
): Pick<SessionConfig, "parameters" | "version" | "experiments"> {
  const parameters = agentParametersOf(session);
  const experiments = unmet(settings, session, AGENT_PARAMETERS).map(
    ({ experiment }) => experiment.parameter,
  );
  return { parameters, version: versionOf(parameters), ...(experiments.length > 0 && { experiments }) };
}
