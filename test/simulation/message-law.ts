import type { Message } from "../../shared/contract/message.ts";
import type { MessageRecord, SessionRecord, TaskRecord } from "../../shared/contract/records.ts";
import { logsOf } from "../../shared/domain/inbox.ts";
import type { Complain } from "./laws.ts";

/**
 * Beyond DESIGN's twenty: what was accepted is read by all whom it is for, by nobody else, in order, and not again once
 * it was acknowledged. No simulation is as long as messages are kept, so none may be missing for its age.
 */
export const MESSAGES = 26;
/** What beats tell again for so long after it was acknowledged was not forgotten: none is under way as long. */
const UNDER_WAY_MS = 300_000;

/** What one sender meant to say once, under however many ids it was sent. Times are places in the order of all. */
export type Letter = {
  readonly number: number;
  readonly fleet: string;
  readonly from: string;
  readonly to: string;
  /** Whether a repetition of it must be the same message. */
  readonly keyed: boolean;
  readonly sentAt: number;
  answeredAt: number | null;
  id: string | null;
};

export type Reader = {
  readonly fleet: string;
  readonly session: string;
  readonly epoch: number;
  readonly topics: readonly string[];
};

/** An acknowledgement that is being sent. */
export type Receipt = {
  readonly reader: Reader;
  readonly ids: readonly string[];
  /** Whether the epoch still was the session's when it was sent. */
  readonly counts: boolean;
};

/** What a session knows of one message, in all its epochs. */
type Sight = {
  readonly about: string;
  epoch: number;
  /** Whether an acknowledgement of it may have counted. */
  acknowledged: boolean;
  /** From when on it must not come again. */
  doneAt: number | null;
  doneMs: number;
};

type Inbox = {
  readonly sights: Map<string, Sight>;
  /** Of each log, the highest number seen. */
  readonly highest: Map<string, number>;
  /** Of each log and sender, the latest sending among the letters seen. */
  readonly latest: Map<string, number>;
  readonly met: Set<Letter>;
  /** When it first had each log. */
  readonly since: Map<string, number>;
  epoch: number;
};

/** The ends of one task or session that are announced on one topic. */
type Ends = { readonly log: string; readonly at: number[] };

type Body = { readonly letter: number; readonly taskId: string; readonly sessionId: string; epoch: number };

const EVENT = "system";
const letterOf = (number: number) => `letter ${number}`;
/** What is said, under whatever id: one letter, or one kind of end of one task or epoch. */
const aboutOf = ({ from, to, body }: Message): string => {
  const { letter, taskId, sessionId, epoch } = body as Body;
  if (from !== EVENT) return letterOf(letter);
  return `${to} of ${to.startsWith("topic:task.") ? taskId : `${sessionId} ${epoch}`}`;
};

export type MessageLaw = ReturnType<typeof createMessageLaw>;

