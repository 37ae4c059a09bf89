import type { TaskRecord } from "../../shared/contract/records.ts";
import type { Complain } from "./laws.ts";

/** Beyond DESIGN's twenty: what is done for tasks of one key never overlaps, in the record or on hosts. */
export const SERIAL_KEYS = 21;

type Work = { readonly what: string; readonly goesOn: () => boolean };

const isOwned = ({ state }: TaskRecord) => state === "assigned" || state === "running";

/** Watches the tasks of each key. No limit but that of one at a time is used for them. */
export function createSerialKeys(complain: Complain) {
  const owned = new Map<string, Map<string, TaskRecord>>();
  const working = new Map<string, Work[]>();

  return {
    sawTask(task: TaskRecord): void {
      if (task.key === null) return;
      const place = `${task.fleet}/${task.key}`;
      const ofKey = owned.get(place) ?? new Map<string, TaskRecord>();
      owned.set(place, ofKey);
      if (!isOwned(task)) {
        ofKey.delete(task.id);
        return;
      }
      ofKey.set(task.id, task);
      const others = [...ofKey.keys()].filter((id) => id !== task.id);
      if (others.length > 0)
        complain(SERIAL_KEYS, `${task.id} of key ${task.key} is owned while ${others.join(" ")} is`);
    },
    /** A session begins to work on a task of this key; `goesOn` says later whether it still does, with a lease. */
    began(fleet: string, key: string, what: string, goesOn: () => boolean): void {
      const place = `${fleet}/${key}`;
      const others = (working.get(place) ?? []).filter((work) => work.goesOn());
      for (const other of others)
        complain(SERIAL_KEYS, `${what} begins while ${other.what} goes on, of key ${key}`);
      working.set(place, [...others, { what, goesOn }]);
    },
  };
}
