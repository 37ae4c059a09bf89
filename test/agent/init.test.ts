import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { scratchDirectory } from "../fixtures/scratch.ts";
import { lastLine, runShim } from "./shim-command.ts";

const AGENTS = ["claude", "codex"] as const;
const FILES = {
  claude: [".claude/settings.json", ".mcp.json"],
  codex: [".codex/hooks.json", ".codex/config.toml"],
} as const;

const read = (project: string, file: string) =>
  existsSync(path.join(project, file)) ? readFileSync(path.join(project, file), "utf8") : null;
const readAll = (project: string) =>
  Object.values(FILES).flatMap((files) => files.map((file) => [file, read(project, file)]));

function projectWith(files: Readonly<Record<string, string>>): string {
  const project = scratchDirectory();
  for (const [file, text] of Object.entries(files)) {
    mkdirSync(path.join(project, path.dirname(file)), { recursive: true });
    writeFileSync(path.join(project, file), text);
  }
  return project;
}

const shim = (project: string, ...args: string[]) => runShim(args, "", {}, project);

/** Files as people leave them: other hooks, other servers, four blanks, a last line without its end. */
const LIVED_IN = {
  ".claude/settings.json": `{
    "permissions": { "allow": ["Bash(git *)"] },
    "hooks": {"PreToolUse": [{"matcher": "Bash", "hooks": [{"type": "command", "command": "./check.sh"}]}]}
}`,
  ".mcp.json": `{ "mcpServers": { "files": { "command": "files-server" } } }\n\n`,
  ".codex/hooks.json": `{"hooks": {"Stop": [{"hooks": [{"type": "command", "command": "say done"}]}]}}`,
  ".codex/config.toml": `model = "gpt"\n\n[mcp_servers.files]\ncommand = "files-server"`,
};

for (const [name, files] of [
  ["an empty project", {}],
  ["a project with settings of its own", LIVED_IN],
] as const) {
  test.each(AGENTS)(
    `in ${name}, init %s adds to what is there, twice is once, and --remove restores every byte`,
    async (agent) => {
      const project = projectWith(files);
      const before = readAll(project);
      const first = await shim(project, "init", agent, "--yes", "--json");
      expect(first).toMatchObject({ code: 0 });
      expect(lastLine(first)).toMatchObject({ agent, written: true });
      for (const file of FILES[agent]) {
        expect(first.err).toContain(file);
        expect(read(project, file)).toMatch(/hook (claude-code|codex)|mcp/);
      }
      const added = readAll(project);
      const again = await shim(project, "init", agent, "--yes", "--json");
      expect(lastLine(again)).toMatchObject({ written: false, files: [] });
      expect(readAll(project)).toEqual(added);
      expect(await shim(project, "init", agent, "--remove", "--yes")).toMatchObject({ code: 0 });
      expect(readAll(project)).toEqual(before);
      expect(existsSync(path.join(project, `.${agent}`))).toBe(
        `.${agent}/` in files || name !== "an empty project",
      );
      expect(lastLine(await shim(project, "init", agent, "--remove", "--yes", "--json"))).toMatchObject({
        written: false,
      });
    },
  );
}

test("hooks and servers of others stay where they are", async () => {
  const project = projectWith(LIVED_IN);
  await shim(project, "init", "claude", "--yes");
  const settings = JSON.parse(read(project, ".claude/settings.json") ?? "") as {
    permissions: unknown;
    hooks: Record<string, { hooks: { command: string }[] }[]>;
  };
  expect(settings.permissions).toEqual({ allow: ["Bash(git *)"] });
  const commands = settings.hooks["PreToolUse"]?.flatMap(({ hooks }) => hooks.map(({ command }) => command));
  expect(commands?.[0]).toBe("./check.sh");
  expect(commands?.[1]).toMatch(/ hook claude-code$/);
  expect(JSON.parse(read(project, ".mcp.json") ?? "")).toMatchObject({
    mcpServers: {
      files: { command: "files-server" },
      shim: { args: expect.arrayContaining(["mcp"]) as unknown },
    },
  });
});

test.each(AGENTS)("what was changed since init %s stays, and only ours goes", async (agent) => {
  const project = projectWith(LIVED_IN);
  await shim(project, "init", agent, "--yes");
  for (const file of FILES[agent]) {
    const text = read(project, file) ?? "";
    const more = file.endsWith(".toml") ? `${text}\n[more]\n` : text.replace("{", `{ "more": 1,`);
    writeFileSync(path.join(project, file), more);
  }
  await shim(project, "init", agent, "--remove", "--yes");
  for (const file of FILES[agent]) {
    expect(read(project, file)).toContain("more");
    expect(read(project, file)).not.toMatch(/ hook (claude-code|codex)|"mcp"|shim init/);
  }
});

test("the difference is shown first, and without a yes nothing is written", async () => {
  const project = projectWith(LIVED_IN);
  const before = readAll(project);
  const end = await shim(project, "init", "claude");
  expect(end.code).toBe(1);
  expect(end.err).toMatch(/^--- \.claude\/settings\.json/m);
  expect(end.err).toMatch(/^\+.* hook claude-code/m);
  expect(end.out).toContain("Nothing was written");
  expect(readAll(project)).toEqual(before);
});

test.each([
  [".claude/settings.json", "claude", "{ not json"],
  [".mcp.json", "claude", "[1]"],
  [".codex/config.toml", "codex", "[mcp_servers.shim]\ncommand = 'mine'\n"],
])("a %s that cannot be added to is said, and nothing is changed", async (file, agent, text) => {
  const project = projectWith({ [file]: text });
  const before = readAll(project);
  const end = await shim(project, "init", agent, "--yes");
  expect(end).toMatchObject({ code: 2 });
  expect(end.err).toContain(file);
  expect(readAll(project)).toEqual(before);
});
