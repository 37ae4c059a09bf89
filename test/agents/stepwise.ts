import type { Conversation, ToolResult, Turn } from "./conversation.ts";
import type { Scripted } from "./scripted-model.ts";

export type Step = { readonly name: string; readonly command: string };
/** A task that is to be worked through, and where in the conversation it was first asked for. */
type Task = {
  readonly id: string;
  readonly steps: readonly Step[];
  readonly from: number;
  readonly turns: readonly Turn[];
};

/** What a task's data asks for, where its work is these steps. */
export function stepsPrompt(steps: readonly Step[]): string {
  return steps.map(({ name, command }) => `STEP ${name}: ${command}`).join("\n");
}

/** What the model says when it has done all of a task. */
export const doneText = (task: string) => `ALL STEPS DONE ${task}`;

/** How often a call that was denied for now is tried again. */
const RETRIES_LIMIT = 3;

/**
 * A model that works through `STEP name: command` lines of the latest task it was asked for, one shell call each, and ends with
 * `ALL STEPS DONE <task>`. What a brief says is finished it leaves out, and what a brief does not know it looks at first. It decides
 * from the conversation alone: where a brief is missing, finished steps run again.
 */
export function stepwise({ turns }: Conversation): Scripted {
  const task = latestTask(turns);
  if (task === null) return { text: "NOTHING TO DO" };
  const done = callsOf(task);
  const stop = done.denied.at(-1);
  if (stop !== undefined && (!isForNow(stop) || done.denied.length > RETRIES_LIMIT))
    return { text: `STOPPED ${task.id}: ${stop}` };
  const told = readBrief(task.turns);
  const left = [...done.commands];
  for (const { name, command } of task.steps) {
    const at = left.indexOf(command);
    if (at !== -1) {
      left.splice(at, 1);
      continue;
    }
    if (told.finished.some((line) => tells(line, command))) continue;
    const look = `echo looked at ${name}`;
    const isUnknown = done.open.includes(command) || told.unknown.some((line) => tells(line, command));
    return { shell: isUnknown && !done.commands.includes(look) ? look : command };
  }
  return { text: doneText(task.id) };
}

/** The steps of a prompt; none if it is no task's. */
export function stepsOf(text: string): Step[] {
  return [...text.matchAll(/^STEP ([^\s:]+): (.+)$/gm)].map(([, name = "", command = ""]) => ({
    name,
    command: command.trim(),
  }));
}

const isAsked = ({ role, text }: Turn) => role !== "assistant" && stepsOf(text).length > 0;
const idOf = ({ text }: Turn) => /^Task (\S+)/m.exec(text)?.[1] ?? "of no name";

/** A task may be asked for more than once: after a restart, or a compaction. Its conversation begins where the task before it was last asked for. */
function latestTask(turns: readonly Turn[]): Task | null {
  const latest = turns.findLastIndex(isAsked);
  const prompt = turns[latest];
  if (prompt === undefined) return null;
  const id = idOf(prompt);
  const before = turns.findLastIndex((turn, at) => at < latest && isAsked(turn) && idOf(turn) !== id);
  const own = turns.slice(before + 1);
  return { id, steps: stepsOf(prompt.text), from: own.findIndex(isAsked), turns: own };
}

type Calls = {
  /** Commands that ran, well or not. */
  readonly commands: readonly string[];
  /** Commands of which no outcome is known. */
  readonly open: readonly string[];
  /** Why calls were not allowed to run. */
  readonly denied: readonly string[];
};

function callsOf({ turns, from }: Task): Calls {
  const asked = turns.slice(from);
  const results = new Map(
    asked.flatMap(({ toolResults }) => toolResults.map((result) => [result.id, result])),
  );
  const calls = asked
    .flatMap(({ toolCalls }) => toolCalls)
    .map(({ id, command }) => ({ command, result: results.get(id) }));
  const denied = calls.flatMap(({ result }) => (result && isDenied(result) ? [result.text] : []));
  const open = calls.filter(({ result }) => result === undefined || isCutShort(result));
  const ran = calls.filter(({ result }) => result && !isDenied(result) && !isCutShort(result));
  return { denied, ...{ open: commandsOf(open), commands: commandsOf(ran) } };
}

const commandsOf = (calls: readonly { readonly command: string }[]) => calls.map(({ command }) => command);
const isDenied = ({ text, isError }: ToolResult) =>
  isError && /do not run this tool|run no more tools|try again|try once more/i.test(text);
const isForNow = (reason: string) => /try again|try once more/i.test(reason);
const isCutShort = ({ text, isError }: ToolResult) => isError && /interrupted|aborted/i.test(text);

type Brief = { readonly finished: readonly string[]; readonly unknown: readonly string[] };

/** Bullets below headings, which are Markdown's or end in a colon. */
function readBrief(turns: readonly Turn[]): Brief {
  const brief = { finished: [] as string[], unknown: [] as string[] };
  for (const { role, text } of turns) {
    if (role === "assistant") continue;
    let into: string[] | null = null;
    for (const line of text.split("\n")) {
      if (line.startsWith("- ")) into?.push(oneLine(line.slice(2)));
      else if (line.trim() !== "") into = sectionOf(line, brief);
    }
  }
  return brief;
}

function sectionOf(
  line: string,
  { finished, unknown }: { finished: string[]; unknown: string[] },
): string[] | null {
  if (!/^#{1,6} |:\s*$/.test(line)) return null;
  if (/unknown/i.test(line)) return unknown;
  return /\b(done|finished|completed)\b/i.test(line) &&
    !/\b(not|still|to be)\b/i.test(line.replace(/do not/i, ""))
    ? finished
    : null;
}

/** Whether a line of a brief is about this command: it may be cut short there. */
function tells(line: string, command: string): boolean {
  if (line.endsWith("(failed)")) return false;
  const whole = oneLine(command);
  if (line.includes(whole)) return true;
  const cut = /^[^:]+: (.+)…$/.exec(line)?.[1];
  return cut !== undefined && whole.startsWith(cut);
}

const oneLine = (text: string) => text.replace(/\s+/g, " ").trim();
