import { build } from "esbuild";
import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import path from "node:path";
import { REQUIRE_BANNER } from "./bundle-program.ts";

export type BuiltFunction = {
  readonly folder: string;
  readonly bytes: number;
  readonly sources: readonly string[];
};

/**
 * Bundles one handler as `sst deploy` does, into `folder`.
 *
 * @param handler as infra/routes.ts writes it: `functions/heartbeat.handler`
 * @throws Error if the file is missing, does not compile, or exports no such handler
 */
export async function buildFunction(
  root: string,
  handler: string,
  { folder, minify }: { folder: string; minify: boolean },
): Promise<BuiltFunction> {
  const { dir, name, ext } = path.posix.parse(handler);
  const source = path.join(root, dir, `${name}.ts`);
  if (!existsSync(source)) throw new Error(`There is no ${dir}/${name}.ts for the handler "${handler}".`);
  await mkdir(path.join(folder, dir), { recursive: true });
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: [source],
    outfile: path.join(folder, dir, `${name}.mjs`),
    bundle: true,
    platform: "node",
    format: "esm",
    target: "esnext",
    mainFields: ["module", "main"],
    banner: { js: REQUIRE_BANNER },
    minify,
    keepNames: true,
    metafile: true,
    logLevel: "silent",
  });
  const output = Object.values(metafile.outputs)[0];
  if (!output?.exports.includes(ext.slice(1)))
    throw new Error(`${dir}/${name}.ts exports no "${ext.slice(1)}".`);
  const sources = Object.entries(output.inputs).filter(([, { bytesInOutput }]) => bytesInOutput > 0);
  return { folder, bytes: output.bytes, sources: sources.map(([file]) => file) };
}
