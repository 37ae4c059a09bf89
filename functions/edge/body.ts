import en from "zod/v4/locales/en.js";
import * as z from "zod/mini";
import { type Refusal, isRefusal, refuse } from "../../shared/contract/errors.ts";
import { parseStrictJson } from "./strict-json.ts";

/** zod/mini brings no words of its own; without these every issue reads "Invalid input". */
z.config(en());

const ISSUES_LIMIT = 5;

/** Parses and checks a body against its schema. Says where it does not fit, never what was sent there. */
export function parseBody<T>(
  bytes: Uint8Array,
  contentType: string | undefined,
  schema: z.ZodMiniType<T>,
  parse: typeof parseStrictJson = parseStrictJson,
): { value: T } | Refusal {
  const [mediaType] = (contentType ?? "").split(";");
  if (mediaType?.trim().toLowerCase() !== "application/json")
    return refuse("content_type.unsupported", "The Content-Type is not application/json.");
  const parsed = parse(bytes);
  if (isRefusal(parsed)) return parsed;
  const checked = schema.safeParse(parsed.value);
  if (checked.success) return { value: checked.data };
  return refuse("request.invalid", issuesOf(checked.error));
}

/** Where a value does not fit its schema, and how, without the value. */
export function issuesOf({ issues }: z.core.$ZodError): string {
  const first = issues.flatMap(closest).slice(0, ISSUES_LIMIT);
  return first.map(({ path, message }) => `${path.map(String).join(".") || "body"}: ${message}`).join("; ");
}

/** Of a choice between shapes, what is wrong with the one that fits best: the one that got furthest. */
function closest(issue: z.core.$ZodIssue): readonly z.core.$ZodIssue[] {
  if (issue.code !== "invalid_union") return [issue];
  const depth = (issues: readonly z.core.$ZodIssue[]) =>
    Math.max(0, ...issues.map(({ path }) => path.length));
  const [best] = [...issue.errors].sort((a, b) => depth(b) - depth(a));
  return (best ?? []).map((inner) => ({ ...inner, path: [...issue.path, ...inner.path] }));
}
