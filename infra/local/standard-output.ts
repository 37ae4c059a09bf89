import { Console } from "node:console";

/**
 * Sends what handlers write, which is their log, to standard error, and returns what still writes to standard
 * output: that belongs to the command and to whoever reads its `--json`.
 */
export function keepStandardOutput(): (text: string) => void {
  const write = process.stdout.write.bind(process.stdout);
  process.stdout.write = process.stderr.write.bind(process.stderr);
  globalThis.console = new Console(process.stderr);
  process.stdout.on("error", () => undefined); // The reader may leave once it has read: the work goes on.
  return (text) => {
    write(text);
  };
}
