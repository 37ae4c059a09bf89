#!/usr/bin/env node
import path from "node:path";
import { useCompileCache } from "./compile-cache.ts";

// Scripts call shim often, and most of a call is reading its code: from the second on it is found compiled.
useCompileCache();
const { runProgram } = await import("./program.ts");

/** `npm run shim` works in the package's folder; npm then says where its user stands. */
function userDirectory(): string {
  const here = process.cwd();
  const { npm_lifecycle_event: script, INIT_CWD: initial } = process.env;
  const packageFolder = path.resolve(import.meta.dirname, "..");
  return script === "shim" && here === packageFolder && initial ? initial : here;
}

const terminal = {
  env: process.env,
  cwd: userDirectory(),
  input: process.stdin,
  output: process.stdout,
  errors: process.stderr,
  exitCode: 0,
};
await runProgram(process.argv.slice(2), terminal);
process.exitCode = terminal.exitCode;
