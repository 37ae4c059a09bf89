import type { Task } from "./task.ts";

/**
 * What an agent is asked to do for a task: its data where that is a text, the text `prompt` in it, else all of the data as
 * JSON. One place, because the control plane and a supervisor must ask the same.
 */
export function promptOf({ id, type, data }: Pick<Task, "id" | "type" | "data">): string {
  const prompt = typeof data === "object" && data !== null && "prompt" in data ? data.prompt : data;
  if (typeof prompt === "string" && prompt.trim() !== "") return prompt;
  return `Do task ${id} of type ${type}. Its data, as JSON:\n${JSON.stringify(data ?? null, null, 2)}`;
}
