import { startWorkerProcess, type WorkerProcess } from "../fixtures/worker-process.ts";

export type HostPool = {
  /** Waits until as many hosts as the pool should have are registered. */
  full(): Promise<void>;
  host(name: string): WorkerProcess;
  /** Starts another host in place of this one, which is gone. */
  replace(name: string): void;
  close(): Promise<void>;
};

export type HostPoolOptions = {
  readonly url: string;
  readonly key: string;
  /** Of the hosts and their tasks, temporary files too. */
  readonly cwd: string;
  readonly hosts: number;
  readonly sessionsPerHost: number;
  /** What a host runs for each task. */
  readonly script: (host: string) => string;
};

/** Several real hosts. Each gets a name of its own: a name that died stays taken until its deadline. */
export function createHostPool(options: HostPoolOptions): HostPool {
  const hosts = new Map<string, WorkerProcess>();
  let started = 0;

  function start(): void {
    const name = `host-${++started}`;
    const { url, key, cwd } = options;
    const flags = ["--sessions", String(options.sessionsPerHost)];
    hosts.set(
      name,
      startWorkerProcess({ url, key, cwd, tmp: cwd, host: name, script: options.script(name), flags }),
    );
  }

  for (let i = 0; i < options.hosts; i++) start();

  return {
    async full() {
      for (const [name, host] of hosts)
        await host.said("registered", { session: `${name}-${options.sessionsPerHost}` });
    },
    host(name) {
      const host = hosts.get(name);
      if (!host) throw new Error(`There is no host ${name}.`);
      return host;
    },
    replace(name) {
      hosts.delete(name);
      start();
    },
    async close() {
      await Promise.all([...hosts.values()].map((host) => host.kill()));
    },
  };
}
