import type { Terminal } from "./context.ts";

/** A text that is redrawn in place. Leaves the terminal as it was, with the last text on it. */
export type Screen = {
  draw(text: string): void;
  /** Raised by q, Ctrl-C or SIGTERM. */
  readonly left: AbortSignal;
  close(): void;
};

const CTRL_C = "\u0003";
const HIDE_CURSOR = "\x1b[?25l";
const SHOW_CURSOR = "\x1b[?25h";
const CLEAR_BELOW = "\x1b[J";

export function createScreen({ input, output }: Terminal): Screen {
  const left = new AbortController();
  const leave = () => {
    left.abort();
  };
  const onKey = (key: Buffer | string) => {
    if (["q", "Q", CTRL_C].includes(key.toString())) leave();
  };
  const raw = input.isTTY;
  let drawnRows = 0;

  if (raw) {
    input.setRawMode(true);
    input.resume();
    input.on("data", onKey);
  }
  process.once("SIGINT", leave);
  process.once("SIGTERM", leave);
  output.write(HIDE_CURSOR);

  return {
    left: left.signal,
    draw(text) {
      // Lines past the window would scroll away and could not be redrawn; wrapped ones would be miscounted.
      const lines = text
        .split("\n")
        .slice(0, Math.max(1, output.rows - 1))
        .map((line) => line.slice(0, output.columns - 1));
      const up = drawnRows > 1 ? `\x1b[${drawnRows - 1}A` : "";
      output.write(`${up}\r${CLEAR_BELOW}${lines.join("\n")}`);
      drawnRows = lines.length;
    },
    close() {
      if (raw) {
        input.off("data", onKey);
        input.setRawMode(false);
        input.pause();
      }
      process.off("SIGINT", leave);
      process.off("SIGTERM", leave);
      output.write(`${drawnRows > 0 ? "\n" : ""}${SHOW_CURSOR}`);
    },
  };
}
