import * as z from "zod/mini";
import { Epoch, Id } from "./ids.ts";

/** How close a session is to losing its work: to a full context window, or to going wrong. */
export const RiskZone = z.enum(["safe", "warning", "danger"]);
export type RiskZone = z.infer<typeof RiskZone>;

/** What is kept of a session's signals: plain values by name. */
export const KeptSignals = z.record(z.string(), z.union([z.number(), z.string(), z.boolean()]));
export type KeptSignals = z.infer<typeof KeptSignals>;

/**
 * The signals of all sessions of a host in one minute (since 1970, by the server's clock): of each the first that it sent. In
 * Redis while the minute lasts, then in the record.
 */
export const SignalsMinute = z.object({
  v: z.literal(1),
  fleet: Id,
  host: Id,
  minute: z.int(),
  sessions: z.record(
    Id,
    z.object({ epoch: Epoch, atMs: z.int(), zone: z.nullable(RiskZone), signals: KeptSignals }),
  ),
});
export type SignalsMinute = z.infer<typeof SignalsMinute>;

/** A change of a session's zone. */
export const ZoneChange = z.object({
  v: z.literal(1),
  fleet: Id,
  session: Id,
  atMs: z.int(),
  zone: RiskZone,
});
export type ZoneChange = z.infer<typeof ZoneChange>;
