#!/usr/bin/env node
import { useCompileCache } from "./compile-cache.ts";

// Scripts call shim often, and most of a call is reading its code: from the second on it is found compiled.
useCompileCache();
const { runProgram } = await import("./program.ts");
await runProgram();
