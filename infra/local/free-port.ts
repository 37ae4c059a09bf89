import type { Server as HttpServer } from "node:http";
import { createServer } from "node:net";
import type { Server } from "node:net";

/** Everything of the embedded cloud listens here and nowhere else. */
export const LOOPBACK = "127.0.0.1";

/** Longer than a client keeps an idle connection, so that none is closed as a request is on its way. */
export const KEEP_ALIVE_MS = 65_000;

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

/** Stops listening and cuts every connection. */
export async function closeServer(server: HttpServer): Promise<void> {
  const closed = new Promise((resolve) => server.close(resolve));
  server.closeAllConnections();
  await closed;
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

/** Where `npm start` answers unless it is told otherwise, so that commands need no address. */
export const DEFAULT_PORT = 7330;

/** The default port, or 0 for any free one if it is taken. */
export async function findDefaultPort(): Promise<number> {
  const server = createServer();
  try {
    await listenOnLoopback(server, DEFAULT_PORT);
  } catch {
    return 0; // Taken, or not for us: any other will do.
  }
  await new Promise((resolve) => server.close(resolve));
  return DEFAULT_PORT;
}
