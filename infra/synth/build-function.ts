import { build } from "esbuild";
import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import path from "node:path";
import type { BundleFormat } from "../bundles.ts";
import { REQUIRE_BANNER } from "./bundle-program.ts";

export type BuiltFunction = {
  readonly folder: string;
  readonly bytes: number;
  /** The files in it, from the project's root, and how many bytes of each are left. */
  readonly sources: readonly Source[];
};

export type Source = { readonly file: string; readonly bytes: number };

/**
 * Bundles one handler as `sst deploy` does, into `folder`.
 *
 * @param handler as infra/routes.ts writes it: `functions/heartbeat.handler`
 * @throws Error if the file is missing, does not compile, or exports no such handler
 */
export async function buildFunction(
  root: string,
  handler: string,
  { folder, minify, format }: { folder: string; minify: boolean; format: BundleFormat },
): Promise<BuiltFunction> {
  const { dir, name, ext } = path.posix.parse(handler);
  const source = path.join(root, dir, `${name}.ts`);
  if (!existsSync(source)) throw new Error(`There is no ${dir}/${name}.ts for the handler "${handler}".`);
  await mkdir(path.join(folder, dir), { recursive: true });
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: [source],
    outfile: path.join(folder, dir, name + (format === "esm" ? ".mjs" : ".cjs")),
    bundle: true,
    platform: "node",
    format,
    target: "esnext",
    ...(format === "esm" ? { mainFields: ["module", "main"], banner: { js: REQUIRE_BANNER } } : {}),
    minify,
    keepNames: true,
    metafile: true,
    logLevel: "silent",
  });
  const output = Object.values(metafile.outputs)[0];
  if (!output || !(await exportsOf(source)).includes(ext.slice(1)))
    throw new Error(`${dir}/${name}.ts exports no "${ext.slice(1)}".`);
  const sources = Object.entries(output.inputs)
    .map(([file, { bytesInOutput }]) => ({ file, bytes: bytesInOutput }))
    .filter(({ bytes }) => bytes > 0);
  return { folder, bytes: output.bytes, sources };
}

/** What a module exports. The bundle's own metadata names them only if it is an ES module. */
async function exportsOf(source: string): Promise<readonly string[]> {
  const { metafile } = await build({
    entryPoints: [source],
    outdir: path.dirname(source),
    format: "esm",
    write: false,
    metafile: true,
    logLevel: "silent",
  });
  return Object.values(metafile.outputs)[0]?.exports ?? [];
}
