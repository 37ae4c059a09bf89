import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { json } from "node:stream/consumers";
import type { BundleFormat } from "../bundles.ts";
import { buildFunction } from "./build-function.ts";
import type { SynthFunction } from "./synthesis.ts";

type BuildRequest = {
  readonly functionID: string;
  readonly handler: string;
  readonly links: Record<string, Record<string, unknown>>;
  readonly properties?: { readonly minify?: boolean; readonly format?: BundleFormat };
};

const BOOTSTRAP = {
  asset: "sst-asset-synth",
  assetEcrRegistryId: "123456789012",
  assetEcrUrl: "123456789012.dkr.ecr.us-east-1.amazonaws.com/sst-asset",
  state: "sst-state-synth",
  appsyncHttp: "",
  appsyncRealtime: "",
};

/**
 * Answers the two calls that SST's components make to its Go program: where assets go, and a function's bundle.
 * Does not keep its process alive.
 */
export async function startRpcServer(root: string, artifacts: string, bundled: readonly SynthFunction[]) {
  const functions: SynthFunction[] = [];

  async function bundle(name: string, handler: string, minify: boolean, format: BundleFormat) {
    const folder = path.join(artifacts, name);
    const same = bundled.find(
      (one) => one.handler === handler && one.minified === minify && one.format === format,
    );
    if (!same) return buildFunction(root, handler, { folder, minify, format });
    await mkdir(folder, { recursive: true });
    await writeFile(path.join(folder, "bundled-before"), "");
    return { folder, bytes: same.bytes, sources: same.sources.map((file) => ({ file })) };
  }

  const buildRequested = async ({ functionID: name, handler, links, properties }: BuildRequest) => {
    // Seen: SST 4.17 minifies only what asks for it, whatever its documentation says.
    const { minify = false, format = "esm" } = properties ?? {};
    try {
      const built = await bundle(name, handler, minify, format);
      const sources = built.sources.map(({ file }) => file);
      functions.push({ name, handler, links, minified: minify, format, bytes: built.bytes, sources });
      return { handler, out: built.folder, errors: [], sourcemaps: [] };
    } catch (error) {
      return {
        handler,
        out: "",
        errors: [error instanceof Error ? error.message : String(error)],
        sourcemaps: [],
      };
    }
  };
  const answer = async (method: string, argument: unknown) => {
    if (method === "Provider.Aws.Bootstrap") return { result: BOOTSTRAP };
    if (method === "Runtime.Build") return { result: await buildRequested(argument as BuildRequest) };
    return { error: `rpc: can't find method ${method}` };
  };

  const server = createServer((request, response) => {
    void (async () => {
      const { method, params } = (await json(request)) as { method: string; params: [unknown] };
      // A connection kept for later would keep this process alive, whose end says that the stack is whole.
      response.writeHead(200, { "content-type": "application/json", connection: "close" });
      response.end(JSON.stringify(await answer(method, params[0])));
    })();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  server.unref();
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    functions: () => functions.toSorted((a, b) => a.name.localeCompare(b.name)),
  };
}
