import { FUNCTIONS } from "../routes.ts";
import type { FunctionName } from "../routes.ts";
import { FUNCTION_SIZES } from "../sizes.ts";
import { createFunction, importHandler } from "./lambda.ts";
import type { Invoke, LambdaHandler } from "./lambda.ts";

const PROJECT = new URL("../../", import.meta.url);
const NAMES = Object.keys(FUNCTIONS) as FunctionName[];

/** What runs in a function's place: a handler, or where one is, as `path/to/file.handler` below the project's root. */
export type Overrides = Readonly<Partial<Record<FunctionName, LambdaHandler | string>>>;

export type Functions = {
  readonly invoke: Readonly<Record<FunctionName, Invoke>>;
  /** Reads every handler; rejects with the reason why one cannot be read. */
  load(): Promise<void>;
};

/**
 * The functions that are deployed, with their sizes. A handler is read when it is first needed, so that its
 * links can be published before.
 */
export function createFunctions(
  overrides: Overrides,
  onInvocation: (fn: FunctionName, durationMs: number) => void = () => undefined,
): Functions {
  const load = async (name: FunctionName) => {
    const handler = overrides[name] ?? FUNCTIONS[name];
    return typeof handler === "string" ? importHandler(PROJECT, handler) : handler;
  };
  const create = (name: FunctionName): Invoke => {
    const { timeoutS, memoryMb } = FUNCTION_SIZES[name];
    const invoke = createFunction({ name, load: () => load(name), timeoutMs: timeoutS * 1_000, memoryMb });
    return async (event) => {
      const startedMs = performance.now();
      try {
        return await invoke(event);
      } finally {
        onInvocation(name, performance.now() - startedMs);
      }
    };
  };
  return {
    invoke: Object.fromEntries(NAMES.map((name) => [name, create(name)])) as Record<FunctionName, Invoke>,
    load: async () => {
      await Promise.all(NAMES.map(load));
    },
  };
}
