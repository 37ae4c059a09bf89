import { spawn } from "node:child_process";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import * as z from "zod/mini";
import { useCompileCache } from "../compile-cache.ts";
import { eachLine } from "./lines.ts";

/** How a child ended. `killed` says why the wrapper killed it; null: it ended by itself, or others killed it. */
export type ChildExit = {
  readonly code: number | null;
  readonly signal: string | null;
  /** Why it could not be started at all. */
  readonly error: string | null;
  readonly killed: string | null;
};

export type Child = {
  readonly exited: Promise<ChildExit>;
  /** The lease now holds until this time of the monotonic clock. */
  readonly extendLease: (untilMs: number) => void;
  /** Kills the whole process group. `exited` resolves once it is gone. */
  readonly kill: () => void;
};

export type ChildOptions = {
  readonly command: readonly [string, ...string[]];
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  readonly leaseUntilMs: number;
  readonly onStdout: (line: string) => void;
  readonly onStderr: (line: string) => void;
};

const Message = z.union([
  z.object({ pid: z.nullable(z.int()) }),
  z.object({
    exit: z.object({
      code: z.nullable(z.int()),
      signal: z.nullable(z.string()),
      error: z.nullable(z.string()),
      killed: z.nullable(z.string()),
    }),
  }),
]);

/** The wrapper beside this file: `.ts` in the checkout, `.js` when built. */
const WRAPPER = fileURLToPath(
  new URL(`child-wrapper${import.meta.url.slice(import.meta.url.lastIndexOf("."))}`, import.meta.url),
);
/**
 * Every attempt waits for a wrapper to start, and reading its file as TypeScript is more than half of that. The
 * wrapper takes both names out of what the command sees; a cache that the user chose is left to the command too.
 */
function withCompileCache(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const directory = env.NODE_COMPILE_CACHE === undefined ? useCompileCache() : undefined;
  return directory === undefined
    ? env
    : { ...env, NODE_COMPILE_CACHE: directory, SHIM_COMPILE_CACHE_OURS: "1" };
}

/** Output may be held open by processes that left the group: how long it is still read after the exit. */
const OUTPUT_GRACE_MS = 500;
/** A wrapper that does not obey (it was stopped) is passed over after this. */
const KILL_GRACE_MS = 2_000;

/** Starts a command in its own process group, under a wrapper that kills the group when this process dies. */
export function startChild(options: ChildOptions): Child {
  const wrapper = spawn(process.execPath, [WRAPPER, String(options.leaseUntilMs), ...options.command], {
    cwd: options.cwd,
    env: withCompileCache(options.env),
    // Its own group: a Ctrl-C meant for the supervisor must not end work that is to be finished.
    detached: true,
    stdio: ["pipe", "pipe", "pipe", "pipe"],
  });
  // Two ways, not one: a lease written to a wrapper that has just exited fails, and what fails is closed unread.
  const [orders, , , reports] = wrapper.stdio;
  const output = [eachLine(wrapper.stdout, options.onStdout), eachLine(wrapper.stderr, options.onStderr)];
  let groupId: number | null = null;
  let exit: ChildExit | null = null;

  const told = eachLine(reports as Readable, (line) => {
    const message = Message.parse(JSON.parse(line));
    if ("pid" in message) groupId = message.pid;
    else exit = message.exit;
  });
  // A write to a wrapper that is just gone is answered by its exit, not by this error.
  orders.on("error", () => undefined);

  const exited = new Promise<ChildExit>((resolve) => {
    wrapper.once("error", (error) => {
      resolve({ code: null, signal: null, error: error.message, killed: null });
    });
    wrapper.once("exit", (code, signal) => {
      // What the wrapper told has arrived by now, and is read however busy this process is: a timer would win over it.
      void told
        .then(() => settleWithin(OUTPUT_GRACE_MS, output))
        .then(() => {
          for (const stream of wrapper.stdio) stream?.destroy();
          // Without a word the wrapper itself was killed: then its group has nobody to kill it but us.
          if (exit === null && groupId !== null) killGroup(groupId);
          const error = signal === null ? `its wrapper failed with exit code ${code ?? "unknown"}` : null;
          resolve(exit ?? { code: null, signal, error, killed: null });
        });
    });
  });

  return {
    exited,
    extendLease: (untilMs) => {
      if (orders.writable) orders.write(`lease ${untilMs}\n`);
    },
    kill: () => {
      if (orders.writable) orders.write("kill\n");
      const timer = setTimeout(() => {
        if (groupId !== null) killGroup(groupId);
        exit ??= { code: null, signal: "SIGKILL", error: null, killed: "asked" };
        wrapper.kill("SIGKILL");
      }, KILL_GRACE_MS);
      void exited.then(() => {
        clearTimeout(timer);
      });
    },
  };
}

function killGroup(groupId: number): void {
  try {
    process.kill(-groupId, "SIGKILL");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== "ESRCH" && code !== "EPERM") throw error;
  }
}

async function settleWithin(limitMs: number, promises: readonly Promise<unknown>[]): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, limitMs);
  });
  await Promise.race([Promise.allSettled(promises), limit]);
  clearTimeout(timer);
}
