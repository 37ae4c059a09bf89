import { text } from "node:stream/consumers";
import { Argument, type Command } from "commander";
import { findAttachment } from "../attach/attachment.ts";
import { decidesToolCall, denial } from "../hooks/denial.ts";
import { messageOf, UnavailableError } from "../problem.ts";
import { connect, type Terminal } from "./context.ts";

/** As long as whoever decides on a tool call may take. An end may be held until there is other work. */
const TIMEOUT_MS = 15_000;
const HELD_TIMEOUT_MS = 55_000;

export function addHookCommand(program: Command, terminal: Terminal): void {
  program
    .command("hook")
    .description("answer a hook of an agent: its payload on standard input, the answer on standard output")
    .addArgument(new Argument("<client>", "whose hook").choices(["claude-code", "codex"]))
    .addHelpText(
      "after",
      `
"shim init" writes it into an agent's configuration. It asks whoever supervises the agent: "shim mcp", which the agent started, or
the control plane, by SHIM_URL and the session's token in SHIM_TOKEN. With neither, it lets everything pass.`,
    )
    .action(async (client: string) => {
      const answer = await answerHook(client, terminal);
      if (answer !== null) terminal.output.write(answer);
    });
}

async function answerHook(client: string, terminal: Terminal): Promise<string | null> {
  const { SHIM_HOOK_URL: supervised, SHIM_TOKEN: token } = terminal.env;
  // Started by "shim run" or "shim worker", which gave it hooks of its own.
  if (supervised !== undefined) return null;
  const payload = await text(terminal.input);
  const attached = findAttachment();
  if (attached)
    return post(attached.url, attached.token, payload).catch((error: unknown) => {
      // Past its lease an agent must not go on, and only its supervisor knows whether that is so.
      if (decidesToolCall(payload)) return denial(messageOf(error));
      throw error;
    });
  if (token === undefined) return null;
  const { url } = connect({ ...terminal, env: { ...terminal.env, SHIM_KEY: token } }, {});
  return post(new URL(`/v1/hooks/${client}`, url).href, token, payload);
}

/** Fails loudly: agents go on where a hook fails, and show its error. */
async function post(url: string, token: string, body: string): Promise<string> {
  const timeoutMs = decidesToolCall(body) ? TIMEOUT_MS : HELD_TIMEOUT_MS;
  let response: Response;
  try {
    response = await fetch(url, {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json", "shim-protocol": "1" },
      body,
      signal: AbortSignal.timeout(timeoutMs),
    });
  } catch (error) {
    throw new UnavailableError(url, 1, error);
  }
  const answer = await response.text();
  // Before a compaction, Claude Code shows its model whatever a hook prints, also an answer that says nothing.
  if (response.ok) return answer.trim() === "{}" ? "" : answer;
  throw new Error(`${url} answered ${response.status}: ${answer.slice(0, 300)}`);
}
