// Allocates in local mode where every way to the network is taken away, and prints what came of it as one line of JSON.
import dns from "node:dns";
import http from "node:http";
import https from "node:https";
import net from "node:net";
import tls from "node:tls";
import { createStatsigAllocator } from "../../../shared/adapters/statsig/allocator.ts";
import { experimentOf, unitOf } from "../allocator-units.ts";
import { createRecordedLog } from "../recorded-log.ts";

const attempts: string[] = [];
const refuse = (name: string) => () => {
  attempts.push(name);
  throw new Error(`no network: ${name}`);
};

net.Socket.prototype.connect = refuse("Socket.connect");
Object.assign(net, { connect: refuse("net.connect"), createConnection: refuse("net.createConnection") });
Object.assign(tls, { connect: refuse("tls.connect") });
Object.assign(dns, { lookup: refuse("dns.lookup"), resolve: refuse("dns.resolve") });
Object.assign(dns.promises, {
  lookup: refuse("dns.promises.lookup"),
  resolve: refuse("dns.promises.resolve"),
});
for (const [name, module] of Object.entries({ http, https })) {
  Object.assign(module, { request: refuse(`${name}.request`), get: refuse(`${name}.get`) });
  Object.assign(module.Agent.prototype, { addRequest: refuse(`${name}.Agent`) });
}
globalThis.fetch = refuse("fetch");

// Without this, a test that finds nothing would prove nothing.
const guards = [
  () => fetch("http://127.0.0.1:9"),
  () => new net.Socket().connect(9),
  () => http.get("http://127.0.0.1:9"),
  () => https.get("https://127.0.0.1:9"),
];
for (const attempt of guards) {
  try {
    void attempt();
  } catch {
    // Refused, as it should be.
  }
}
const guarded = attempts.splice(0).length;

const { log, lines } = createRecordedLog();
const allocator = createStatsigAllocator({ serverKey: null, log });
const experiment = experimentOf("exp_1", 0.5);
const variants: (string | null)[] = [];
for (let i = 0; i < 200; i++) {
  const variant = await allocator.allocate([experiment], experiment, unitOf(i));
  if (variant) allocator.expose(experiment, unitOf(i), variant);
  variants.push(variant);
}
await allocator.flush();
if (process.argv.includes("--close")) await allocator.close();
// Nothing holds the process from here on: without `--close`, timers of the SDK would show by the test's timeout.
process.on("exit", () => {
  console.log(JSON.stringify({ guarded, attempts, variants, lines }));
});
