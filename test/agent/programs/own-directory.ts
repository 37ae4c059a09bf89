// Makes a directory of its own with a file in it below the one named by its argument, says which, and lives on.
import { mkdtempSync, writeFileSync } from "node:fs";
import path from "node:path";
import { ownedPrefix } from "../../../agent/worker/owned-directories.ts";

const dir = mkdtempSync(path.join(process.argv[2] ?? "", ownedPrefix("test")));
writeFileSync(path.join(dir, "file"), "");
process.stdout.write(`${dir}\n`);
setInterval(() => undefined, 60_000);
