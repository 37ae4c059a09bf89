import { RiskZone } from "../../contract/signals.ts";
import type { AgendaEntry } from "../../ports/agenda.ts";
import type { Incarnation } from "../../ports/registry.ts";
import type { ReadyTask, Take } from "../../ports/work-queue.ts";

/**
 * How entries are written as members of sorted sets. Equal scores are ordered by this text, so the memory
 * adapters write it too. Ids contain neither `:` nor `|`, so either separates them.
 */

export function toDeadlineMember({ fleet, host, session, epoch }: Incarnation): string {
  return `${fleet}:${host}:${session}:${epoch}`;
}

/** Null if the text is not one of ours, as a version to come might leave it. */
export function parseDeadlineMember(member: string): Incarnation | null {
  const [fleet, host, session, epochText, ...rest] = member.split(":");
  const epoch = toCount(epochText);
  if (!fleet || !host || !session || epoch === null || rest.length > 0) return null;
  return { fleet, host, session, epoch };
}

/** What a request's takes begin with: the script that takes appends the place. */
export function toTakePrefix(fleet: string, requestId: string): string {
  return `${fleet}:${requestId}`;
}

export function toTakeMember(
  fleet: string,
  requestId: string,
  { order, taskId, requires }: ReadyTask,
): string {
  return `${toTakePrefix(fleet, requestId)}:${order}:${taskId}:${toWordSet(requires)}`;
}

/** The member is the take's id. Null if the text is not one of ours. */
export function parseTakeMember(member: string): { fleet: string; take: Take } | null {
  const [fleet, requestId, orderText, taskId, ...words] = member.split(":");
  const order = orderText ? Number(orderText) : NaN;
  if (!fleet || !requestId || !taskId || Number.isNaN(order) || words.length === 0) return null;
  return { fleet, take: { id: member, taskId, requires: parseWordSet(words.join(":")), order } };
}

export function toHeldBackMember({ taskId, requires }: Pick<ReadyTask, "taskId" | "requires">): string {
  return `${taskId}:${toWordSet(requires)}`;
}

export function parseHeldBackMember(member: string): Pick<ReadyTask, "taskId" | "requires"> | null {
  const end = member.indexOf(":");
  if (end < 1) return null;
  return { taskId: member.slice(0, end), requires: parseWordSet(member.slice(end + 1)) };
}

export function toAgendaMember(entry: AgendaEntry): string {
  switch (entry.kind) {
    case "verify":
      return ["verify", entry.fleet, entry.session, entry.host, entry.epoch].join("|");
    case "settle":
      return ["settle", entry.fleet, entry.session].join("|");
    case "timeout":
      return ["timeout", entry.fleet, entry.task, entry.fence].join("|");
    case "effects":
      return ["effects", entry.fleet, entry.task].join("|");
    case "balance":
    case "pause":
      return [entry.kind, entry.fleet].join("|");
    case "signals":
      return ["signals", entry.fleet, entry.host, entry.minute].join("|");
    case "zone":
      return ["zone", entry.fleet, entry.session, entry.zone, entry.atMs].join("|");
    case "key":
      return ["key", entry.fleet, entry.keyId].join("|");
  }
}

/** Null if the text is not one of ours. */
export function parseAgendaMember(member: string): AgendaEntry | null {
  const [kind, fleet, ...fields] = member.split("|");
  if (!fleet || fields.includes("")) return null;
  const [id = "", second = "", third] = fields;
  if (kind === undefined || fields.length !== FIELDS_AFTER_FLEET[kind]) return null;
  if (kind === "balance" || kind === "pause") return { kind, fleet };
  if (kind === "settle") return { kind, fleet, session: id };
  if (kind === "effects") return { kind, fleet, task: id };
  if (kind === "key") return { kind, fleet, keyId: id };
  if (kind === "timeout") {
    const fence = toCount(second);
    return fence === null ? null : { kind, fleet, task: id, fence };
  }
  if (kind === "signals") {
    const minute = toCount(second);
    return minute === null ? null : { kind, fleet, host: id, minute };
  }
  if (kind === "zone") {
    const [zone, atMs] = [RiskZone.safeParse(second), toCount(third)];
    return zone.success && atMs !== null ? { kind, fleet, session: id, zone: zone.data, atMs } : null;
  }
  const epoch = toCount(third);
  return epoch === null ? null : { kind: "verify", fleet, session: id, host: second, epoch };
}

const FIELDS_AFTER_FLEET: Readonly<Record<string, number>> = {
  verify: 3,
  settle: 1,
  timeout: 2,
  effects: 1,
  balance: 0,
  pause: 0,
  signals: 2,
  zone: 3,
  key: 1,
} satisfies Record<AgendaEntry["kind"], number>;

/** No word contains `*` or `,`, so `*` can stand for the empty set and `,` can join. */
const NO_WORDS = "*";

/** One text for one set of capabilities, whatever their order. */
export function toWordSet(words: readonly string[]): string {
  return words.length === 0 ? NO_WORDS : [...new Set(words)].sort().join(",");
}

export function parseWordSet(text: string): string[] {
  return text === NO_WORDS ? [] : text.split(",");
}

function toCount(text: string | undefined): number | null {
  return text !== undefined && /^[1-9][0-9]{0,14}$/.test(text) ? Number(text) : null;
}
