import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, describe, expect, test } from "vitest";
import { DEFAULT_PORT, listenOnLoopback } from "../../infra/local/free-port.ts";
import { findRedisServer } from "../../infra/local/redis-server-child.ts";

const PROJECT = fileURLToPath(new URL("../../", import.meta.url));
const START = join(PROJECT, "infra/local/start.ts");
const READY_WITHIN_MS = 10_000;
const END_WITHIN_MS = 5_000;
const LOOPBACK_IN_HEX = "0100007F:";

type Ready = { ready: true; url: string; rootKey: string; adminKey: string };
type Running = Ready & { child: ChildProcess; readyMs: number };

const children = new Set<ChildProcess>();
const folders: string[] = [];

afterEach(() => {
  for (const child of children)
    if (child.pid !== undefined && child.exitCode === null) kill(child, "SIGKILL");
  children.clear();
});
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

function kill(child: ChildProcess, signal: NodeJS.Signals): void {
  // The child leads its own process group, as a shell's foreground job does: Ctrl-C reaches all of it.
  if (child.pid !== undefined && child.signalCode === null) process.kill(-child.pid, signal);
}

function makeFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "shim-start-"));
  folders.push(folder);
  return folder;
}

function launch(command: string, args: string[]): ChildProcess {
  const child = spawn(command, args, { cwd: PROJECT, detached: true, stdio: ["ignore", "pipe", "pipe"] });
  children.add(child);
  return child;
}

const launchStart = (...args: string[]) => launch(process.execPath, [START, ...args]);

async function waitUntilReady(child: ChildProcess): Promise<Running> {
  const launchedAt = performance.now();
  if (!child.stdout || !child.stderr) throw new Error("The child has no output.");
  const complaints = text(child.stderr);
  for await (const line of createInterface(child.stdout)) {
    // Nothing but the ready line may be on standard output, save what npm itself says.
    if (line === "" || line.startsWith("> ")) continue;
    const ready = JSON.parse(line) as Ready;
    child.stdout.resume();
    return { ...ready, child, readyMs: performance.now() - launchedAt };
  }
  throw new Error(`The cloud did not start: ${await complaints}`);
}

/** Starts the cloud on a free port of its own, and waits for its ready line. */
function start(stateDir: string, ...args: string[]): Promise<Running> {
  return waitUntilReady(
    launchStart("--json", "--port", "0", "--state-dir", stateDir, "--profile", "fast", ...args),
  );
}

async function runToEnd(...args: string[]): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const child = launchStart(...args);
  const exited = once(child, "exit") as Promise<[number | null]>;
  if (!child.stdout || !child.stderr) throw new Error("The child has no output.");
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), exited]);
  return { code, stdout, stderr };
}

async function end(
  child: ChildProcess,
  signal: NodeJS.Signals,
): Promise<{ code: number | null; tookMs: number }> {
  const from = performance.now();
  const exited = once(child, "exit") as Promise<[number | null]>;
  kill(child, signal);
  const [code] = await exited;
  return { code, tookMs: performance.now() - from };
}