/** Watches what is sent to whom, what becomes of it in the record, and who reads it when. */
export function createMessageLaw(
  complain: Complain,
  sessions: ReadonlyMap<string, SessionRecord>,
  nowMs: () => number,
) {
  const letters: Letter[] = [];
  /** Of each fleet and log, what was sent there. */
  const logs = new Map<string, Letter[]>();
  /** The number of each message in its log. */
  const placed = new Map<string, number>();
  const heads = new Map<string, number>();
  const inboxes = new Map<string, Inbox>();
  const ends = new Map<string, Ends>();
  let order = 0;

  function inboxOf(fleet: string, session: string): Inbox {
    const key = `${fleet}/${session}`;
    const known = inboxes.get(key);
    if (known) return known;
    const fresh: Inbox = {
      ...{ sights: new Map(), highest: new Map(), latest: new Map(), met: new Set() },
      ...{ since: new Map(), epoch: 0 },
    };
    inboxes.set(key, fresh);
    return fresh;
  }

  const isOf = ({ fleet, session, epoch }: Reader) => sessions.get(`${fleet}/${session}`)?.epoch === epoch;

  function checkAddress(reader: Reader, message: Message, who: string): void {
    const { id, from, to, body } = message;
    if (!logsOf({ id: reader.session, topics: reader.topics }).includes(to))
      complain(MESSAGES, `${who} reads ${id} to ${to}, which is not for it`);
    if (from === EVENT) return;
    const letter = letters[(body as Body).letter];
    if (letter?.fleet !== reader.fleet || letter.to !== to || letter.from !== from)
      complain(MESSAGES, `${who} reads ${id} from ${from} to ${to}, which nobody sent there`);
    else if (letter.keyed && letter.id !== null && letter.id !== id)
      complain(MESSAGES, `${who} reads ${id}, which its sender knows as ${letter.id}`);
  }

  /** All readers of a log see it in its one order, and each sender in the order of its answers. */
  function checkOrder(reader: Reader, { id, from, to, body }: Message, who: string): void {
    const { highest, latest, met } = inboxOf(reader.fleet, reader.session);
    const number = placed.get(`${reader.fleet}/${to}/${id}`);
    if (number === undefined) {
      complain(MESSAGES, `${who} reads ${id}, which is not in the log ${to}`);
      return;
    }
    if (number <= (highest.get(to) ?? 0))
      complain(MESSAGES, `${who} reads number ${number} of ${to} after number ${highest.get(to) ?? 0}`);
    highest.set(to, number);
    const letter = from === EVENT ? undefined : letters[(body as Body).letter];
    // A copy without an Idempotency-Key is another message, which may come late.
    if (!letter || met.has(letter) || (letter.id !== null && letter.id !== id)) return;
    met.add(letter);
    const latestAt = latest.get(`${from} ${to}`) ?? 0;
    if (letter.answeredAt !== null && letter.answeredAt < latestAt)
      complain(MESSAGES, `${who} reads ${id} after what ${from} sent later`);
    latest.set(`${from} ${to}`, Math.max(latestAt, letter.sentAt));
  }

  /** How often this epoch was told each thing, or an acknowledgement took that from it. */
  function toldOf({ sights }: Inbox, epoch: number): ReadonlyMap<string, number> {
    const told = new Map<string, number>();
    for (const { about, epoch: seen, acknowledged } of sights.values())
      if (acknowledged || seen === epoch) told.set(about, (told.get(about) ?? 0) + 1);
    return told;
  }

  function ended(fleet: string, topic: string, what: string): void {
    const log = `topic:${topic}`;
    const about = `${log} of ${what}`;
    const known = ends.get(`${fleet}/${about}`) ?? { log, at: [] };
    known.at.push(++order);
    ends.set(`${fleet}/${about}`, known);
  }

  return {
    /** A sender begins to send this, once or until it is answered. */
    sending(fleet: string, from: string, to: string, keyed: boolean): Letter {
      const letter = {
        ...{ number: letters.length, fleet, from, to, keyed },
        ...{ sentAt: ++order, answeredAt: null, id: null },
      };
      letters.push(letter);
      const log = logs.get(`${fleet}/${to}`) ?? [];
      logs.set(`${fleet}/${to}`, log);
      log.push(letter);
      return letter;
    },
    sent(letter: Letter, id: string): void {
      if (letter.keyed && letter.id !== null && letter.id !== id)
        complain(MESSAGES, `a repetition of ${letter.id} was answered as ${id}`);
      if (!placed.has(`${letter.fleet}/${letter.to}/${id}`))
        complain(MESSAGES, `${id} to ${letter.to} was accepted and is not in the log`);
      letter.id = id;
      letter.answeredAt ??= ++order;
    },
    /** A message was written as the newest of its log. */
    sawMessage({ fleet, log, id, rev }: MessageRecord): void {
      const place = `${fleet}/${log}`;
      const head = heads.get(place) ?? 0;
      if (rev !== head + 1) complain(MESSAGES, `${log} goes on with number ${rev} after ${head}`);
      heads.set(place, rev);
      if (placed.has(`${place}/${id}`)) complain(MESSAGES, `${id} is in the log ${log} twice`);
      placed.set(`${place}/${id}`, rev);
    },
    sawSession(before: SessionRecord | null, next: SessionRecord): void {
      const { fleet, id, epoch, state, topics } = next;
      const inbox = inboxOf(fleet, id);
      if (inbox.epoch !== epoch || before?.state !== state)
        for (const log of logsOf({ id, topics })) if (!inbox.since.has(log)) inbox.since.set(log, ++order);
      inbox.epoch = epoch;
      const isOver = state === "crashed" || state === "ended";
      if (isOver && before?.state !== state) ended(fleet, `session.${state}`, `${id} ${epoch - 1}`);
    },
    sawTask(before: TaskRecord | null, { fleet, id, state }: TaskRecord): void {
      if (state === before?.state) return;
      if (state === "completed" || state === "failed" || state === "cancelled")
        ended(fleet, `task.${state}`, id);
    },
    /** The place of now in the order of all. */
    now: () => ++order,
    /** @param askedAt when it asked for them; null if a beat brought them */
    saw(reader: Reader, messages: readonly Message[], askedAt: number | null, calmSinceMs: number): void {
      const who = `${reader.session} (epoch ${reader.epoch})`;
      const { sights } = inboxOf(reader.fleet, reader.session);
      for (const message of messages) {
        const { id, to } = message;
        checkAddress(reader, message, who);
        const known = sights.get(id);
        if (known?.doneAt != null) {
          const again =
            askedAt === null
              ? known.doneMs > calmSinceMs && nowMs() - known.doneMs > UNDER_WAY_MS
              : known.doneAt < askedAt;
          if (again) complain(MESSAGES, `${who} is given ${id} to ${to}, which it had acknowledged`);
        }
        if (!known) checkOrder(reader, message, who);
        const sight = known ?? {
          about: aboutOf(message),
          epoch: 0,
          acknowledged: false,
          doneAt: null,
          doneMs: 0,
        };
        sight.epoch = Math.max(sight.epoch, reader.epoch);
        sights.set(id, sight);
      }
    },
    acknowledging(reader: Reader, ids: readonly string[]): Receipt {
      const counts = isOf(reader);
      const { sights } = inboxOf(reader.fleet, reader.session);
      for (const id of ids) {
        const sight = sights.get(id);
        if (sight && counts) sight.acknowledged = true;
      }
      return { reader, ids, counts };
    },
    acknowledged({ reader, ids, counts }: Receipt): void {
      if (!counts)
        complain(MESSAGES, `${reader.session} acknowledged with epoch ${reader.epoch}, which was over`);
      const { sights } = inboxOf(reader.fleet, reader.session);
      for (const id of ids) {
        const sight = sights.get(id);
        if (!sight) continue;
        sight.doneAt ??= ++order;
        sight.doneMs ||= nowMs();
      }
    },
    /** What living sessions have still not been told, of what was accepted and of what ended. */
    owed(): string[] {
      const owed: string[] = [];
      for (const { fleet, id, epoch, state, topics } of sessions.values()) {
        if (state !== "live" && state !== "draining") continue;
        const inbox = inboxOf(fleet, id);
        const told = toldOf(inbox, epoch);
        const mine = logsOf({ id, topics });
        for (const log of mine)
          for (const { number, sentAt, answeredAt, from } of logs.get(`${fleet}/${log}`) ?? []) {
            const since = log === `session:${id}` ? 0 : (inbox.since.get(log) ?? Infinity);
            if (answeredAt === null || sentAt < since) continue;
            if (!told.has(letterOf(number)))
              owed.push(`${id} (epoch ${epoch}) was never told ${letterOf(number)} of ${from} to ${log}`);
          }
        for (const [key, { log, at }] of ends) {
          const about = key.slice(fleet.length + 1);
          const since = mine.includes(log) ? (inbox.since.get(log) ?? Infinity) : Infinity;
          const due = key.startsWith(`${fleet}/`) ? at.filter((end) => end > since).length : 0;
          const times = told.get(about) ?? 0;
          if (times < due) owed.push(`${id} (epoch ${epoch}) was told ${times} of ${due} times: ${about}`);
        }
      }
      return owed;
    },
  };
}
