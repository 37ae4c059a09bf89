import { createServer } from "node:net";
import type { Server } from "node:net";

/** Everything of the embedded cloud listens here and nowhere else. */
export const LOOPBACK = "127.0.0.1";

/** Listens on loopback and resolves with the port; rejects with the system's error (EADDRINUSE, EACCES). */
export function listenOnLoopback(server: Server, port = 0): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, LOOPBACK, () => {
      server.removeListener("error", reject);
      const address = server.address();
      if (typeof address === "object" && address) resolve(address.port);
      else reject(new Error("The server listens on no port: this is a bug of the embedded cloud."));
    });
  });
}

/**
 * A port that was free a moment ago, for a child process that must be told its port. Another process may take
 * it first, so the caller tries again on failure.
 */
export async function findFreePort(): Promise<number> {
  const server = createServer();
  const port = await listenOnLoopback(server);
  await new Promise((resolve) => server.close(resolve));
  return port;
}