async function request({ url, adminKey }: Ready, method: string, path: string, body?: unknown) {
  const headers = { authorization: `Bearer ${adminKey}`, "content-type": "application/json" };
  const response = await fetch(`${url}${path}`, {
    method,
    headers,
    body: body === undefined ? null : JSON.stringify(body),
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

/** Local addresses, in the kernel's hexadecimal, on which a process and its children listen. */
function listListeners(pid: number): string[] {
  const inodes = new Set(
    [pid, ...listDescendants(pid)].flatMap((each) =>
      readdirSync(`/proc/${each}/fd`).map(
        (fd) => /^socket:\[(\d+)\]$/.exec(readLink(`/proc/${each}/fd/${fd}`))?.[1],
      ),
    ),
  );
  const rows = ["tcp", "tcp6"].flatMap((table) =>
    readFileSync(`/proc/net/${table}`, "utf8").split("\n").slice(1),
  );
  return rows
    .map((row) => row.trim().split(/\s+/))
    .filter((columns) => columns[3] === "0A" && inodes.has(columns[9]))
    .map((columns) => columns[1] ?? "");
}

function readLink(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return ""; // Closed since it was listed.
  }
}

function listDescendants(pid: number): number[] {
  const direct = readdirSync(`/proc/${pid}/task`).flatMap((task) =>
    readFileSync(`/proc/${pid}/task/${task}/children`, "utf8").split(" ").filter(Boolean).map(Number),
  );
  return direct.flatMap((child) => [child, ...listDescendants(child)]);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Fails if anything of this process tree listens beyond loopback. */
function expectLoopbackOnly(pid: number): void {
  if (process.platform !== "linux") return;
  const listeners = listListeners(pid);
  expect(listeners.length).toBeGreaterThanOrEqual(4);
  expect(listeners.filter((address) => !address.startsWith(LOOPBACK_IN_HEX))).toEqual([]);
}

const redisServerFound = findRedisServer() !== undefined && process.platform === "linux";
const ofRedisServer = redisServerFound
  ? "its redis-server dies with it"
  : "its redis-server is SKIPPED, not being on PATH or this not being Linux";
test(`a cloud is ready in time, keeps its folder and its ports to itself, and after kill -9 has its keys and every accepted task; ${ofRedisServer}`, async () => {
  const folder = makeFolder();
  const credentials = join(folder, "credentials.json");
  const first = await start(folder, "--redis", redisServerFound ? "redis-server" : "js-redis-server");
  expect(first.readyMs).toBeLessThan(READY_WITHIN_MS);
  const pid = first.child.pid ?? 0;
  expectLoopbackOnly(pid);
  expect(statSync(credentials).mode & 0o777).toBe(0o600);
  const { rootKey, adminKey, url } = first;
  expect(JSON.parse(readFileSync(credentials, "utf8"))).toMatchObject({ rootKey, adminKey, url });

  const second = await runToEnd("--json", "--port", "0", "--state-dir", folder);
  expect(second).toMatchObject({ code: 1, stdout: "" });
  expect(second.stderr).toContain("Another embedded cloud is running on this state folder");
  expect(second.stderr).toContain(url);
  expect(second.stderr).toContain("--state-dir");
  expect(readFileSync(credentials, "utf8")).toContain(url);

  const tasks = [
    { id: "small", type: "test", data: { n: 1 } },
    { id: "an-object-in-s3", type: "test", data: { text: randomBytes(30_000).toString("base64") } },
  ];
  expect((await request(first, "POST", "/v1/tasks", tasks)).status).toBe(202);
  const last = { id: "last", type: "test", data: {} };
  expect((await request(first, "POST", "/v1/tasks", last)).status).toBe(202);
  const descendants = redisServerFound ? listDescendants(pid) : [];
  if (redisServerFound) expect(descendants.length).toBeGreaterThan(0);
  // The cloud alone: what it started must notice by itself.
  process.kill(pid, "SIGKILL");
  await once(first.child, "exit");
  await expect.poll(() => descendants.filter(isAlive), { timeout: 3_000 }).toEqual([]);

  const again = await start(folder, "--redis", "js-redis-server");
  expectLoopbackOnly(again.child.pid ?? 0);
  expect([again.rootKey, again.adminKey]).toEqual([rootKey, adminKey]);
  for (const { id, data } of [...tasks, last]) {
    const { status, body } = await request(again, "GET", `/v1/tasks/${id}`);
    expect(status).toBe(200);
    expect(body["task"]).toMatchObject({ id, data });
  }
});

test("Ctrl-C ends it soon with code 0; npm start replaces an admin key that no longer counts; npm's group ends it", async () => {
  const folder = makeFolder();
  const file = join(folder, "credentials.json");
  const first = await start(folder);
  const interrupted = await end(first.child, "SIGINT");
  expect(interrupted.code).toBe(0);
  expect(interrupted.tookMs).toBeLessThan(END_WITHIN_MS);

  const revoked = `${first.adminKey.slice(0, -4)}AAAA`;
  const kept = JSON.parse(readFileSync(file, "utf8")) as object;
  writeFileSync(file, JSON.stringify({ ...kept, adminKey: revoked }));
  const args = ["start", "--silent", "--", "--json", "--port", "0", "--state-dir", folder];
  const second = await waitUntilReady(launch("npm", args));
  expect(second.adminKey).not.toBe(revoked);
  expect((await request(second, "GET", "/v1/keys")).status).toBe(200);

  const terminated = await end(second.child, "SIGTERM");
  expect(terminated.tookMs).toBeLessThan(END_WITHIN_MS);
  const answers = () =>
    fetch(second.url).then(
      () => true,
      () => false,
    );
  await expect.poll(answers, { timeout: END_WITHIN_MS }).toBe(false);
});

test("without flags it takes a free port if its own is taken, and tells a person where it is and what to try", async () => {
  const server = createServer();
  // Another program may have it already, which serves as well.
  await listenOnLoopback(server, DEFAULT_PORT).catch(() => undefined);
  const child = launchStart("--state-dir", makeFolder());
  let output = "";
  child.stdout?.on("data", (chunk: Buffer) => (output += chunk.toString()));
  await expect.poll(() => output, { timeout: READY_WITHIN_MS }).toContain("Ctrl-C stops everything.");
  server.close();
  const url = /http:\/\/127\.0\.0\.1:\d+/.exec(output)?.[0] ?? "";
  expect(url).not.toContain(`:${DEFAULT_PORT}`);
  expect((await fetch(`${url}/v1/health`)).status).toBe(200);
  expect(output).toMatch(/shim_k\.default\//);
  expect(output).toContain("npm run -s shim -- submit -");
});

describe("what cannot be started is refused with code 1 and a reason", () => {
  async function refusalOf(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await runToEnd(...args);
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr).not.toContain("    at ");
    return stderr;
  }

  test("a port that is taken", async () => {
    const server = createServer();
    const port = await listenOnLoopback(server);
    const refusal = await refusalOf("--port", String(port), "--state-dir", makeFolder());
    server.close();
    expect(refusal).toContain(`Port ${port} cannot be listened on (EADDRINUSE)`);
    expect(refusal).toContain("--port");
  });

  test("a store that does not open", async () => {
    const folder = makeFolder();
    mkdirSync(join(folder, "dynamo"));
    writeFileSync(join(folder, "dynamo", "CURRENT"), "garbage");
    const refusal = await refusalOf("--port", "0", "--state-dir", folder);
    expect(refusal).toContain(`The DynamoDB store in ${join(folder, "dynamo")} does not open`);
    expect(refusal).toContain("move it away");
    expect(readdirSync(folder)).toEqual(["dynamo"]);
  });

  test("credentials that cannot be read, which are kept", async () => {
    const folder = makeFolder();
    const file = join(folder, "credentials.json");
    writeFileSync(file, '{"rootKey":"shim_ro');
    const refusal = await refusalOf("--port", "0", "--state-dir", folder);
    expect(refusal).toContain(`The credentials in ${file} cannot be read`);
    expect(readFileSync(file, "utf8")).toBe('{"rootKey":"shim_ro');
  });

  test("a file where the state folder should be", async () => {
    const file = join(makeFolder(), "file");
    writeFileSync(file, "not a folder");
    expect(await refusalOf("--port", "0", "--state-dir", file)).toContain(
      `The state folder ${file} cannot be used`,
    );
  });

  test.each(["--port x", "--port 65536", "--profile slow", "--redis memcached", "--nonsense"])(
    "%s",
    async (line) => {
      const refusal = await refusalOf(...line.split(" "));
      expect(refusal).toContain(line.split(" ").at(-1));
      expect(refusal).toContain("Usage: npm start");
    },
  );
});

test("help names every flag", async () => {
  const help = await runToEnd("--help");
  expect(help).toMatchObject({ code: 0, stderr: "" });
  for (const flag of ["--port", "--state-dir", "--profile", "--redis", "--json"])
    expect(help.stdout).toContain(flag);
});
