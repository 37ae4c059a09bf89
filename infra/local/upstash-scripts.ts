import { createHash } from "node:crypto";
import type { RedisCommand } from "./upstash-commands.ts";

export type ScriptTranslator = {
  /** The command as a Redis without Upstash's script flags understands it. */
  translate: (command: RedisCommand) => RedisCommand;
  /** The reply as the caller expects it: SCRIPT LOAD answers the hash of the script as it was sent. */
  restoreReply: (command: RedisCommand, reply: unknown) => unknown;
};

/**
 * Upstash reads flags from a script's first line (`#!lua flags=allow-key-locking`). Redis refuses that flag and
 * js-redis-server refuses any such line, so it is blanked here, and the hash of the script as it was sent is
 * mapped to the hash of what Redis has. Line numbers in errors stay right.
 */
export function createScriptTranslator(): ScriptTranslator {
  const knownHashes = new Map<string, string>();

  function strip(script: string | Buffer): string | Buffer {
    const text = String(script);
    if (!text.startsWith("#!lua")) return script;
    const stripped = text.replace(/^#!lua[^\n]*/, "");
    knownHashes.set(sha1(text), sha1(stripped));
    return stripped;
  }

  return {
    translate(command) {
      const [name, first, second, ...rest] = command;
      if (first === undefined) return command;
      const others = second === undefined ? [] : [second, ...rest];
      if (/^eval(_ro)?$/i.test(name)) return [name, strip(first), ...others];
      if (/^evalsha(_ro)?$/i.test(name)) {
        return [name, knownHashes.get(String(first).toLowerCase()) ?? first, ...others];
      }
      if (isScriptLoad(command) && second !== undefined) return [name, first, strip(second)];
      return command;
    },
    restoreReply(command, reply) {
      const script = command[2];
      return isScriptLoad(command) && script !== undefined ? Buffer.from(sha1(String(script))) : reply;
    },
  };
}

function isScriptLoad([name, subcommand]: RedisCommand): boolean {
  return name.toUpperCase() === "SCRIPT" && String(subcommand).toUpperCase() === "LOAD";
}

function sha1(text: string): string {
  return createHash("sha1").update(text).digest("hex");
}
