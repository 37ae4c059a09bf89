import { SIGNALS_KEPT_MS } from "../../contract/limits.ts";
import { SignalsMinute, ZoneChange } from "../../contract/signals.ts";
import { MINUTE_MS } from "../../domain/signals.ts";
import type { SignalStore } from "../../ports/record.ts";
import { toExpirySeconds } from "./expiry.ts";
import { KEY, PARTITION, SORT_PREFIX, inOrder } from "./keys.ts";
import { decode, encode } from "./payloads.ts";
import type { Item, Table } from "./table.ts";

/**
 * History of signals: an item a minute for all sessions of a host, compressed, since names repeat and a write is billed by the
 * kilobyte; and one for each change of a session's zone.
 */
export function createSignals(table: Table): SignalStore {
  const toMinute = async ({ sessions, ...item }: Item) =>
    SignalsMinute.parse({
      ...item,
      sessions: JSON.parse(await decode(sessions as Uint8Array)) as unknown,
    });
  return {
    async putMinute(minute) {
      const { sessions, ...place } = SignalsMinute.parse(minute);
      await table.put({
        ...place,
        ...KEY.signals(place.fleet, place.host, place.minute),
        sessions: await encode(JSON.stringify(sessions)),
        expiresAt: toExpirySeconds((place.minute + 1) * MINUTE_MS + SIGNALS_KEPT_MS),
      });
    },
    async putZone(change) {
      const { fleet, session, atMs } = change;
      await table.put({
        ...ZoneChange.parse(change),
        ...KEY.zone(fleet, session, atMs),
        expiresAt: toExpirySeconds(atMs + SIGNALS_KEPT_MS),
      });
    },
    async minutes(fleet, host, from, to, limit) {
      const pk = PARTITION.host(fleet, host);
      const range = { pk, prefix: SORT_PREFIX.signals, from: inOrder(from), to: inOrder(to), limit };
      return Promise.all((await table.query(range)).map(toMinute));
    },
    async zones(fleet, session, afterMs, toMs, limit) {
      const pk = PARTITION.session(fleet, session);
      const range = { pk, prefix: SORT_PREFIX.zone, from: inOrder(afterMs + 1), to: inOrder(toMs), limit };
      return (await table.query(range)).map((item) => ZoneChange.parse(item));
    },
  };
}
