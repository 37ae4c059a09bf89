import { createServer, request as forward } from "node:http";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";

/** The server behind a way that can be cut: then every request ends without an answer. */
export type Severable = {
  readonly url: string;
  setReachable(reachable: boolean): void;
  /** Loses the answer to the next request whose path ends so: the server did it, and the caller does not know. */
  loseAnswer(pathEnd: string): { readonly lost: () => boolean };
};

/** Passes requests on, and names itself where answers name the server, so that heartbeats come this way too. */
export async function serveSeverable(target: string): Promise<Severable> {
  let reachable = true;
  let losing: { pathEnd: string; lost: boolean } | null = null;
  let url = "";
  const server = createServer((request, response) => {
    if (!reachable) {
      request.socket.destroy();
      return;
    }
    const { method, headers } = request;
    const onward = forward(
      new URL(request.url ?? "/", target),
      { method, headers: { ...headers, host: new URL(target).host } },
      (answer) => {
        const chunks: Buffer[] = [];
        answer.on("data", (chunk: Buffer) => chunks.push(chunk));
        answer.on("end", () => {
          // Cut while the server worked: it did what was asked, and the caller does not know.
          const lose = losing?.lost === false && request.url?.endsWith(losing.pathEnd) === true;
          if (lose && losing) losing.lost = true;
          if (!reachable || lose) {
            request.socket.destroy();
            return;
          }
          const { "content-length": _length, ...kept } = answer.headers;
          response.writeHead(answer.statusCode ?? 502, kept);
          response.end(Buffer.concat(chunks).toString().replaceAll(target, url));
        });
      },
    );
    onward.on("error", () => request.socket.destroy());
    request.pipe(onward);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return {
    url,
    loseAnswer(pathEnd) {
      const loss = { pathEnd, lost: false };
      losing = loss;
      return { lost: () => loss.lost };
    },
    setReachable(now) {
      reachable = now;
      if (!now) server.closeAllConnections();
    },
  };
}
