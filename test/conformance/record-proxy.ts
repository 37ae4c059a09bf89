import { createServer, request } from "node:http";
import type { AddressInfo } from "node:net";

/** What became of a request: its operation's name and its body, and the server's answer to it. */
export type Exchange = { readonly operation: string; readonly body: string };
export type Answer = { readonly status: number; readonly body: string };

/** Sends a request on and resolves to the real answer. */
type Forward = (body: string) => Promise<Answer>;

/** Decides a request's fate: an answer, or null to cut the connection without one. */
export type Fate = (exchange: Exchange, forward: Forward) => Promise<Answer | null>;

/** A proxy on loopback in front of a DynamoDB endpoint, which treats each request as `fate` says. */
export async function startProxy(endpoint: string) {
  const passOn: Fate = (exchange, forward) => forward(exchange.body);
  const state = { fate: passOn, operations: [] as string[] };

  const server = createServer((incoming, outgoing) => {
    const chunks: Buffer[] = [];
    incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
    incoming.on("end", () => {
      const operation = String(incoming.headers["x-amz-target"]).replace(/^.*\./, "");
      state.operations.push(operation);
      const forward: Forward = (body) =>
        new Promise((resolve, reject) => {
          const headers = { ...incoming.headers, "content-length": String(Buffer.byteLength(body)) };
          const onward = request(endpoint, { method: "POST", headers }, (answer) => {
            const parts: Buffer[] = [];
            answer.on("data", (part: Buffer) => parts.push(part));
            answer.on("end", () => {
              resolve({ status: answer.statusCode ?? 0, body: Buffer.concat(parts).toString() });
            });
          });
          onward.on("error", reject);
          onward.end(body);
        });
      void state.fate({ operation, body: Buffer.concat(chunks).toString() }, forward).then((answer) => {
        if (answer === null) outgoing.destroy();
        else
          outgoing
            .writeHead(answer.status, { "content-type": "application/x-amz-json-1.0" })
            .end(answer.body);
      });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));

  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    /** Names of the operations that arrived since the fate was last set. */
    operations: state.operations,
    set(fate: Fate): void {
      state.fate = fate;
      state.operations.length = 0;
    },
    /** The next request of this operation is carried out and its answer lost; then `meanwhile` happens. */
    loseAnswer(operation: string, meanwhile: () => Promise<unknown> = async () => undefined): void {
      let lost = false;
      this.set(async (exchange, forward) => {
        const answer = await forward(exchange.body);
        if (lost || exchange.operation !== operation) return answer;
        lost = true;
        await meanwhile();
        return null;
      });
    },
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
export type Proxy = Awaited<ReturnType<typeof startProxy>>;
