import type { Command } from "commander";
import { isAttached } from "../attach/attachment.ts";
import { runMcp } from "../attach/run-mcp.ts";
import { findAdapter } from "../adapters/find-adapter.ts";
import { plainAdapter } from "../adapters/plain.ts";
import type { WhenOffline } from "../hooks/fence-guard.ts";
import { defaultHostName } from "../worker/host-name.ts";
import { createWorkerLog } from "../worker/log.ts";
import { addCommand, type CommonOptions, connect, type Terminal } from "./context.ts";
import { identifier, oneOf } from "./options.ts";

type McpFlags = CommonOptions & {
  readonly id?: string;
  readonly agent: string;
  readonly offline: WhenOffline;
  readonly log?: string;
};

export function addMcpCommand(program: Command, terminal: Terminal): void {
  addCommand(program, "mcp", "be the MCP server of the agent that starts this, and watch over it", [
    "shim mcp",
    "shim init claude    (writes the agent's configuration)",
  ])
    .option("--id <session>", "the session's id (default: one for this folder)", identifier)
    .option("--agent <name>", "which agent starts it", "claude-code")
    .option(
      "--offline <mode>",
      'may it use tools while the control plane does not answer and its lease holds: "open" or "closed"',
      oneOf("open", "closed"),
      "open",
    )
    .option("--log <file>", "append what it does to a file (default: it says nothing)")
    .action(async (flags: McpFlags) => {
      const usual = flags.id ?? `${defaultHostName(terminal.cwd)}-own`;
      await runMcp({
        connection: connect(terminal, flags),
        // A second agent in the same folder is another session.
        session: isAttached(usual) ? `${usual}-${process.ppid}` : usual,
        adapter: findAdapter(flags.agent) ?? plainAdapter(flags.agent),
        cwd: terminal.cwd,
        input: terminal.input,
        output: terminal.output,
        whenOffline: flags.offline,
        log:
          flags.log === undefined
            ? () => undefined
            : createWorkerLog({ json: true, file: flags.log, quiet: true }),
      });
    });
}
