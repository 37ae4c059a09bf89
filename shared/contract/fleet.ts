import * as z from "zod/mini";
import { Id, Instant, Word } from "./ids.ts";
import { RETENTION_MS_LIMIT, RETENTION_MS_MINIMUM } from "./limits.ts";
import { ProfileName } from "./profile.ts";

/** What an API key may do; `admin` may do all of its fleet. */
export const Scope = z.enum(["agent", "submit", "operate", "admin"]);
export type Scope = z.infer<typeof Scope>;

/** POST /v1/keys */
export const KeyRequest = z.strictObject({
  scope: Scope,
  name: z.optional(Word),
  expiresAt: z.optional(Instant),
});
export type KeyRequest = z.infer<typeof KeyRequest>;

/** An API key as answers show it: never its secret, never the hash of it. */
export const Key = z.object({
  id: Id,
  scope: Scope,
  name: z.nullable(z.string()),
  createdAt: Instant,
  expiresAt: z.nullable(Instant),
  revokedAt: z.nullable(Instant),
});
export type Key = z.infer<typeof Key>;

/** The only answer that carries a key's secret. */
export const KeyAnswer = z.object({ key: Key, secret: z.string() });
export const KeysAnswer = z.object({ keys: z.array(Key) });
export const RevokedAnswer = z.object({ key: Key });

const RetentionMs = z.int().check(z.minimum(RETENTION_MS_MINIMUM), z.maximum(RETENTION_MS_LIMIT));

/**
 * How the session for a task is chosen: the one that holds least, or the one expected to finish it first by what each has
 * shown.
 */
export const BalancePolicy = z.enum(["least-loaded", "performance"]);
export type BalancePolicy = z.infer<typeof BalancePolicy>;

/** POST /v1/fleets */
export const FleetRequest = z.strictObject({
  id: Id,
  profile: z.optional(ProfileName),
  retentionMs: z.optional(RetentionMs),
});
export type FleetRequest = z.infer<typeof FleetRequest>;

export const Fleet = z.object({
  id: Id,
  profile: ProfileName,
  autoBalance: z.boolean(),
  policy: BalancePolicy,
  retentionMs: z.int(),
  createdAt: Instant,
});
export type Fleet = z.infer<typeof Fleet>;
export const FleetAnswer = z.object({ fleet: Fleet, adminKey: z.string() });
export const FleetsAnswer = z.object({ fleets: z.array(Fleet) });

/** POST /v1/retention: how long what ends from now on is kept; null: as long as usual. */
export const RetentionRequest = z.strictObject({ retentionMs: z.nullable(RetentionMs) });
export type RetentionRequest = z.infer<typeof RetentionRequest>;
export const RetentionAnswer = z.object({ retentionMs: z.int() });
export type RetentionAnswer = z.infer<typeof RetentionAnswer>;

/**
 * POST /v1/rebalance: moves waiting assignments now; `auto` also sets whether the sweep goes on doing so, `policy` how
 * sessions are chosen from now on.
 */
export const RebalanceRequest = z.strictObject({
  auto: z.optional(z.boolean()),
  policy: z.optional(BalancePolicy),
});
export type RebalanceRequest = z.infer<typeof RebalanceRequest>;
export const Move = z.object({ taskId: Id, from: Id, to: Id });
export type Move = z.infer<typeof Move>;
export const RebalanceAnswer = z.object({ moved: z.array(Move) });

/** GET /v1/load */
export const LoadAnswer = z.array(
  z.object({ sessionId: Id, currentTasks: z.int(), utilizationRate: z.number() }),
);
export type LoadAnswer = z.infer<typeof LoadAnswer>;

/** GET /v1/health: `ok` is false when a store does not answer. */
export const HealthAnswer = z.object({
  ok: z.boolean(),
  version: z.string(),
  checks: z.record(z.string(), z.object({ ok: z.boolean(), detail: z.optional(z.string()) })),
});
