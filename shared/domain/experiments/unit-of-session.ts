import type { UnitRecord } from "../../contract/experiments.ts";
import type { CheckpointRecord, EndedBy, SessionRecord } from "../../contract/records.ts";
import type { SignalsMinute } from "../../contract/signals.ts";
import { assert } from "../assert.ts";
import { isAlive } from "../session-transitions.ts";
import { knownValues, repositoryOf } from "./known-values.ts";

/** What is known of a start of a session beside its own record. */
export type SeenOfSession = {
  /** The session's newest checkpoint, of whichever start. */
  readonly checkpoint: CheckpointRecord | null;
  /** What it last said of its health, of whichever start. */
  readonly said: SignalsMinute["sessions"][string] | null;
};

const HOUR_MS = 3_600_000;
/** A shorter life says nothing about how often something happens in an hour. */
const LIFE_MS_MINIMUM = 60_000;

const CRASHED: Readonly<Record<EndedBy, boolean | null>> = {
  crash: true,
  lost: true,
  timeout: true,
  exit: false,
  done: false,
  unknown: null,
};

/** A start of a session that was given up, as a unit. What is not known of it is left out. */
export function unitOfSession(session: SessionRecord, { checkpoint, said }: SeenOfSession): UnitRecord {
  assert(!isAlive(session), `session ${session.id} has not ended`);
  // Giving it up raised the epoch.
  const epoch = session.epoch - 1;
  const { startedAtMs, lastBeatAtMs, endedBy = "unknown" } = session;
  const endedAtMs = endOf(session);
  const crashed = CRASHED[endedBy];
  // When one that crashed without a beat went silent is not known.
  const untilMs = lastBeatAtMs ?? (crashed === false ? endedAtMs : null);
  const lifeMs = untilMs === null ? null : untilMs - startedAtMs;
  const own = checkpoint?.epoch === epoch ? checkpoint : null;
  const checkpoints = own ? own.ofStart : 0;
  const sinceKeptMs = untilMs === null ? null : Math.max(0, untilMs - (own?.atMs ?? startedAtMs));
  const hourly = checkpoints !== undefined && lifeMs !== null && lifeMs >= LIFE_MS_MINIMUM;
  const last = said?.epoch === epoch ? said : null;
  const stalls = numberOf(last?.signals["stalls"]);
  const stalledIn = last?.signals["stalledIn"];
  return {
    v: 1,
    fleet: session.fleet,
    kind: "session",
    id: session.id,
    generation: epoch,
    host: session.host,
    agent: session.agent,
    type: null,
    repository: repositoryOf(session.cwd),
    startedAtMs,
    outcome: {
      endedAtMs,
      values: knownValues({
        crashed: crashed === null ? null : Number(crashed),
        lostWorkMs: crashed === false ? 0 : crashed && sinceKeptMs,
        // Of one that was silent for long before, silence is all that is known.
        detectionMs: crashed && lastBeatAtMs !== null ? Math.max(0, endedAtMs - lastBeatAtMs) : null,
        stalled: stalls === null ? null : Math.min(1, stalls),
        fidelity: numberOf(last?.signals["fidelity"]),
        checkpointsPerHour: hourly ? (checkpoints * HOUR_MS) / lifeMs : null,
      }),
    },
    facts: {
      endedBy,
      ...(last?.zone != null && { zone: last.zone }),
      ...(typeof stalledIn === "string" && { activity: stalledIn }),
      ...knownValues({
        durationMs: lifeMs,
        checkpoints,
        checkpointAgeMs: crashed && own ? sinceKeptMs : null,
        contextUsed: numberOf(last?.signals["contextUsed"]),
        toolCalls: numberOf(last?.signals["toolCalls"]),
      }),
    },
  };
}

/** When it was given up: the same whoever asks, so that a unit has one day. */
function endOf({ givenUpAtMs, lastBeatAtMs, endedAtMs, startedAtMs }: SessionRecord): number {
  return givenUpAtMs ?? endedAtMs ?? lastBeatAtMs ?? startedAtMs;
}

const numberOf = (value: unknown): number | null => (typeof value === "number" ? value : null);
