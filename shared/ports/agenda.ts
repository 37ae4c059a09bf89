import type { RiskZone } from "../contract/signals.ts";

/**
 * Something the sweep looks at once its time has come. Each is a hint that leads to the record:
 * - `verify`: a session beat though Redis did not know it;
 * - `settle`: a session holds tasks it must stop, or may have stopped;
 * - `timeout`: a running task reaches its time limit;
 * - `effects`: an ended task may not have told its dependents and its submission;
 * - `balance`: a fleet has assignments that wait to be started, which may be moved;
 * - `pause`: tasks of a fleet were paused, some of which may wait with sessions;
 * - `signals`: a minute of a host's signals can be written down;
 * - `zone`: a session came into another risk zone, which is to be written down;
 * - `key`: a heartbeat needs to know whether an API key is still active.
 */
export type AgendaEntry =
  | {
      readonly kind: "verify";
      readonly fleet: string;
      readonly session: string;
      readonly host: string;
      readonly epoch: number;
    }
  | { readonly kind: "settle"; readonly fleet: string; readonly session: string }
  | { readonly kind: "timeout"; readonly fleet: string; readonly task: string; readonly fence: number }
  | { readonly kind: "effects"; readonly fleet: string; readonly task: string }
  | { readonly kind: "balance"; readonly fleet: string }
  | { readonly kind: "pause"; readonly fleet: string }
  | { readonly kind: "signals"; readonly fleet: string; readonly host: string; readonly minute: number }
  | {
      readonly kind: "zone";
      readonly fleet: string;
      readonly session: string;
      readonly zone: RiskZone;
      readonly atMs: number;
    }
  | { readonly kind: "key"; readonly fleet: string; readonly keyId: string };

/** What a heartbeat does with the agenda. */
export interface BeatAgenda {
  /** Adds entries, due at `dueMs`. An entry that is there keeps the earlier time. */
  put(entries: readonly AgendaEntry[], dueMs: number): Promise<void>;
}

/** What the sweep must look at, and the stamp by which it knows that Redis was not lost. */
export interface Agenda extends BeatAgenda {
  /** Entries due at or before `nowMs`, earliest first. They stay until done. */
  due(nowMs: number, limit: number): Promise<AgendaEntry[]>;
  done(entries: readonly AgendaEntry[]): Promise<void>;
  /** Whether this entry is there, due or not. */
  has(entry: AgendaEntry): Promise<boolean>;
  /** Entries, due or not. */
  count(): Promise<number>;
  /** When the sweep last finished a tick, as Redis remembers it; null if Redis was lost. */
  stamp(): Promise<number | null>;
  /** Never to an earlier time, so that an overtaken sweep does not look like an outage. */
  setStamp(nowMs: number): Promise<void>;
  /**
   * As `setStamp`, unless the stamp was lost, or came back, since a tick began: looking and raising are one, because a
   * fail-over between them would be covered up.
   *
   * @param foundMs the stamp that this tick found, or left
   * @param previousMs when the tick before was: a stamp that is later than that is another tick's
   * @returns whether the stamp was there as it should be
   */
  raiseStamp(nowMs: number, foundMs: number, previousMs: number): Promise<boolean>;
}
