/** A promise that knows whether anybody looks at it: then an error is that one's, and not the next caller's too. */
class WatchedPromise<T> extends Promise<T> {
  static override get [Symbol.species](): PromiseConstructor {
    return Promise;
  }

  watched = false;

  override then<A = T, B = never>(
    onFulfilled?: ((value: T) => A | PromiseLike<A>) | null,
    onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    this.watched = true;
    return super.then(onFulfilled, onRejected);
  }
}

/**
 * Calls that their caller may start without awaiting: later calls wait for them, and the first of these gets the
 * error if one failed that nobody awaited. So no rejection is lost, and none ends the process.
 */
export type Pending = {
  track<T>(call: Promise<T>): Promise<T>;
  /** Resolves when all have ended; throws the first error nobody was told of yet. */
  settle(): Promise<void>;
};

export function createPending(): Pending {
  const running = new Set<Promise<void>>();
  const failed: { readonly call: WatchedPromise<unknown>; readonly error: Error }[] = [];
  return {
    track<T>(call: Promise<T>): Promise<T> {
      const watched = new WatchedPromise<T>((resolve, reject) => {
        call.then(resolve, reject);
      });
      const noted = call.then(
        () => undefined,
        (error: unknown) => {
          failed.push({ call: watched, error: error instanceof Error ? error : new Error(String(error)) });
        },
      );
      running.add(noted);
      void noted.then(() => running.delete(noted));
      // The base class's own, which does not count as a look: unawaited, it must not end the process.
      void Promise.prototype.then.call(watched, undefined, () => undefined);
      return watched;
    },
    async settle() {
      await Promise.all(running);
      // Asked only now: an await begins to look at its promise a moment after the call.
      const untold = failed.splice(0).find(({ call }) => !call.watched);
      if (untold) throw untold.error;
    },
  };
}
