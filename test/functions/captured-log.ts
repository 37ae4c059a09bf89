import { afterAll, beforeAll, vi } from "vitest";

/** What handlers wrote to standard output while the tests of a file ran. */
export type CapturedLog = { text(): string };

/** Call it before the cloud is started: the least level that is written is read when handlers are. */
export function captureLog(): CapturedLog {
  const { AWS_LAMBDA_LOG_LEVEL } = process.env;
  process.env["AWS_LAMBDA_LOG_LEVEL"] = "DEBUG";
  const written: string[] = [];
  beforeAll(() => {
    for (const stream of [process.stdout, process.stderr])
      vi.spyOn(stream, "write").mockImplementation((chunk: string | Uint8Array) => {
        written.push(Buffer.from(chunk as string).toString());
        return true;
      });
  });
  afterAll(() => {
    vi.restoreAllMocks();
    process.env["AWS_LAMBDA_LOG_LEVEL"] = AWS_LAMBDA_LOG_LEVEL;
  });
  return { text: () => written.join("") };
}
