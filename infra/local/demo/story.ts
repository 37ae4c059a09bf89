/** Tells what happens, each line with the seconds since the start. */
export type Story = {
  (line: string): void;
  readonly elapsedMs: () => number;
};

export function createStory(output: NodeJS.WritableStream): Story {
  const startedMs = performance.now();
  const elapsedMs = () => Math.round(performance.now() - startedMs);
  const tell = (line: string) => {
    output.write(`${formatSeconds(elapsedMs()).padStart(8)}  ${line}\n`);
  };
  return Object.assign(tell, { elapsedMs });
}

export function formatSeconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}

/** `a`, `a and b`, `a, b and c`. */
export function formatList(words: readonly string[]): string {
  return words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} and ${words.at(-1) ?? ""}`;
}
