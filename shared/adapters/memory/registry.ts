import { SignalsMinute } from "../../contract/signals.ts";
import { serves } from "../../domain/ready-order.ts";
import {
  type Candidate,
  Desired,
  type HostMinute,
  type Incarnation,
  type Registry,
  Reported,
} from "../../ports/registry.ts";
import { byLoad, loadWithRoom } from "../index-rules.ts";
import { parseDeadlineMember, toDeadlineMember } from "../upstash/members.ts";
import { createByFleet } from "./by-fleet.ts";
import { deepFrozen } from "./deep-frozen.ts";
import { createMemoryInboxHints } from "./inbox-hints.ts";
import type { Losable } from "./losable.ts";
import { createSortedSet } from "./sorted-set.ts";

type Published = { readonly desired: Desired; readonly capabilities: readonly string[] };

/** The registry in this process. */
export function createMemoryRegistry(): Registry & Losable {
  let deadlines = createSortedSet();
  const published = createByFleet<Published>();
  const reports = createByFleet<Reported>();
  const minutes = createByFleet<SignalsMinute>();
  const inboxes = createMemoryInboxHints();
  const memberOf = createMemberNames();

  const desiredOf = (fleet: string, session: string) => published.get(fleet, session)?.desired ?? null;

  const signalsOf = ({ fleet, host, minute }: HostMinute) => minutes.get(fleet, `${host}:${minute}`);

  return {
    inboxes,
    async beat(incarnations, deadlineMs, minute) {
      let moved = 0;
      for (const incarnation of incarnations) {
        const member = memberOf(incarnation);
        const current = deadlines.score(member);
        if (current === null || current >= deadlineMs) continue;
        deadlines.set(member, deadlineMs);
        moved += 1;
      }
      return {
        moved,
        desired: incarnations.map(({ fleet, session }) => desiredOf(fleet, session)),
        reported: incarnations.map(({ fleet, session }) => reports.get(fleet, session)),
        inboxes: incarnations.map(({ fleet, session }) => inboxes.hintOf(fleet, session)),
        signals: incarnations.length > 0 && minute ? signalsOf(minute) : null,
      };
    },
    async deadlines(incarnations) {
      return incarnations.map((incarnation) => deadlines.score(memberOf(incarnation)));
    },
    async extend(incarnations, deadlineMs) {
      for (const incarnation of incarnations) {
        const member = memberOf(incarnation);
        deadlines.set(member, Math.max(deadlines.score(member) ?? deadlineMs, deadlineMs));
      }
    },
    async overdue(nowMs, limit) {
      return deadlines
        .first(limit, nowMs)
        .flatMap(({ member, score }): (Incarnation & { deadlineMs: number })[] => {
          const incarnation = parseDeadlineMember(member);
          return incarnation === null ? [] : [{ ...incarnation, deadlineMs: score }];
        });
    },
    async count() {
      return deadlines.size();
    },
    async forget(incarnations) {
      for (const incarnation of incarnations) deadlines.remove(memberOf(incarnation));
    },
    async report(fleet, session, reported) {
      reports.set(fleet, session, deepFrozen(Reported.parse(reported)));
    },
    async reported(fleet, sessions) {
      return sessions.map((session) => reports.get(fleet, session));
    },
    async keepSignals(minute) {
      const kept = deepFrozen(SignalsMinute.parse(minute));
      minutes.set(kept.fleet, `${kept.host}:${kept.minute}`, kept);
    },
    async signals(asked) {
      return asked.map(signalsOf);
    },
    async publish(fleet, session, desired, capabilities) {
      const current = desiredOf(fleet, session);
      if (current !== null && current.rev >= desired.rev) return;
      published.set(fleet, session, {
        desired: deepFrozen(Desired.parse(desired)),
        capabilities: [...capabilities],
      });
    },
    async desired(fleet, sessions) {
      return sessions.map((session) => desiredOf(fleet, session));
    },
    async candidates(fleet, requires, limit) {
      const found: Candidate[] = [];
      for (const [session, { desired, capabilities }] of published.of(fleet)) {
        const load = loadWithRoom(desired);
        if (load !== null && serves(capabilities, requires)) found.push({ session, load });
      }
      return found.sort(byLoad).slice(0, limit);
    },
    lose() {
      deadlines = createSortedSet();
      published.clear();
      reports.clear();
      minutes.clear();
      inboxes.lose();
    },
    save() {
      const restores = [published.save(), reports.save(), minutes.save(), inboxes.save()];
      const deadlinesThen = deadlines.copy();
      return () => {
        for (const restore of restores) restore();
        deadlines = deadlinesThen.copy();
      };
    },
  };
}

/** Remembers each session's latest name as a member: beats ask for the same ones again and again. */
function createMemberNames(): (incarnation: Incarnation) => string {
  const names = createByFleet<{ host: string; epoch: number; member: string }>();
  return (incarnation) => {
    const { fleet, host, session, epoch } = incarnation;
    const known = names.get(fleet, session);
    if (known?.epoch === epoch && known.host === host) return known.member;
    const member = toDeadlineMember(incarnation);
    names.set(fleet, session, { host, epoch, member });
    return member;
  };
}
