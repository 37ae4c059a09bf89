import { BUNDLE_FORMATS } from "../bundles.ts";
import { FUNCTIONS } from "../routes.ts";
import type { FunctionName } from "../routes.ts";
import { buildFunction } from "./build-function.ts";
import type { Source } from "./build-function.ts";

/** What is deployed of one function, in bytes: esbuild's output, minified, before it is zipped. */
export type FunctionWeight = {
  readonly name: FunctionName;
  readonly bytes: number;
  /** What each package adds, the heaviest first; `own` is this project's code. */
  readonly packages: readonly (readonly [name: string, bytes: number])[];
};

export const OWN = "own";
const PACKAGE = /.*node_modules\/((?:@[^/]+\/)?[^/]+)\//;

/** Bundles every function as `sst deploy` does, into a folder each below `folder`, and says what is in it. */
export async function weighFunctions(root: string, folder: string): Promise<FunctionWeight[]> {
  const names = Object.keys(FUNCTIONS) as FunctionName[];
  return Promise.all(
    names.map(async (name) => {
      const options = { folder: `${folder}/${name}`, minify: true, format: BUNDLE_FORMATS[name] };
      const built = await buildFunction(root, FUNCTIONS[name], options);
      return { name, bytes: built.bytes, packages: byPackage(built.sources) };
    }),
  );
}

function byPackage(sources: readonly Source[]): [name: string, bytes: number][] {
  const packages = new Map<string, number>();
  for (const { file, bytes } of sources) {
    const name = PACKAGE.exec(file)?.[1] ?? OWN;
    packages.set(name, (packages.get(name) ?? 0) + bytes);
  }
  return [...packages].sort(([, a], [, b]) => b - a);
}
