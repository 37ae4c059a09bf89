import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { type RequestListener, createServer } from "node:http";
import { createServer as createSecureServer } from "node:https";
import { tmpdir } from "node:os";
import path from "node:path";
import { getCACertificates, setDefaultCACertificates } from "node:tls";
import { expect, onTestFinished, test } from "vitest";
import { listenOnLoopback } from "../../infra/local/free-port.ts";
import { createRedis } from "../../shared/adapters/upstash/redis.ts";
import type { RedisClient } from "../../shared/adapters/upstash/redis.ts";

/** A server that answers as told, in place of Redis. */
async function clientOf(listener: RequestListener, base = ""): Promise<RedisClient> {
  const server = createServer(listener);
  const port = await listenOnLoopback(server);
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return createRedis({ url: `http://127.0.0.1:${port}${base}`, token: "secret-token" });
}

const ask = (client: RedisClient) => client.send((pipeline) => pipeline.get("shim:stamp"));

test("what is read after a write is read from a replica that has it", async () => {
  const tokens: unknown[] = [];
  const client = await clientOf((request, response) => {
    tokens.push(request.headers["upstash-sync-token"]);
    response.setHeader("upstash-sync-token", `write=${tokens.length}`).end('[{"result":null}]');
  });
  for (let i = 0; i < 3; i++) await ask(client);
  expect(tokens).toEqual(["", "write=1", "write=2"]);
});

test("requests that follow each other share one connection", async () => {
  const ports = new Set<number | undefined>();
  const client = await clientOf((request, response) => {
    ports.add(request.socket.remotePort);
    response.end('[{"result":null}]');
  });
  for (let i = 0; i < 5; i++) await ask(client);
  expect(ports.size).toBe(1);
});

test("an address with a path keeps it", async () => {
  const paths: unknown[] = [];
  const client = await clientOf((request, response) => {
    paths.push(request.url);
    response.end('[{"result":null}]');
  }, "/redis/");
  await ask(client);
  expect(paths).toEqual(["/redis/pipeline"]);
});

test("an answer that is cut in the middle is asked for again", async () => {
  let requests = 0;
  const client = await clientOf((_, response) => {
    const text = '[{"result":"whole"}]';
    if (++requests > 1) response.end(text);
    else
      response
        .writeHead(200, { "content-length": text.length })
        .write(text.slice(0, 5), () => response.destroy());
  });
  expect(await ask(client)).toEqual(["whole"]);
  expect(requests).toBe(2);
});

test("a character that arrives in two pieces is one character", async () => {
  const client = await clientOf((_, response) => {
    const bytes = Buffer.from('[{"result":"zur\u00fcck \u{1f600}"}]');
    const middle = bytes.indexOf(0xf0) + 2;
    response.write(bytes.subarray(0, middle), () => setImmediate(() => response.end(bytes.subarray(middle))));
  });
  expect(await ask(client)).toEqual(["zur\u00fcck \u{1f600}"]);
});

test("a connection that the server closed while it was idle costs no answer", async () => {
  let cut: (() => void) | undefined;
  const client = await clientOf((request, response) => {
    cut = () => request.socket.destroy();
    response.end('[{"result":"7"}]');
  });
  for (let i = 0; i < 5; i++) {
    expect(await ask(client)).toEqual(["7"]);
    cut?.();
  }
});

test("a server whose certificate is trusted is asked over TLS, one whose is not is not", async () => {
  const folder = mkdtempSync(path.join(tmpdir(), "shim-tls-"));
  onTestFinished(() => {
    rmSync(folder, { recursive: true });
  });
  const [keyFile, certificateFile] = [path.join(folder, "key.pem"), path.join(folder, "cert.pem")];
  const subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"];
  const output = ["-nodes", "-days", "1", "-keyout", keyFile, "-out", certificateFile];
  execFileSync("openssl", ["req", "-x509", "-newkey", "rsa:2048", ...subject, ...output], {
    stdio: "ignore",
  });
  const certificate = readFileSync(certificateFile, "utf8");
  const server = createSecureServer({ key: readFileSync(keyFile), cert: certificate }, (_, response) => {
    response.end('[{"result":"7"}]');
  });
  const port = await listenOnLoopback(server);
  const trusted = getCACertificates("default");
  onTestFinished(() => {
    setDefaultCACertificates(trusted);
    server.close();
    server.closeAllConnections();
  });
  const address = { url: `https://localhost:${port}`, token: "secret-token" };
  await expect(ask(createRedis(address))).rejects.toThrow("self-signed");
  setDefaultCACertificates([...trusted, certificate]);
  expect(await ask(createRedis(address))).toEqual(["7"]);
});
