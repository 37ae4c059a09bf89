import { createRequire } from "node:module";
import path from "node:path";

// The few parts of Pulumi's SDK that the synth touches. The SDK itself is SST's, in `.sst/platform`, so its types
// are not there before the first installation.

export type MockResource = {
  readonly type: string;
  readonly name: string;
  readonly inputs: Record<string, unknown>;
};
export type MockCall = { readonly token: string; readonly inputs: Record<string, unknown> };
export type Mocks = {
  newResource(resource: MockResource): { id: string; state: Record<string, unknown> };
  call(call: MockCall): Record<string, unknown>;
};
export type RegisterRequest = {
  getType(): string;
  getName(): string;
  getProtect(): boolean | undefined;
  getRetainondelete(): boolean | undefined;
};
export type MockMonitorClass = {
  readonly prototype: {
    registerResource: (this: unknown, request: RegisterRequest, done: unknown) => unknown;
  };
};
type Runtime = {
  setMocks(mocks: Mocks, project: string, stack: string, preview: boolean): Promise<void>;
  runInPulumiStack(program: () => Promise<unknown>): Promise<unknown>;
  disconnect(): Promise<void>;
};

/** SST's copy of Pulumi, the very modules that its components import. */
export function loadPulumi(platform: string): { runtime: Runtime; monitor: MockMonitorClass } {
  const load = createRequire(path.join(platform, "package.json"));
  const { runtime } = load("@pulumi/pulumi") as { runtime: Runtime };
  const { MockMonitor } = load("@pulumi/pulumi/runtime/mocks") as { MockMonitor: MockMonitorClass };
  return { runtime, monitor: MockMonitor };
}
