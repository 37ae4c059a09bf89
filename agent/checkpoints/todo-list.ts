import * as z from "zod/mini";
import { keepClean } from "./bounded-text.ts";

/** A step of the agent's own list of what it means to do. */
export type Todo = {
  readonly id: string;
  readonly text: string;
  readonly status: "pending" | "in_progress" | "completed";
};

export const TODOS_LIMIT = 100;
const TODO_CHARACTERS_LIMIT = 300;

/** Tools whose input is such a list: Claude's TodoWrite, Codex's update_plan, and those of others that are named alike. */
const LIST_TOOL = /todo|plan/i;
const LISTS = ["todos", "plan", "items", "tasks"];
const TEXTS = ["content", "step", "text", "subject", "title", "description"];
/** Claude's other way: one call for each step, and one for each change of a step. */
const CREATE_TOOL = "TaskCreate";
const UPDATE_TOOL = "TaskUpdate";

const Fields = z.record(z.string(), z.unknown());

/**
 * The list after a tool was called, or null if the call says nothing of it. Read tolerantly: agents differ, and what is not
 * understood is passed over.
 */
export function readTodos(todos: readonly Todo[], tool: string, input: unknown): readonly Todo[] | null {
  const fields = Fields.safeParse(input).data;
  if (!fields) return null;
  if (tool === CREATE_TOOL) return addTodo(todos, fields);
  if (tool === UPDATE_TOOL) return changeTodo(todos, fields);
  return LIST_TOOL.test(tool) ? readList(fields) : null;
}

function readList(fields: Record<string, unknown>): readonly Todo[] | null {
  const list = LISTS.map((name) => fields[name]).find((value) => Array.isArray(value));
  if (!Array.isArray(list)) return null;
  return list.slice(0, TODOS_LIMIT).flatMap((entry, index) => {
    const of = Fields.safeParse(entry).data;
    const text = typeof entry === "string" ? bounded(entry) : of && textOf(of);
    return text ? [{ id: String(index + 1), text, status: statusOf(of ?? {}) ?? "pending" }] : [];
  });
}

/** Which number the agent's tool gives is in its answer, that nobody is told of: it counts from one. */
function addTodo(todos: readonly Todo[], fields: Record<string, unknown>): readonly Todo[] | null {
  const text = textOf({ subject: fields["subject"] ?? fields["description"] });
  if (!text || todos.length >= TODOS_LIMIT) return null;
  const highest = Math.max(0, ...todos.map(({ id }) => Number(id)).filter(Number.isInteger));
  return [...todos, { id: String(highest + 1), text, status: "pending" }];
}

function changeTodo(todos: readonly Todo[], fields: Record<string, unknown>): readonly Todo[] | null {
  const id = fields["taskId"] ?? fields["id"];
  if (typeof id !== "string" && typeof id !== "number") return null;
  const text = textOf({ subject: fields["subject"] });
  if (fields["status"] === "deleted") return todos.filter((todo) => todo.id !== String(id));
  const status = statusOf(fields);
  return todos.map((todo) =>
    todo.id === String(id) ? { ...todo, ...(status && { status }), ...(text && { text }) } : todo,
  );
}

function textOf(fields: Record<string, unknown>): string | null {
  for (const name of TEXTS) {
    const value = fields[name];
    if (typeof value === "string" && value.trim() !== "") return bounded(value);
  }
  return null;
}

function statusOf(fields: Record<string, unknown>): Todo["status"] | null {
  if (fields["completed"] === true || fields["done"] === true) return "completed";
  const status = fields["status"] ?? fields["state"];
  if (typeof status !== "string") return null;
  if (/^(completed|complete|done|finished|cancelled)$/i.test(status)) return "completed";
  return /progress|active|running|doing/i.test(status) ? "in_progress" : "pending";
}

const bounded = (text: string) => keepClean(text, TODO_CHARACTERS_LIMIT);
