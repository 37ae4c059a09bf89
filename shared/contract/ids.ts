import * as z from "zod/mini";
import { LABEL_CHARACTERS_LIMIT } from "./limits.ts";

/** Names that every object inherits; as keys of a map they would be found though nobody put them there. */
const INHERITED = new Set(Object.getOwnPropertyNames(Object.prototype));

/** Segments that every URL and file path resolves away: what is called so could never be asked for. */
const RELATIVE = new Set([".", ".."]);

/** An identifier: 1 to 64 of letters, digits, `_`, `.` and `-`. Never reused. */
export const Id = z.string().check(
  z.regex(/^[A-Za-z0-9_.-]{1,64}$/, "must be 1 to 64 of A-Z a-z 0-9 _ . -"),
  z.refine((id) => !INHERITED.has(id), "must not be a name that every object has"),
  z.refine((id) => !RELATIVE.has(id), "must not be . or .."),
);

/** A short word that describes: a label's name or value, a capability, a task's type, group or key. */
export const Word = z
  .string()
  .check(
    z.minLength(1),
    z.maxLength(LABEL_CHARACTERS_LIMIT),
    z.regex(/^[A-Za-z0-9_.:/@+-]+$/, "must be letters, digits or _ . : / @ + -"),
  );

/** A word that may be a key of a map. */
export const MapWord = Word.check(
  z.refine((word) => !INHERITED.has(word), "must not be a name that every object has"),
);

/** A fencing token: rises with every change of a task's owner. */
export const Fence = z.int().check(z.positive());

/** A session's epoch: rises with every start of the session. */
export const Epoch = z.int().check(z.positive());

/** An instant as an answer prints it. */
export const Instant = z.iso.datetime();

/** Prefixes of the identifiers this system makes. */
export const ID_PREFIX = {
  session: "ses",
  task: "task",
  key: "key",
  submission: "sub",
  request: "req",
} as const;
export type IdKind = keyof typeof ID_PREFIX;
