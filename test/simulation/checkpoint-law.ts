import type { Checkpoint, ResumeBrief } from "../../shared/contract/checkpoint.ts";
import type { CheckpointRecord, PayloadRef, TaskCheckpointRecord } from "../../shared/contract/records.ts";
import type { Complain } from "./laws.ts";

type Place = { readonly fleet: string; readonly session: string };
/** A checkpoint that was answered for. */
type Acknowledged = { readonly sequence: number; readonly at: number };
type OfTask = { readonly fence: number; readonly sequence: number };

const placeOf = ({ fleet, session }: Place) => `${fleet}/${session}`;
const isBefore = (a: OfTask, b: OfTask) =>
  a.fence < b.fence || (a.fence === b.fence && a.sequence < b.sequence);

/**
 * Guarantees 14 and 15: checkpoints rise and the latest is readable, whoever is told of it; and what names a state is written after
 * the state, and as long as it is named the state stays.
 */
export function createCheckpointLaw(complain: Complain, count: (what: string) => void) {
  const states = new Set<string>();
  const newest = new Map<string, CheckpointRecord>();
  const pointers = new Map<string, TaskCheckpointRecord>();
  const filed = new Set<string>();
  const written = new Map<string, unknown>();
  const latest = new Map<string, Acknowledged>();
  const ofTasks = new Map<string, OfTask & { readonly at: number }>();
  let order = 0;

  const stateOf = (at: Place, ref: PayloadRef) => (ref.at === "inline" ? "" : `${placeOf(at)}/${ref.key}`);
  const isThere = (at: Place, ref: PayloadRef) => ref.at === "inline" || states.has(stateOf(at, ref));

  function sawCommit(next: CheckpointRecord): void {
    const place = placeOf(next);
    const before = newest.get(place);
    const name = `checkpoint ${next.rev} of ${next.session}`;
    if (!isThere(next, next.body)) complain(15, `${name} names a state that is not there`);
    if (before && next.rev !== before.rev + 1) complain(14, `${name} comes after ${before.rev}`);
    if (before && next.epoch < before.epoch)
      complain(14, `${name}, of epoch ${next.epoch}, replaces one of epoch ${before.epoch}`);
    if (before && !filed.has(`${place}/${before.rev}`))
      complain(14, `${name} replaces ${before.rev}, which is filed nowhere`);
    newest.set(place, next);
  }

  function sawPointer(next: TaskCheckpointRecord): void {
    const key = `${next.fleet}/${next.task}`;
    const before = pointers.get(key);
    const name = `task ${next.task}, which points to ${next.sequence} of ${next.session} (fence ${next.fence}),`;
    if (!isThere(next, next.body)) complain(15, `${name} names a state that is not there`);
    if ((newest.get(placeOf(next))?.rev ?? 0) < next.sequence)
      complain(15, `${name} names a checkpoint that was not written`);
    if (before && !isBefore(before, next))
      complain(14, `${name} pointed to ${before.sequence} of ${before.session} (fence ${before.fence})`);
    pointers.set(key, next);
  }

  function sawRelease(gone: CheckpointRecord): void {
    count("checkpoint released");
    states.delete(stateOf(gone, gone.body));
    const isNewest = newest.get(placeOf(gone))?.rev === gone.rev;
    const pointer = gone.task && pointers.get(`${gone.fleet}/${gone.task.id}`);
    const isLast = pointer?.session === gone.session && pointer.sequence === gone.rev;
    const isFirst = pointer?.first?.session === gone.session && pointer.first.sequence === gone.rev;
    if (isNewest || isLast || isFirst)
      complain(14, `checkpoint ${gone.rev} of ${gone.session} is gone, though it is still named`);
  }

  return {
    saw(path: string, args: readonly unknown[], result: unknown): void {
      const step = path.slice("record.checkpoints.".length);
      if (step === "putBody") {
        const [fleet, session] = args as [string, string];
        states.add(stateOf({ fleet, session }, (result as { ref: PayloadRef }).ref));
      } else if (step === "file") {
        const [checkpoint] = args as [CheckpointRecord];
        filed.add(`${placeOf(checkpoint)}/${checkpoint.rev}`);
      } else if (step === "release") sawRelease(args[0] as CheckpointRecord);
      else if (step === "commit" && result !== null) sawCommit(result as CheckpointRecord);
      else if (step === "ofTask.commit" && result !== null) sawPointer(result as TaskCheckpointRecord);
    },
    /** Whatever was answered for until now, an answer that is asked for from now on must know. */
    now: () => ++order,
    acknowledged(
      at: Place,
      sequence: number,
      state: unknown,
      task: { id: string; fence: number } | null,
    ): void {
      const place = placeOf(at);
      written.set(`${place}/${sequence}`, state);
      const before = latest.get(place);
      if (!before || before.sequence < sequence) latest.set(place, { sequence, at: ++order });
      if (!task) return;
      const key = `${at.fleet}/${task.id}`;
      const told = ofTasks.get(key);
      const now = { fence: task.fence, sequence, at: ++order };
      if (!told || isBefore(told, now)) ofTasks.set(key, now);
    },
    /** A session was told its latest; null: that it has none. */
    read(at: Place, checkpoint: Checkpoint | null, askedAt: number): void {
      const known = latest.get(placeOf(at));
      const sequence = checkpoint?.sequence ?? 0;
      if (known && known.at < askedAt && sequence < known.sequence)
        complain(14, `${at.session} is told that its latest is ${sequence}, after ${known.sequence}`);
      const place = `${placeOf(at)}/${sequence}`;
      if (checkpoint && written.has(place) && written.get(place) !== checkpoint.state)
        complain(14, `${at.session} is told another state of its checkpoint ${sequence}`);
    },
    /** A task that was begun before is handed out with what is known of it. */
    resumed(fleet: string, task: string, attempt: number, resume: ResumeBrief | null, askedAt: number): void {
      const known = ofTasks.get(`${fleet}/${task}`);
      if (attempt <= 1 || !known || known.at >= askedAt) return;
      if (!resume?.checkpoint) complain(14, `${task} is handed out again without its checkpoint`);
      else count("task resumed");
    },
  };
}
