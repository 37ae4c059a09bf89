// Starts a program in a process group of its own and waits for it, as an agent starts its shell.
import { spawn } from "node:child_process";

const [program = "", ...args] = process.argv.slice(2);
spawn(process.execPath, [program, ...args], { stdio: "ignore", detached: true });
