import { KEY } from "./keys.ts";
import type { Table } from "./table.ts";

/**
 * Lets a task's payload items expire with it. Each change carries the rev of the task's commit it belongs to,
 * and an older one never undoes a newer: an expiry set late cannot meet a task that was redriven meanwhile.
 */
export interface PayloadExpiry {
  /** After the commit `rev`, by which the task is done. `expiresAt` in epoch seconds. */
  set(fleet: string, task: string, names: readonly string[], rev: number, expiresAt: number): Promise<void>;
  /** Before the commit `rev`, by which the task begins again. */
  clear(fleet: string, task: string, names: readonly string[], rev: number): Promise<void>;
}

export function createPayloadExpiry(table: Table): PayloadExpiry {
  return {
    async set(fleet, task, names, rev, expiresAt) {
      for (const name of names) {
        await table.update(KEY.payload(fleet, task, name), "SET expiresAt = :expiresAt, rev = :rev", {
          expression: "attribute_exists(pk) AND (attribute_not_exists(rev) OR rev < :rev)",
          values: { ":expiresAt": expiresAt, ":rev": rev },
        });
      }
    },
    async clear(fleet, task, names, rev) {
      for (const name of names) {
        await table.update(KEY.payload(fleet, task, name), "SET rev = :rev REMOVE expiresAt", {
          expression: "attribute_exists(pk) AND (attribute_not_exists(rev) OR rev <= :rev)",
          values: { ":rev": rev },
        });
      }
    },
  };
}
