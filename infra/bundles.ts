import type { FunctionName } from "./routes.ts";

export type BundleFormat = "cjs" | "esm";

/**
 * CommonJS where each millisecond of a start counts: an ES module's import of one of Node's own modules reads all that it
 * exports, and loads fetch, file promises and web crypto with it. The AWS SDK's packages are smaller as ES modules.
 */
export const BUNDLE_FORMATS: Record<FunctionName, BundleFormat> = {
  heartbeat: "cjs",
  sessions: "esm",
  tasks: "esm",
  operator: "esm",
  checkpoints: "esm",
  hooks: "esm",
  mcp: "esm",
  dispatch: "esm",
  sweep: "esm",
  experiments: "esm",
};
