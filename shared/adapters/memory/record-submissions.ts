import { SubmissionRecord } from "../../contract/records.ts";
import type { SubmissionStore } from "../../ports/record.ts";
import { deepFrozen } from "./deep-frozen.ts";

/** Sets of indexes read back sorted and without duplicates, whatever was written. */
function sortSets(submission: SubmissionRecord): SubmissionRecord {
  const sort = (indexes: readonly number[]) => [...new Set(indexes)].sort((a, b) => a - b);
  const { completed, failed, cancelled, void: voided } = submission;
  return {
    ...submission,
    completed: sort(completed),
    failed: sort(failed),
    cancelled: sort(cancelled),
    void: sort(voided),
  };
}

export function createMemorySubmissions(): SubmissionStore {
  const stored = new Map<string, SubmissionRecord>();
  const open = new Map<string, Set<string>>();
  const closed = new Map<string, Set<string>>();
  const placeOf = (fleet: string, group: string) => `${fleet}#${group}`;
  const keyOf = (fleet: string, group: string, id: string) => `${fleet}#${group}#${id}`;
  const isOpen = (fleet: string, group: string, id: string) =>
    open.get(placeOf(fleet, group))?.has(id) ?? false;
  const enter = (places: Map<string, Set<string>>, place: string, id: string) =>
    places.set(place, (places.get(place) ?? new Set()).add(id));

  return {
    async add(submission) {
      const { fleet, group, id } = submission;
      if (stored.has(keyOf(fleet, group, id))) return;
      stored.set(keyOf(fleet, group, id), deepFrozen(sortSets(SubmissionRecord.parse(submission))));
      enter(open, placeOf(fleet, group), id);
    },
    async mark(fleet, group, id, index, end) {
      const submission = stored.get(keyOf(fleet, group, id));
      if (submission === undefined || !isOpen(fleet, group, id)) return;
      stored.set(
        keyOf(fleet, group, id),
        deepFrozen(sortSets({ ...submission, [end]: [...submission[end], index] })),
      );
    },
    async list(fleet, group, which, cursor, limit) {
      const places = { open: [open], closed: [closed], all: [open, closed] }[which];
      const ids = places
        .flatMap((place) => [...(place.get(placeOf(fleet, group)) ?? [])])
        .filter((id) => cursor === null || id > cursor)
        .sort();
      const items = ids.slice(0, limit).flatMap((id) => stored.get(keyOf(fleet, group, id)) ?? []);
      return { items, cursor: ids.length > limit ? (items.at(-1)?.id ?? null) : null };
    },
    async close(fleet, group, id) {
      if (!isOpen(fleet, group, id)) return;
      open.get(placeOf(fleet, group))?.delete(id);
      enter(closed, placeOf(fleet, group), id);
    },
  };
}
