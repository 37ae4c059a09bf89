import type { Conversation } from "./conversation.ts";
import type { Reply } from "./scripted-model.ts";

export type Step = { readonly name: string; readonly command: string };

/** A prompt whose task is these steps. */
export function stepsPrompt(task: string, steps: readonly Step[]): string {
  return [`Work on ${task}.`, ...steps.map(({ name, command }) => `STEP ${name}: ${command}`)].join("\n");
}

/** What it says when it has done all of a task. */
export const doneText = (task: string) => `ALL STEPS DONE OF ${task}`;

/** Lines of the section of a text that has this title, up to the next title. */
function section(text: string, title: RegExp): string[] {
  const lines = text.split("\n");
  const begin = lines.findIndex((line) => title.test(line));
  if (begin === -1) return [];
  const rest = lines.slice(begin + 1);
  const end = rest.findIndex((line) => /^\s*#{2,3} |^[A-Z][^-]*:$/.test(line));
  return end === -1 ? rest : rest.slice(0, end);
}

const DONE = /^#+ Done|^Finished; do not repeat/;
const UNKNOWN = /^#+ Outcome unknown|^Begun, outcome unknown/;

/**
 * Works through the steps of the latest task in the conversation, one command each. What the brief in it says is done it does not do again;
 * what is unknown it looks at first, and then does. It knows nothing but what it was told.
 */
export function stepwise({ turns }: Conversation): Reply {
  const at = turns.findLastIndex(({ role, text }) => role === "user" && /^STEP \S+: /m.test(text));
  const prompt = turns[at]?.text ?? "";
  const [, task = "nothing"] = /^Work on (\S+)\.$/m.exec(prompt) ?? [];
  const told = turns
    .slice(at)
    .filter(({ role }) => role === "user")
    .map(({ text }) => text)
    .join("\n");
  const ran = new Set(turns.slice(at).flatMap(({ calls }) => calls.map(({ command }) => command)));
  const isIn = (title: RegExp, command: string) =>
    section(told, title).some((line) => line.includes(command) && !line.includes("(failed)"));
  for (const [, name = "", command = ""] of prompt.matchAll(/^STEP (\S+): (.*)$/gm)) {
    if (ran.has(command) || isIn(DONE, command)) continue;
    const look = `echo looking at ${name}`;
    if (isIn(UNKNOWN, command) && !ran.has(look)) return { text: `I look at ${name}.`, shell: look };
    return { text: `I do ${name}.`, shell: command };
  }
  return { text: doneText(task) };
}
