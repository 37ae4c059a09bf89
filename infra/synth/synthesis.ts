import type { BundleFormat } from "../bundles.ts";

/** One resource as SST's components registered it, secrets unwrapped. */
export type SynthResource = {
  readonly type: string;
  readonly name: string;
  readonly inputs: Record<string, unknown>;
  readonly protect: boolean;
  readonly retainOnDelete: boolean;
};

/** A function's code as it would be deployed, and the links that would be sealed into its package. */
export type SynthFunction = {
  readonly name: string;
  readonly handler: string;
  readonly links: Record<string, Record<string, unknown>>;
  readonly minified: boolean;
  readonly format: BundleFormat;
  /** Bytes of the bundle, without its source map. */
  readonly bytes: number;
  /** Source files with at least one byte in the bundle, relative to the project. */
  readonly sources: readonly string[];
};

export type Synthesis = { readonly resources: SynthResource[]; readonly functions: SynthFunction[] };

/** What the child process answers. */
export type SynthAnswer =
  | { readonly kind: "done"; readonly synthesis: Synthesis }
  | { readonly kind: "failed"; readonly message: string };

/** In the folder that a synth works in: functions that were bundled before. */
export const BUNDLED_FILE = "bundled.json";
