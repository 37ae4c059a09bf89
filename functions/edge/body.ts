import type * as z from "zod/mini";
import { type Refusal, isRefusal, refuse } from "../../shared/contract/errors.ts";
import { parseStrictJson } from "./strict-json.ts";

const ISSUES_LIMIT = 5;

/** Parses and checks a body against its schema. Says where it does not fit, never what was sent there. */
export function parseBody<T>(
  bytes: Uint8Array,
  contentType: string | undefined,
  schema: z.ZodMiniType<T>,
): { value: T } | Refusal {
  const [mediaType] = (contentType ?? "").split(";");
  if (mediaType?.trim().toLowerCase() !== "application/json")
    return refuse("content_type.unsupported", "The Content-Type is not application/json.");
  const parsed = parseStrictJson(bytes);
  if (isRefusal(parsed)) return parsed;
  const checked = schema.safeParse(parsed.value);
  if (checked.success) return { value: checked.data };
  const issues = checked.error.issues
    .slice(0, ISSUES_LIMIT)
    .map(({ path, message }) => `${path.map(String).join(".") || "body"}: ${message}`);
  return refuse("request.invalid", issues.join("; "));
}
