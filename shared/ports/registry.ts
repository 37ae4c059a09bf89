import * as z from "zod/mini";
import { AgentParameters } from "../contract/agent-parameters.ts";
import { Epoch, Fence, Id } from "../contract/ids.ts";
import { SessionState } from "../contract/session-state.ts";
import { RiskZone, type SignalsMinute } from "../contract/signals.ts";
import type { InboxHint, InboxHints } from "./inbox-hints.ts";

/** One start of a session on its host, as a deadline names it. */
export type Incarnation = {
  readonly fleet: string;
  readonly host: string;
  readonly session: string;
  readonly epoch: number;
};

/**
 * What a session should be doing, derived from its record and replaced only by a higher `rev`. `tasks` are
 * those it owns, `stopping` those it must stop; both map a task's id to its fence.
 */
export const Desired = z.object({
  rev: z.int(),
  epoch: Epoch,
  host: Id,
  state: SessionState,
  capacity: z.int(),
  keyId: Id,
  tasks: z.record(Id, Fence),
  stopping: z.record(Id, Fence),
  restart: z.boolean(),
  /** Its next report is wanted though it may say nothing new. So it is while anything is to be stopped. */
  asked: z.optional(z.boolean()),
  /** What its agent is to go by, and the name of that; only of a session that was given other than the defaults. */
  parameters: z.optional(AgentParameters),
  version: z.optional(z.int()),
});
export type Desired = z.infer<typeof Desired>;

/** What a session last said it works on; written only when it changes. */
export const Reported = z.object({
  boot: Id,
  epoch: Epoch,
  seq: z.int(),
  activity: z.nullable(z.string()),
  /** The risk zone that its latest signals put it in. */
  zone: z.optional(RiskZone),
  /** Whether it has been in the danger zone since its start. */
  endangered: z.optional(z.boolean()),
  /** Whether it has listed a task since its start: then what it does not list it does not work on. */
  listed: z.optional(z.boolean()),
  /** When the latest beat arrived while the session was asked for a report, epoch ms: this is of then or later. */
  answeredAtMs: z.optional(z.int()),
  tasks: z.record(
    Id,
    z.object({ fence: Fence, percent: z.nullable(z.number()), message: z.nullable(z.string()) }),
  ),
});
export type Reported = z.infer<typeof Reported>;

export type Beat = {
  /** How many deadlines were really moved. Fewer than asked: some were gone, or already as late. */
  readonly moved: number;
  readonly desired: readonly (Desired | null)[];
  readonly reported: readonly (Reported | null)[];
  /** What is known of their messages. */
  readonly inboxes: readonly InboxHint[];
  /** What is known of the minute that was asked for. */
  readonly signals: SignalsMinute | null;
};

/** A host's minute, counted since 1970. */
export type HostMinute = Pick<SignalsMinute, "fleet" | "host" | "minute">;

/** A session with room, and how many tasks it holds: a hint, which the record confirms or refuses. */
export type Candidate = { readonly session: string; readonly load: number };

/**
 * The fast index of sessions: deadlines, desired state, room. Losing all of it loses no work, because the sweep
 * rebuilds it from the record.
 */
export interface Registry {
  readonly inboxes: InboxHints;
  /**
   * Moves the deadlines that exist, never to an earlier time, and reads what a heartbeat needs. 2 commands.
   *
   * @param minute asks also what is known of that minute's signals; none if the beat brings none
   */
  beat(incarnations: readonly Incarnation[], deadlineMs: number, minute?: HostMinute | null): Promise<Beat>;
  /** Which of these have a deadline, and when; null for those without. 1 command. */
  deadlines(incarnations: readonly Incarnation[]): Promise<(number | null)[]>;
  /** Sets deadlines, adding those that are missing, never to an earlier time. */
  extend(incarnations: readonly Incarnation[], deadlineMs: number): Promise<void>;
  /** Those whose deadline is at or before `nowMs`, earliest first. */
  overdue(nowMs: number, limit: number): Promise<(Incarnation & { readonly deadlineMs: number })[]>;
  /** How many deadlines there are. */
  count(): Promise<number>;
  forget(incarnations: readonly Incarnation[]): Promise<void>;

  /** Keeps what a session reported. */
  report(fleet: string, session: string, reported: Reported): Promise<void>;
  reported(fleet: string, sessions: readonly string[]): Promise<(Reported | null)[]>;

  /** Keeps a minute's signals, in the place of what is known of it, until the sweep has written them down. */
  keepSignals(minute: SignalsMinute): Promise<void>;
  /** What is known of these minutes; null for one that was lost. 1 command. */
  signals(minutes: readonly HostMinute[]): Promise<(SignalsMinute | null)[]>;

  /**
   * Replaces a session's desired state and its room, if `desired.rev` is higher than what is there. A session
   * that is live with fewer tasks than its capacity has room for tasks that require any of its capabilities.
   */
  publish(fleet: string, session: string, desired: Desired, capabilities: readonly string[]): Promise<void>;
  /** The desired state of sessions as Redis knows it. 1 command. */
  desired(fleet: string, sessions: readonly string[]): Promise<(Desired | null)[]>;
  /** Sessions with room whose capabilities include all of `requires`, least loaded first. */
  candidates(fleet: string, requires: readonly string[], limit: number): Promise<Candidate[]>;
}

/** What a heartbeat uses of the registry. */
export type BeatRegistry = Pick<Registry, "beat" | "deadlines" | "extend" | "report" | "keepSignals">;

/** Whether an API key still renews tokens, as the heartbeat may know without reading the record. */
export interface KeyMirror {
  get(fleet: string, keyId: string): Promise<"active" | "revoked" | null>;
  /** `active` never replaces `revoked`. */
  set(fleet: string, keyId: string, status: "active" | "revoked"): Promise<void>;
}
