import { SubmissionRecord } from "../../contract/records.ts";
import type { SubmissionStore } from "../../ports/record.ts";
import { createMemoryListing } from "./record-listing.ts";

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
  const listing = createMemoryListing();
  const place = (fleet: string, group: string, which: string) => `${fleet}#${group}#${which}`;
  const keyOf = (fleet: string, group: string, id: string) => `${fleet}#${group}#${id}`;

  return {
    async add(submission) {
      const { fleet, group, id } = submission;
      if (stored.has(keyOf(fleet, group, id))) return;
      stored.set(keyOf(fleet, group, id), structuredClone(sortSets(SubmissionRecord.parse(submission))));
      listing.enter(place(fleet, group, "open"), id);
    },
    async mark(fleet, group, id, index, end) {
      const submission = stored.get(keyOf(fleet, group, id));
      if (submission === undefined || !listing.has(place(fleet, group, "open"), id)) return;
      stored.set(keyOf(fleet, group, id), sortSets({ ...submission, [end]: [...submission[end], index] }));
    },
    async list(fleet, group, which, cursor, limit) {
      const page = listing.page(place(fleet, group, which), cursor, limit);
      const items = page.items.flatMap((id) => structuredClone(stored.get(keyOf(fleet, group, id))) ?? []);
      return { items, cursor: page.cursor };
    },
    async close(fleet, group, id) {
      if (!listing.has(place(fleet, group, "open"), id)) return;
      listing.leave(place(fleet, group, "open"), id);
      listing.enter(place(fleet, group, "closed"), id);
    },
  };
}
