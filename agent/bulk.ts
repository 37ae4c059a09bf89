import { CancelGroupAnswer, RedriveAnswer } from "../shared/contract/bulk.ts";
import type { Http } from "./http.ts";

/** A request about many tasks does a part of the work. One part may take longer than a request about one. */
const TRY_TIMEOUT_MS = 30_000;

type Caller = { readonly http: Http; readonly key: string };

/** Told after each request what was done so far. */
type Told<T> = (sum: T) => void;

/** Cancels the tasks of a group that have not ended, however many requests it takes; answers how many were cancelled. */
export async function cancelGroup(
  { http, key }: Caller,
  request: { readonly group: string; readonly reason?: string },
  told: Told<{ readonly cancelled: number }> = () => undefined,
): Promise<{ cancelled: number }> {
  const sum = { cancelled: 0 };
  let cursor: string | null = null;
  do {
    const answer: CancelGroupAnswer = await http({
      method: "POST",
      path: "/v1/tasks/cancel",
      answer: CancelGroupAnswer,
      bearer: key,
      body: { ...request, cursor },
      tryTimeoutMs: TRY_TIMEOUT_MS,
    });
    sum.cancelled += answer.cancelled;
    cursor = answer.cursor;
    if (cursor !== null) told(sum);
  } while (cursor !== null);
  return sum;
}

/** Redrives the dead letters of a group and type, or all, in one pass. `left` could not be redriven. */
export async function redriveDeadLetters(
  { http, key }: Caller,
  request: { readonly group?: string; readonly type?: string },
  told: Told<{ readonly redriven: number; readonly left: number }> = () => undefined,
): Promise<{ redriven: number; left: number }> {
  const sum = { redriven: 0, left: 0 };
  let cursor: string | null = null;
  do {
    const answer: RedriveAnswer = await http({
      method: "POST",
      path: "/v1/dead-letters/redrive",
      answer: RedriveAnswer,
      bearer: key,
      body: { ...request, cursor },
      tryTimeoutMs: TRY_TIMEOUT_MS,
    });
    sum.redriven += answer.redriven;
    sum.left += answer.left;
    cursor = answer.cursor;
    if (cursor !== null) told(sum);
  } while (cursor !== null);
  return sum;
}
