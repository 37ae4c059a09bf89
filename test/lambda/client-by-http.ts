// A runtime client that asks by node:http, loaded as AWS's own is: imported, it would load undici as well.
import type { Answer } from "./ask.ts";
import { runFunction } from "./runtime-client.ts";

const { Agent, request } = process.getBuiltinModule("node:http");
const agent = new Agent({ keepAlive: true });

await runFunction(
  (method, url, body = "") =>
    new Promise<Answer>((resolve, reject) => {
      const asked = request(url, { method, agent }, (response) => {
        let text = "";
        response.setEncoding("utf8");
        response.on("data", (part: string) => (text += part));
        response.on("end", () => {
          resolve({ headers: response.headers, body: text });
        });
      });
      asked.on("error", reject);
      asked.end(body);
    }),
);
