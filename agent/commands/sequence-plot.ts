/** What one night knew: the estimate and its interval, or nothing yet. */
export type PlottedLook = {
  readonly night: number;
  readonly estimate: number | null;
  readonly interval: readonly [number, number] | null;
};

const ROWS = 15;
/** Where the first nights, whose intervals are very wide, are cut: at so many times what is known last. */
const ZOOM = 4;

/**
 * Draws a confidence sequence for a terminal: a column a night, the interval as a bar, the estimate as a dot, and the line of no
 * difference. With more nights than columns each column is the last of its nights.
 */
export function plotSequence(
  looks: readonly PlottedLook[],
  columns: number,
  format: (value: number) => string,
): string {
  const known = looks.flatMap(({ night, estimate, interval }) =>
    estimate !== null && interval !== null ? [{ night, estimate, low: interval[0], high: interval[1] }] : [],
  );
  const last = known.at(-1);
  if (!last) return "Nothing to draw: too few units are known.";
  const reach = ZOOM * Math.max(last.high - last.estimate, Math.abs(last.estimate) / 2, Number.MIN_VALUE);
  const top = Math.min(Math.max(0, ...known.map(({ high }) => high)), Math.max(0, last.estimate) + reach);
  const bottom = Math.max(Math.min(0, ...known.map(({ low }) => low)), Math.min(0, last.estimate) - reach);
  const rowOf = (value: number) => Math.round(((top - value) / (top - bottom)) * (ROWS - 1));
  const clamp = (row: number) => Math.min(ROWS - 1, Math.max(0, row));

  const labels = new Map([
    [0, format(top)],
    [rowOf(0), format(0)],
    [ROWS - 1, format(bottom)],
  ]);
  const margin = Math.max(...[...labels.values()].map(({ length }) => length));
  const shown = thinned(known, Math.max(1, columns - margin - 2));
  const lines = Array.from({ length: ROWS }, (_, row) => {
    const cells = shown.map(({ estimate, low, high }) => {
      if (rowOf(estimate) === row) return "●";
      if (row >= clamp(rowOf(high)) && row <= clamp(rowOf(low))) return "│";
      return rowOf(0) === row ? "┈" : " ";
    });
    return `${(labels.get(row) ?? "").padStart(margin)} ┤${cells.join("")}`.trimEnd();
  });
  const first = `night ${shown[0]?.night ?? 0}`;
  const end = `${last.night}`;
  const gap = Math.max(1, shown.length - first.length - end.length);
  return [...lines, `${" ".repeat(margin + 2)}${first}${" ".repeat(gap)}${end}`].join("\n");
}

/** At most so many, the last among them. */
function thinned<T>(items: readonly T[], count: number): T[] {
  const step = Math.ceil(items.length / count);
  return items.filter((_, i) => (items.length - 1 - i) % step === 0);
}
