import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import {
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
import { DEFAULT_PORT, LOOPBACK, listenOnLoopback } from "../../infra/local/free-port.ts";
import { findRedisServer } from "../../infra/local/redis-server-child.ts";

const PROJECT = fileURLToPath(new URL("../../", import.meta.url));
const START = join(PROJECT, "infra/local/start.ts");
const READY_WITHIN_MS = 10_000;
const onLinux = process.platform === "linux";

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
    if (!line.startsWith("{")) continue;
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

const engines = [
  { engine: "js-redis-server", skip: !onLinux },
  { engine: "redis-server", skip: !onLinux || findRedisServer() === undefined },
];

describe.each(engines)("with $engine", ({ engine, skip }) => {
  test.skipIf(skip)(
    `it is ready in time, listens on loopback only, and leaves no process when it is killed${skip ? " (SKIPPED: needs Linux and the engine on PATH)" : ""}`,
    async () => {
      const cloud = await start(makeFolder(), "--redis", engine);
      expect(cloud.readyMs).toBeLessThan(READY_WITHIN_MS);
      expect((await request(cloud, "GET", "/v1/health")).status).toBe(200);
      const pid = cloud.child.pid ?? 0;
      const listeners = listListeners(pid);
      expect(listeners.length).toBeGreaterThanOrEqual(4);
      expect(listeners.filter((address) => !address.startsWith("0100007F:"))).toEqual([]);
      const descendants = listDescendants(pid);
      expect(descendants.length > 0).toBe(engine === "redis-server");
      process.kill(pid, "SIGKILL");
      await expect.poll(() => descendants.filter(isAlive), { timeout: 3_000 }).toEqual([]);
    },
  );
});

describe("the state folder", () => {
  test("after kill -9 the next start has the same keys and every accepted task", async () => {
    const folder = makeFolder();
    const first = await start(folder);
    const data = { text: "x".repeat(20_000) };
    const tasks = ["small", "large"].map((id) => ({
      id,
      type: "test",
      data: id === "small" ? { n: 1 } : data,
    }));
    expect((await request(first, "POST", "/v1/tasks", tasks)).status).toBe(202);
    const atOnce = request(first, "POST", "/v1/tasks", { id: "last", type: "test", data: {} });
    expect((await atOnce).status).toBe(202);
    await end(first.child, "SIGKILL");

    const second = await start(folder);
    expect([second.rootKey, second.adminKey]).toEqual([first.rootKey, first.adminKey]);
    for (const { id, data } of [...tasks, { id: "last", data: {} }]) {
      const { status, body } = await request(second, "GET", `/v1/tasks/${id}`);
      expect(status).toBe(200);
      expect(body["task"]).toMatchObject({ id, data });
    }
  });

  test("its credentials are the owner's alone and say where the cloud answers", async () => {
    const folder = makeFolder();
    const cloud = await start(folder);
    const file = join(folder, "credentials.json");
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const { rootKey, adminKey, url } = cloud;
    expect(JSON.parse(readFileSync(file, "utf8"))).toMatchObject({ rootKey, adminKey, url });
  });

  test("an admin key that no longer counts is replaced", async () => {
    const folder = makeFolder();
    const file = join(folder, "credentials.json");
    const first = await start(folder);
    await end(first.child, "SIGTERM");
    const revoked = `${first.adminKey.slice(0, -4)}AAAA`;
    writeFileSync(file, JSON.stringify({ ...JSON.parse(readFileSync(file, "utf8")), adminKey: revoked }));
    const second = await start(folder);
    expect(second.adminKey).not.toBe(revoked);
    expect((await request(second, "GET", "/v1/keys")).status).toBe(200);
  });

  test("a second cloud on it is refused, says where the first answers, and leaves that alone", async () => {
    const folder = makeFolder();
    const first = await start(folder);
    const second = await runToEnd("--json", "--port", "0", "--state-dir", folder);
    expect(second).toMatchObject({ code: 1, stdout: "" });
    expect(second.stderr).toContain("Another embedded cloud is running on this state folder");
    expect(second.stderr).toContain(first.url);
    expect(second.stderr).toContain("--state-dir");
    expect((await request(first, "GET", "/v1/health")).status).toBe(200);
    expect(readFileSync(join(folder, "credentials.json"), "utf8")).toContain(first.url);
  });

  test("a store or a file of credentials that is damaged is refused with the file's name, and kept", async () => {
    const folder = makeFolder();
    const { child } = await start(folder);
    await end(child, "SIGTERM");
    const credentials = join(folder, "credentials.json");
    const kept = readFileSync(credentials, "utf8");

    writeFileSync(join(folder, "dynamo", "CURRENT"), "garbage");
    const store = await runToEnd("--port", "0", "--state-dir", folder);
    expect(store.code).toBe(1);
    expect(store.stderr).toContain(`The DynamoDB store in ${join(folder, "dynamo")} does not open`);
    expect(store.stderr).not.toContain("    at ");

    writeFileSync(credentials, kept.slice(0, 30));
    const file = await runToEnd("--port", "0", "--state-dir", folder);
    expect(file.code).toBe(1);
    expect(file.stderr).toContain(`The credentials in ${credentials} cannot be read`);
    expect(file.stderr).not.toContain("    at ");
    expect(readFileSync(credentials, "utf8")).toBe(kept.slice(0, 30));
  });

  test("a file in its place is refused", async () => {
    const file = join(makeFolder(), "file");
    writeFileSync(file, "not a folder");
    const { code, stderr } = await runToEnd("--port", "0", "--state-dir", file);
    expect(code).toBe(1);
    expect(stderr).toContain(`The state folder ${file} cannot be used`);
  });
});

describe("the port", () => {
  test("one that is taken is refused when it was asked for", async () => {
    const server = createServer();
    const port = await listenOnLoopback(server);
    const { code, stderr } = await runToEnd("--port", String(port), "--state-dir", makeFolder());
    server.close();
    expect(code).toBe(1);
    expect(stderr).toContain(`Port ${port} cannot be listened on (EADDRINUSE)`);
    expect(stderr).not.toContain("    at ");
  });

  test("when the default is taken, a free one is", async () => {
    const server = createServer();
    // Somebody else may have it already, which serves this test as well.
    await listenOnLoopback(server, DEFAULT_PORT).catch(() => undefined);
    const cloud = await waitUntilReady(launchStart("--json", "--state-dir", makeFolder()));
    server.close();
    expect(cloud.url).toMatch(new RegExp(`^http://${LOOPBACK}:\\d+$`));
    expect(cloud.url).not.toContain(`:${DEFAULT_PORT}`);
    expect((await request(cloud, "GET", "/v1/health")).status).toBe(200);
  });
});

describe("the end", () => {
  test.each(["SIGINT", "SIGTERM"] as const)("%s ends it with code 0, soon", async (signal) => {
    const { child } = await start(makeFolder());
    const { code, tookMs } = await end(child, signal);
    expect(code).toBe(0);
    expect(tookMs).toBeLessThan(5_000);
  });

  test("a signal to npm's process group ends the cloud behind it", async () => {
    const folder = makeFolder();
    const args = ["start", "--silent", "--", "--json", "--port", "0", "--state-dir", folder];
    const cloud = await waitUntilReady(launch("npm", args));
    const { tookMs } = await end(cloud.child, "SIGTERM");
    expect(tookMs).toBeLessThan(5_000);
    await expect.poll(() => fetch(cloud.url).then(String, () => "closed"), { timeout: 5_000 }).toBe("closed");
  });
});

describe("the command line", () => {
  test("help names every flag, and a wrong flag is refused with the help", async () => {
    const help = await runToEnd("--help");
    expect(help).toMatchObject({ code: 0, stderr: "" });
    for (const flag of ["--port", "--state-dir", "--profile", "--redis", "--json"])
      expect(help.stdout).toContain(flag);
    for (const wrong of [["--port", "x"], ["--profile", "slow"], ["--redis", "memcached"], ["--nonsense"]]) {
      const { code, stderr } = await runToEnd(...wrong);
      expect(code).toBe(1);
      expect(stderr).toContain(wrong[1] ?? wrong[0]);
      expect(stderr).toContain("Usage: npm start");
    }
  });

  test("without --json a person reads the address, the keys and what to try next", async () => {
    const child = launchStart("--port", "0", "--state-dir", makeFolder());
    let output = "";
    child.stdout?.on("data", (chunk: Buffer) => (output += chunk.toString()));
    await expect.poll(() => output, { timeout: READY_WITHIN_MS }).toContain("Ctrl-C stops everything.");
    expect(output).toMatch(/http:\/\/127\.0\.0\.1:\d+/);
    expect(output).toMatch(/shim_k\.default\//);
    expect(output).toContain("npm run -s shim -- submit -");
  });
});
