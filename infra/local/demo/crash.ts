/** One session that was killed: what it had at that moment, and when the control plane knew. */
export type Crash = {
  readonly session: string;
  readonly epoch: number;
  /** Milliseconds since the start of the story. */
  readonly atMs: number;
  readonly held: readonly { readonly task: string; readonly fence: number }[];
  /** Undefined until the control plane has given this start of the session up. */
  noticedAfterMs?: number;
};
