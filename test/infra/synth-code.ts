import { build } from "esbuild";
import { FUNCTIONS } from "../../infra/routes.ts";
import type { FunctionName } from "../../infra/routes.ts";
import { ROOT } from "./synth-view.ts";

const bundles = new Map<FunctionName, Promise<Map<string, string>>>();

/** The bundle of a function by source file, without what tree shaking removed. */
export function bundledCode(name: FunctionName): Promise<Map<string, string>> {
  const bundle = bundles.get(name) ?? bundleByFile(name);
  bundles.set(name, bundle);
  return bundle;
}

async function bundleByFile(name: FunctionName): Promise<Map<string, string>> {
  const { outputFiles } = await build({
    absWorkingDir: ROOT,
    entryPoints: [FUNCTIONS[name].replace(/\.handler$/, ".ts")],
    bundle: true,
    write: false,
    platform: "node",
    format: "esm",
    logLevel: "silent",
  });
  const sections = (outputFiles[0]?.text ?? "").split(/^\/\/ (?=\S+\.[jt]s$)/m).slice(1);
  return new Map(
    sections.map((section) => {
      const end = section.indexOf("\n");
      return [section.slice(0, end), section.slice(end)];
    }),
  );
}

/** What a function's handler and operations can come to run: adapters offer more than any one function uses. */
export async function usedCode(name: FunctionName): Promise<string> {
  const used = [...(await bundledCode(name))].filter(([file]) =>
    /^(functions|shared\/operations)\//.test(file),
  );
  if (used.length < 2)
    throw new Error(`The bundle of ${name} shows no operation: is it still split by file?`);
  return used.map(([, code]) => code).join("\n");
}
