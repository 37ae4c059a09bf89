/** A picture of nights: intervals, lines and marks over a common scale, as SVG that is the same for the same numbers. */
export type Picture = {
  readonly title: string;
  /** Of the vertical axis. */
  readonly unit: string;
  readonly nights: number;
  readonly range: readonly [low: number, high: number];
  readonly intervals?: readonly { readonly night: number; readonly low: number; readonly high: number }[];
  readonly lines: readonly {
    readonly name: string;
    readonly colour: string;
    readonly points: readonly (readonly [night: number, value: number])[];
  }[];
  /** Horizontal lines with what they mean. */
  readonly levels: readonly { readonly value: number; readonly name: string }[];
  /** What happened in which night. */
  readonly marks: readonly { readonly night: number; readonly name: string }[];
};

const WIDTH = 840;
const HEIGHT = 360;
const MARGIN = { left: 64, right: 24, top: 44, bottom: 64 };
const TICKS = 5;

const escape = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
const at = (value: number): string => value.toFixed(1);

export function drawPicture({
  title,
  unit,
  nights,
  range: [low, high],
  intervals = [],
  lines,
  levels,
  marks,
}: Picture): string {
  const x = (night: number) =>
    MARGIN.left + ((night - 1) / Math.max(1, nights - 1)) * (WIDTH - MARGIN.left - MARGIN.right);
  const clamped = (value: number) => Math.min(high, Math.max(low, value));
  const y = (value: number) =>
    HEIGHT - MARGIN.bottom - ((clamped(value) - low) / (high - low)) * (HEIGHT - MARGIN.top - MARGIN.bottom);
  const ticks = Array.from({ length: TICKS }, (_, i) => low + ((high - low) * i) / (TICKS - 1));
  const parts = [
    ...ticks.map(
      (value) =>
        `<text x="${MARGIN.left - 8}" y="${at(y(value) + 4)}" text-anchor="end">${Number(value.toPrecision(3))}</text>` +
        `<line x1="${MARGIN.left}" y1="${at(y(value))}" x2="${WIDTH - MARGIN.right}" y2="${at(y(value))}" stroke="#eee"/>`,
    ),
    ...levels.map(
      ({ value }) =>
        `<line x1="${MARGIN.left}" y1="${at(y(value))}" x2="${WIDTH - MARGIN.right}" y2="${at(y(value))}" stroke="#555" stroke-dasharray="5 4"/>`,
    ),
    ...intervals.map(
      (one) =>
        `<line x1="${at(x(one.night))}" y1="${at(y(one.high))}" x2="${at(x(one.night))}" y2="${at(y(one.low))}" stroke="#9db8d9" stroke-width="6"/>`,
    ),
    ...marks.map(
      ({ night, name }, i) =>
        `<line x1="${at(x(night))}" y1="${MARGIN.top}" x2="${at(x(night))}" y2="${HEIGHT - MARGIN.bottom}" stroke="#c77" stroke-dasharray="2 3"/>` +
        // A mark of the last nights is written to its left.
        `<text x="${at(x(night) + (night > nights * 0.8 ? -4 : 4))}" y="${MARGIN.top + 12 + (i % 3) * 15}" text-anchor="${night > nights * 0.8 ? "end" : "start"}" fill="#a44">${escape(name)}</text>`,
    ),
    ...lines.flatMap(({ name, colour, points }, i) => [
      `<polyline fill="none" stroke="${colour}" stroke-width="2" points="${points.map(([night, value]) => `${at(x(night))},${at(y(value))}`).join(" ")}"/>`,
      `<rect x="${MARGIN.left + i * 260}" y="${HEIGHT - 24}" width="12" height="12" fill="${colour}"/>`,
      `<text x="${MARGIN.left + 18 + i * 260}" y="${HEIGHT - 14}">${escape(name)}</text>`,
    ]),
    // Last, and with a margin of white: nothing is written through.
    ...levels.map(
      ({ value, name }) =>
        `<text x="${MARGIN.left + 8}" y="${at(y(value) - 6)}" fill="#555" stroke="#fff" stroke-width="4" paint-order="stroke">${escape(name)}</text>`,
    ),
    ...[1, Math.round(nights / 4), Math.round(nights / 2), Math.round((3 * nights) / 4), nights].map(
      (night) => `<text x="${at(x(night))}" y="${HEIGHT - 42}" text-anchor="middle">${night}</text>`,
    ),
  ];
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${HEIGHT}" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12">
<rect width="100%" height="100%" fill="#fff"/>
<text x="${MARGIN.left}" y="20" font-size="15">${escape(title)}</text>
<text x="${MARGIN.left}" y="36" fill="#555">${escape(unit)}, by night</text>
${parts.join("\n")}
</svg>
`;
}
