import * as z from "zod/mini";
import type { ExperimentRecord, ExperimentState, Variant } from "../../contract/experiments.ts";
import { experimentName } from "./spec.ts";

/** What the Console API says of an experiment, as far as it is needed. */
export const RemoteExperiment = z.object({
  data: z.object({
    status: z.string(),
    groups: z.array(z.object({ name: z.string(), id: z.optional(z.string()), size: z.number() })),
  }),
});
export type RemoteExperiment = z.infer<typeof RemoteExperiment>["data"];

export type ConsoleStep = "create" | "resize" | "start" | "decide" | "abandon";
/** One request that brings the experiment there a step nearer to what it is here. */
export type ConsoleRequest = {
  readonly step: ConsoleStep;
  readonly method: "POST" | "PUT" | "PATCH";
  readonly path: string;
  readonly body: Readonly<Record<string, unknown>>;
};

/** As long as the Console API takes a description. */
const TEXT_CHARACTERS = 1_000;
/** Percentage of each group: equal for good, because Statsig fixes the split at the start (see `admission.ts`). */
export const GROUP_SIZE = 50;

const ACTIVE_STATES: ReadonlySet<ExperimentState> = new Set(["draft", "running", "shipping"]);

const groupOf = (remote: RemoteExperiment | null, variant: Variant) =>
  remote?.groups.find(({ name }) => name === variant);

/** Whether the groups there are equal, as somebody else may have made them not to be. */
export const hasEqualGroups = (remote: RemoteExperiment): boolean =>
  groupOf(remote, "treatment")?.size === GROUP_SIZE;

function groupsOf(record: ExperimentRecord, remote: RemoteExperiment | null) {
  return (["control", "treatment"] as const).map((variant) => {
    const id = groupOf(remote, variant)?.id;
    return {
      ...(id !== undefined && { id }),
      name: variant,
      size: GROUP_SIZE,
      // `variant` is what the allocator reads; the value is there for people.
      parameterValues: { variant, [record.parameter]: record[variant] },
    };
  });
}

export const pathOf = ({ fleet, id }: ExperimentRecord): string =>
  `/experiments/${experimentName(fleet, id)}`;

function creation(record: ExperimentRecord): ConsoleRequest {
  const { fleet, id, parameter, control, treatment, hypothesis } = record;
  const name = experimentName(fleet, id);
  const body = {
    id: name,
    name,
    description: `${parameter} of fleet ${fleet}: ${treatment} instead of ${control} (${id})`,
    hypothesis: hypothesis.statement.slice(0, TEXT_CHARACTERS),
    idType: "userID",
    groups: groupsOf(record, null),
    allocation: 100,
  };
  return { step: "create", method: "POST", path: "/experiments", body };
}

/**
 * The next request that the state asks for, or null: nothing is missing, or nothing can be done. What the experiment is there
 * decides, so a state that was missed is made up for and a repetition asks for nothing.
 */
export function nextRequest(
  record: ExperimentRecord,
  remote: RemoteExperiment | null,
): ConsoleRequest | null {
  const path = pathOf(record);
  const ended = !ACTIVE_STATES.has(record.state);
  // What ended before it started never met a unit: starting it there would be the only time that it could.
  const starts = record.state !== "draft" && !(ended && record.startedAtMs === null);
  if (!remote) return starts || !ended ? creation(record) : null;
  if (remote.status === "setup") {
    if (!starts) return null;
    if (!hasEqualGroups(remote))
      return { step: "resize", method: "PATCH", path, body: { groups: groupsOf(record, remote) } };
    return { step: "start", method: "PUT", path: `${path}/start`, body: {} };
  }
  if (remote.status !== "active" || !ended) return null;
  const decisionReason = (record.log.at(-1)?.reason || record.state).slice(0, TEXT_CHARACTERS);
  if (record.state !== "shipped")
    return { step: "abandon", method: "PUT", path: `${path}/abandon`, body: { decisionReason } };
  const id = groupOf(remote, "treatment")?.id;
  if (id === undefined) return null;
  const body = { id, decisionReason, removeTargeting: false };
  return { step: "decide", method: "PUT", path: `${path}/make_decision`, body };
}
