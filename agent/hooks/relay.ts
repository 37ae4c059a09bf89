/**
 * The command of a hook, for agents and events whose hooks must be processes: `node relay` posts what stands on standard input to
 * SHIM_HOOK_URL with SHIM_HOOK_TOKEN, and prints the answer.
 *
 * A tool call that nobody allows must not run, because whoever started this agent may be gone and its task another's: so no
 * answer denies it. Any other hook is passed over then.
 *
 * It imports little: agents wait for its start before each tool call.
 */
import { request } from "node:http";
import { decidesToolCall, denial } from "./denial.ts";

/** As long as a supervisor on a busy machine may take for a tool call. A hook at an end is held until there is other work. */
const DECISION_TIMEOUT_MS = 15_000;

const { SHIM_HOOK_URL: url = "", SHIM_HOOK_TOKEN: token = "" } = process.env;

function post(body: string, timeoutMs: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
    const sent = request(url, { method: "POST", headers }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => {
        text += chunk;
      });
      response.on("end", () => {
        if (response.statusCode === 200) resolve(text);
        else reject(new Error(`it answered ${response.statusCode ?? "nothing"}`));
      });
      response.on("error", reject);
    });
    sent.on("error", reject);
    if (timeoutMs > 0)
      sent.setTimeout(timeoutMs, () => {
        sent.destroy(new Error(`it said nothing for ${timeoutMs / 1_000} s`));
      });
    sent.end(body);
  });
}

let input = "";
process.stdin.setEncoding("utf8");
for await (const chunk of process.stdin) input += String(chunk);
const decides = decidesToolCall(input);
try {
  process.stdout.write(await post(input, decides ? DECISION_TIMEOUT_MS : 0));
} catch (error) {
  if (decides) process.stdout.write(denial(error instanceof Error ? error.message : String(error)));
}
