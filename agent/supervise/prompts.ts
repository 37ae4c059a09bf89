import type { HeldTask } from "../../shared/contract/session.ts";
import { promptOf } from "../../shared/contract/task-prompt.ts";
import type { SessionMemory } from "../checkpoints/session-memory.ts";

/** Characters of the results of other tasks that a prompt carries; the agent can read the rest with the control plane's tools. */
const INPUTS_CHARACTERS_LIMIT = 20_000;
const LINES_LIMIT = 30;
/**
 * Bytes of a prompt. Agents take it as one argument, of which Linux allows 128 KiB (MAX_ARG_STRLEN of execve(2)); the rest is for the account that is
 * added when an agent is started again.
 */
export const PROMPT_BYTES_LIMIT = 100 * 1024;

/** What an agent is asked for a task: the task itself, what others found out for it, and what became of earlier tries. */
export function promptForTask(held: HeldTask, checked: readonly string[]): string {
  const { task, resume, inputs } = held;
  return joined([
    `Task ${task.id} (${task.type}):\n${promptOf(task)}`,
    Object.keys(inputs).length > 0 &&
      `Results of the tasks that this one depends on, as JSON:\n${cut(JSON.stringify(inputs))}`,
    resume && `This task was begun before, and not finished.\n\n${resume.text}`,
    resume && checked.length > 0 && `Checked on this machine just now:\n${bullets(checked)}`,
  ]);
}

/** Why a prompt cannot be given to an agent; null if it can. */
export function refusePrompt(prompt: string): string | null {
  const bytes = Buffer.byteLength(prompt);
  if (bytes <= PROMPT_BYTES_LIMIT) return null;
  return (
    `The prompt has ${bytes} bytes, and an agent's command line takes ${PROMPT_BYTES_LIMIT}. Put the long part into a file of the ` +
    "repository, name the file in the task's prompt, and submit it as a new task."
  );
}

/**
 * What an agent that showed no progress is told once it was started again.
 *
 * @param asked what it was asked, for one that does not go on with its own session: it knows nothing of its task
 */
export function promptAfterStall(why: string, memory: SessionMemory, asked: string | null): string {
  const what =
    asked === null
      ? `You were stopped and started again, because you seemed to hang (${why}). Go on with the same task.`
      : `This task was begun by an agent that was stopped, because it seemed to hang (${why}). Go on where it was.`;
  return joined([asked, what, accountOf(memory)]);
}

/** What an agent whose context was compacted must still know: what it was asked, what is done, what is not. */
export function promptAfterCompaction(memory: SessionMemory): string {
  const [asked] = memory.prompts;
  return joined([
    "Your context was compacted. This is the record that was kept outside of it.",
    asked !== undefined && `What you were asked:\n${asked}`,
    accountOf(memory),
  ]);
}

function accountOf({ calls, todos }: SessionMemory): string {
  const of = (outcome: string) =>
    calls.filter((call) => call.outcome === outcome).map(({ name, summary }) => `${name}: ${summary}`);
  const open = todos.filter(({ status }) => status !== "completed").map(({ text }) => text);
  return joined([
    section("Finished; do not repeat these", of("ok")),
    section("Tried, and failed", of("failed")),
    section("Begun, outcome unknown: look before you repeat any", of("unknown")),
    section("Still to be done, by your own list", open),
  ]);
}

const section = (title: string, lines: readonly string[]) =>
  lines.length > 0 && `${title}:\n${bullets(lines.slice(-LINES_LIMIT))}`;
const bullets = (lines: readonly string[]) => lines.map((line) => `- ${line}`).join("\n");
const joined = (parts: readonly (string | false | null)[]) => parts.filter(Boolean).join("\n\n");
const cut = (text: string) =>
  text.length <= INPUTS_CHARACTERS_LIMIT ? text : `${text.slice(0, INPUTS_CHARACTERS_LIMIT)}… (cut)`;
