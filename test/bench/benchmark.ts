/** One measured property, beside what it may be at most and what a peer needs. */
export type BenchRow = {
  readonly name: string;
  readonly ours: number;
  readonly unit: string;
  /** The peer's value in the same unit, or null if there is none to compare with. */
  readonly peer: number | null;
  /** What `ours` may be at most; null: nothing was promised. */
  readonly limit: number | null;
  /** `ours` / `peer`. */
  readonly ratio: number | null;
  /** How often it was measured. */
  readonly n: number;
};

export type BenchOptions = {
  /** Measurements of each row; null: as many as the benchmark needs for its promise. */
  readonly n: number | null;
  /** Of every random choice of the benchmark. */
  readonly seed: number;
  /** Hears how far it is. */
  readonly onProgress: (line: string) => void;
};

export type BenchResult = {
  readonly rows: readonly BenchRow[];
  /** For people: how it was measured, and what the rows leave out. */
  readonly notes: readonly string[];
};

export type Benchmark = (options: BenchOptions) => Promise<BenchResult>;
