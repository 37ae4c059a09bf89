import { createHash } from "node:crypto";
import type { AgentParameters } from "../../contract/agent-parameters.ts";
import type { ActiveExperiment, Exposures } from "../../contract/experiments.ts";
import {
  AGENT_PARAMETERS,
  AGENT_PARAMETER_DEFAULTS,
  PARAMETER_DEFAULTS,
  type ParameterValue,
} from "../../contract/parameters.ts";
import { PROFILES, type Profile, type ProfileName } from "../../contract/profile.ts";
import type { FleetRecord, SessionRecord } from "../../contract/records.ts";
import { type Decision, UNCHANGED, commit } from "../decision.ts";
import { type Values, differences, untunedOf, valueOfVariant } from "./parameters.ts";

/** What a start of a session is given, before it is committed. */
export type Given = {
  /** What it uses of what may be tuned. */
  readonly values: Values;
  readonly variants: Exposures;
  /** What its registration says of its capacity, if anything. */
  readonly capacity: number | undefined;
};

/** Which experiments a start of a session, or its host, could be in: one whose parameter its registration settles is not for it. */
export function concerns({ parameter }: ActiveExperiment, capacity: number | undefined): boolean {
  return parameter !== "tasksPerSession" || capacity === undefined;
}

/** These values with those of a variant that a unit is in. */
export function withVariant(values: Values, experiment: ActiveExperiment, variant: "control" | "treatment") {
  return { ...values, [experiment.parameter]: valueOfVariant(experiment, variant) } as Values;
}

/** A start of a session with what it was given: it keeps that until its next start, unless it is told otherwise. */
export function withGiven(
  session: SessionRecord,
  fleet: Pick<FleetRecord, "profile" | "policy" | "tuning">,
  { values, variants, capacity }: Given,
): SessionRecord {
  const parameters = differences(values, untunedOf(fleet));
  return {
    ...session,
    capacity: capacity ?? values.tasksPerSession,
    ...(Object.keys(parameters).length > 0 && { parameters }),
    ...(Object.keys(variants).length > 0 && { variants }),
  };
}

/** How often a start of a session beats, as its host was told when it registered. */
export function beatingOf(
  session: Pick<SessionRecord, "parameters">,
  fleet: Pick<FleetRecord, "profile">,
): Profile & { readonly name: ProfileName } {
  const own = session.parameters?.heartbeatProfile;
  const name = own === "standard" || own === "fast" ? own : fleet.profile;
  return { name, ...PROFILES[name] };
}

/** What its agent is to use. */
export function agentParametersOf({ parameters }: Pick<SessionRecord, "parameters">): AgentParameters {
  const valueOf = (name: keyof AgentParameters) => parameters?.[name] ?? AGENT_PARAMETER_DEFAULTS[name];
  return Object.fromEntries(AGENT_PARAMETERS.map((name) => [name, valueOf(name)])) as AgentParameters;
}

/** A short name for these values: an agent that says another one has others. */
export function versionOf(parameters: AgentParameters): number {
  const values = AGENT_PARAMETERS.map((name) => parameters[name]);
  return createHash("sha256").update(JSON.stringify(values)).digest().readUInt32BE(0);
}

/** What its agent must be told should it use anything else; null if it was never given any but the defaults. */
export function retunedTo(
  session: Pick<SessionRecord, "parameters">,
): { readonly parameters: AgentParameters; readonly version: number } | null {
  if (!AGENT_PARAMETERS.some((name) => session.parameters?.[name] !== undefined)) return null;
  const parameters = agentParametersOf(session);
  return { parameters, version: versionOf(parameters) };
}

/** Marks that a start of a session has met its variant of these experiments. The first time stands. */
export function expose(
  session: SessionRecord,
  epoch: number,
  experiments: readonly string[],
  nowMs: number,
): Decision<SessionRecord> {
  const { variants = {}, exposures = {} } = session;
  if (session.epoch !== epoch) return UNCHANGED;
  const met = experiments.flatMap((id) => {
    const variant = variants[id];
    return variant && !(id in exposures) ? [[id, { ...variant, atMs: nowMs }] as const] : [];
  });
  if (met.length === 0) return UNCHANGED;
  return commit({ ...session, exposures: { ...exposures, ...Object.fromEntries(met) } });
}

/**
 * Gives a session that is in an experiment another value than its variant's. The value is kept even if it is the default, because its
 * agent must be told; which variant it was in stays known.
 */
export function retune(
  session: SessionRecord,
  { id, parameter }: Pick<ActiveExperiment, "id" | "parameter">,
  value: ParameterValue,
): Decision<SessionRecord> {
  const { variants, parameters } = session;
  if (!variants?.[id] || (parameters?.[parameter] ?? PARAMETER_DEFAULTS[parameter]) === value)
    return UNCHANGED;
  const next = { ...session, parameters: { ...parameters, [parameter]: value } };
  return commit(parameter === "tasksPerSession" ? { ...next, capacity: Number(value) } : next);
}
