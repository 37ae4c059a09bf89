/** A task and what it depends on. */
export type Node = { readonly id: string; readonly dependsOn: readonly string[] };

/**
 * The nodes so ordered that each comes after its dependencies among them, or the ids of one cycle.
 * Dependencies outside of the nodes do not matter here.
 */
export function inDependencyOrder<T extends Node>(
  nodes: readonly T[],
): { ordered: T[] } | { cycle: string[] } {
  const waiting = new Map(nodes.map((node) => [node.id, node]));
  const ordered: T[] = [];
  while (waiting.size > 0) {
    const free = [...waiting.values()].filter((node) => !node.dependsOn.some((id) => waiting.has(id)));
    if (free.length === 0) return { cycle: findCycle(waiting) };
    for (const node of free) waiting.delete(node.id);
    ordered.push(...free);
  }
  return { ordered };
}

function findCycle(waiting: ReadonlyMap<string, Node>): string[] {
  const path: string[] = [];
  let id = [...waiting.keys()][0];
  while (id !== undefined && !path.includes(id)) {
    path.push(id);
    id = waiting.get(id)?.dependsOn.find((dependency) => waiting.has(dependency));
  }
  return path.slice(path.indexOf(id ?? ""));
}
