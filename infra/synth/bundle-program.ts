import { build } from "esbuild";
import type { BuildOptions, Plugin } from "esbuild";
import { readFile } from "node:fs/promises";
import path from "node:path";

/** What SST puts before every module it bundles, so that CommonJS dependencies find `require`. */
export const REQUIRE_BANNER = [
  `import { createRequire as __createRequire } from "node:module";`,
  `import { fileURLToPath as __toPath } from "node:url";`,
  `const require = __createRequire(import.meta.url);`,
  `const __filename = __toPath(import.meta.url);`,
  `const __dirname = __toPath(new URL(".", import.meta.url));`,
].join("\n");

export type App = { readonly name: string; readonly removal: string; readonly protect: boolean };
export type Places = {
  readonly root: string;
  readonly platform: string;
  readonly work: string;
  readonly edit: Edit | null;
};

/** A change of one file of the stack, as it is read and not on disk: to see whether anybody notices. */
export type Edit = { readonly file: string; readonly find: string; readonly replace: string };

/**
 * Where the two bundles go: next to SST's node_modules, because Node resolves a bundle's imports from where it
 * lies. Named after the work folder, so that whoever owns that can remove them too.
 */
export function bundleFiles({
  platform,
  work,
}: Pick<Places, "platform" | "work">): readonly [app: string, program: string] {
  const name = path.join(platform, path.basename(work));
  return [`${name}-app.mjs`, `${name}-program.mjs`];
}

function options(places: Places, outfile: string, code: string): BuildOptions {
  return {
    absWorkingDir: places.root,
    bundle: true,
    format: "esm",
    platform: "node",
    mainFields: ["module", "main"],
    logLevel: "silent",
    nodePaths: [path.join(places.platform, "node_modules")],
    external: [
      "@pulumi/*",
      "@pulumiverse/*",
      "@sst-provider/*",
      "@aws-sdk/*",
      "undici",
      "esbuild",
      "archiver",
      "glob",
      "vite",
    ],
    banner: { js: REQUIRE_BANNER },
    outfile,
    stdin: { contents: code, resolveDir: places.root, loader: "ts", sourcefile: "synth.ts" },
  };
}

/** Folders whose modules import what they need by themselves. */
const SKIPPED = [".sst", "node_modules"].map((folder) => path.sep + folder + path.sep);

/** Gives sst.config.ts and infra/ their globals (`sst`, `aws`), as SST's own bundler does. */
function globalsPlugin({ root, edit }: Places, imports: string): Plugin {
  return {
    name: "sst-globals",
    setup(bundle) {
      bundle.onLoad({ filter: /\.[jt]s$/ }, async ({ path: file }) => {
        if (SKIPPED.some((folder) => file.includes(folder))) return undefined;
        const code = edited(await readFile(file, "utf8"), path.relative(root, file), edit);
        return { contents: `${imports}\n${code}`, loader: "ts" };
      });
    },
  };
}

function edited(code: string, file: string, edit: Edit | null): string {
  if (file !== edit?.file) return code;
  const parts = code.split(edit.find);
  if (parts.length !== 2)
    throw new Error(`${file} has ${parts.length - 1} places like "${edit.find}", not 1.`);
  return parts.join(edit.replace);
}

/** Bundles what evaluates `app()` of sst.config.ts: a module whose default export is the app. */
export async function bundleApp(places: Places, stage: string, outfile: string): Promise<void> {
  const config = JSON.stringify(path.join(places.root, "sst.config.ts"));
  const code = `import config from ${config}; export default await config.app({ stage: ${JSON.stringify(stage)} });`;
  const bundle = options(places, outfile, code);
  await build({
    ...bundle,
    plugins: [globalsPlugin(places, "")],
    banner: { js: `${REQUIRE_BANNER}\nfunction $config(config) { return config; }` },
  });
}

/** Bundles what runs `run()` of sst.config.ts with SST's components: a module whose default export is a function. */
export async function bundleProgram(
  places: Places,
  app: App & { stage: string },
  outfile: string,
): Promise<void> {
  const lock = JSON.parse(await readFile(path.join(places.root, ".sst/provider-lock.json"), "utf8")) as {
    alias: string;
    package: string;
  }[];
  const imports = [
    ...lock.map((provider) => `import * as ${provider.alias} from ${JSON.stringify(provider.package)};`),
    `import * as sst from ${JSON.stringify(path.join(places.platform, "src/components"))};`,
  ].join("\n");
  const { root, platform, work } = places;
  const cli = {
    command: "deploy",
    dev: false,
    paths: { home: work, root, work, platform },
    state: { version: {} },
  };
  const config = JSON.stringify(path.join(root, "sst.config.ts"));
  const run = JSON.stringify(path.join(platform, "src/auto/run.ts"));
  const code = `import { run } from ${run}; import config from ${config}; export default () => run(config.run);`;
  await build({
    ...options(places, outfile, code),
    define: { $app: JSON.stringify(app), $cli: JSON.stringify(cli), $dev: "false" },
    inject: [path.join(platform, "src/shim/run.js")],
    plugins: [globalsPlugin(places, imports)],
  });
}
