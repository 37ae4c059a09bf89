import type { Candidate, Desired } from "../ports/registry.ts";
import type { ReadyTask } from "../ports/work-queue.ts";

/** Rules of the fast index that hold in Redis and in memory alike. */

/** How many tasks a session holds, with those it has yet to stop, if it has room for another; else null. */
export function loadWithRoom(desired: Desired): number | null {
  const load = Object.keys(desired.tasks).length + Object.keys(desired.stopping).length;
  return desired.state === "live" && load < desired.capacity ? load : null;
}

/** Least loaded first; equal loads by their id's text, as Redis orders them. */
export function byLoad(a: Candidate, b: Candidate): number {
  return a.load - b.load || compareText(a.session, b.session);
}

/** Heads of different queues: first in line first, equal places by the text of their requirements. */
export function byOrder(a: ReadyTask, b: ReadyTask): number {
  return a.order - b.order || compareText(a.requires.join(), b.requires.join());
}

/** By code unit, not by locale: all servers must agree. */
function compareText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
