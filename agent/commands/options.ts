import { InvalidArgumentError } from "commander";
import { Id, Word } from "../../shared/contract/ids.ts";
import type { QuietHours } from "../worker/restart-policy.ts";

/** Parses an option that is a whole number within bounds. */
export function integer(lowest: number, highest: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= lowest && value <= highest) return value;
    throw new InvalidArgumentError(`It must be a whole number from ${lowest} to ${highest}.`);
  };
}

/** Parses a group's or type's name. */
export function word(text: string): string {
  if (Word.safeParse(text).success) return text;
  throw new InvalidArgumentError("It must be 1 to 64 letters, digits or _ . : / @ + -");
}

/** Parses `a,b,c`. */
export function words(text: string): string[] {
  const list = text
    .split(",")
    .map((word) => word.trim())
    .filter((word) => word !== "");
  const wrong = list.find((word) => !Word.safeParse(word).success);
  if (wrong === undefined) return list;
  throw new InvalidArgumentError(`"${wrong}" must be 1 to 64 letters, digits or _ . : / @ + -`);
}

/** Parses `name=value`; the option may be repeated, or hold several with commas. */
export function labels(text: string, previous: Record<string, string> = {}): Record<string, string> {
  const pairs = text.split(",").map((pair) => /^([^=]+)=(.*)$/.exec(pair.trim()));
  return pairs.reduce((all, pair) => {
    const [, name, value] = pair ?? [];
    if (name !== undefined && value !== undefined && Word.safeParse(name).success)
      return { ...all, [name]: value };
    throw new InvalidArgumentError("It must be name=value, the name of letters, digits or _ . : / @ + -");
  }, previous);
}

/** Parses an identifier. */
export function identifier(text: string): string {
  if (Id.safeParse(text).success) return text;
  throw new InvalidArgumentError("It must be 1 to 64 of A-Z a-z 0-9 _ . -");
}

/** Parses one of a few words. */
export function oneOf(...allowed: readonly string[]): (text: string) => string {
  return (text) => {
    if (allowed.includes(text)) return text;
    throw new InvalidArgumentError(`It must be ${allowed.join(" or ")}.`);
  };
}

/** Parses `HH:MM-HH:MM`, a part of each day. */
export function quietHours(text: string): QuietHours {
  const [, fromHour, fromMinute, toHour, toMinute] = /^(\d{1,2}):(\d{2})-(\d{1,2}):(\d{2})$/.exec(text) ?? [];
  const minuteOf = (hour = "99", minute = "99") =>
    Number(hour) < 24 && Number(minute) < 60 ? Number(hour) * 60 + Number(minute) : null;
  const [from, to] = [minuteOf(fromHour, fromMinute), minuteOf(toHour, toMinute)];
  if (from === null || to === null)
    throw new InvalidArgumentError("It must be a time and a time, such as 22:00-07:00.");
  return { fromMinute: from, toMinute: to };
}
