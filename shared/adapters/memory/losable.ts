/** What stands for Redis can be lost, wholly or back to an earlier state, as simulations do. */
export type Losable = {
  /** Forgets everything, as FLUSHALL does. */
  lose(): void;
  /** Remembers everything; calling what it returns brings back that state, as a fail-over to an old replica does. */
  save(): () => void;
};
