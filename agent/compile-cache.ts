import module from "node:module";

// The published command also runs on Node 20, which has no compile cache.
const { enableCompileCache }: Partial<typeof module> = module;

/** Lets node keep this program's code compiled for the next start. The cache's folder, or undefined without one. */
export function useCompileCache(): string | undefined {
  return enableCompileCache?.().directory;
}
