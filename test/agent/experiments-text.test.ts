import { describe, expect, test } from "vitest";
import { amountOf, chance, differenceOf, short, valueText } from "../../agent/commands/amounts.ts";
import { plotSequence } from "../../agent/commands/sequence-plot.ts";
import { formatTable, wrap } from "../../agent/commands/text.ts";

describe("amounts", () => {
  test("milliseconds are durations, and proportions percentages", () => {
    expect(amountOf("lostWorkMs", 92_000)).toBe("1.53 min");
    expect(amountOf("lostWorkMs", 0)).toBe("0");
    expect(amountOf("waitMs", 7)).toBe("7 ms");
    expect(amountOf("completed", 0.7)).toBe("70 %");
    expect(amountOf("attempts", 1.25)).toBe("1.25");
    expect(differenceOf("completed", 0.0821)).toBe("+8.21 points");
    expect(differenceOf("recoveryMs", -1_500)).toBe("-1.5 s");
    expect(valueText("checkpointIntervalMs", 600_000)).toBe("10 min");
    expect(valueText("contextWarning", 0.45)).toBe("0.45");
  });
  test("numbers keep three digits, and no chance is certain", () => {
    expect([0, 1_234_567, -0.00012, 2e-7, 1.7e308].map(short)).toEqual([
      ...["0", "1,234,567", "-0.00012", "2.0e-7", "1.7e+308"],
    ]);
    expect([1, 0.5, 0].map(chance)).toEqual(["over 99.9 %", "50 %", "under 0.1 %"]);
  });
});

describe("text", () => {
  test("lines are wrapped between words, and a word that is too long stays whole", () => {
    expect(wrap("one two three", 9, "  ")).toBe("  one two\n  three");
    expect(wrap("a-very-long-word b", 5)).toBe("a-very-long-word\nb");
    expect(wrap("a\u001b[31mb\nc", 80)).toBe("a [31mb c");
  });
  test("a table's last column is wrapped below itself", () => {
    const why = "because it was asked for by somebody";
    expect(formatTable(["A", "WHY"], [["x", why]], 30)).toBe(
      "A  WHY\nx  because it was asked for by\n   somebody",
    );
    expect(formatTable(["A", "WHY"], [["x", why]])).toBe(`A  WHY\nx  ${why}`);
  });
});

describe("the plot of a confidence sequence", () => {
  const looks = (count: number) =>
    Array.from({ length: count }, (_, i) => {
      const width = 4 / Math.sqrt(i + 1);
      return { night: i + 1, estimate: -1, interval: [-1 - width, -1 + width] as const };
    });
  const rows = (text: string) => text.split("\n");

  test("has a column a night, the interval around the estimate, and the line of no difference", () => {
    const plot = rows(plotSequence(looks(30), 80, short));
    expect(plot).toHaveLength(16);
    expect(plot.filter((row) => row.includes("●"))).toEqual([expect.stringMatching(/┤●{30}$/)]);
    expect(plot[0]).toMatch(/^ *2.92 ┤│/);
    expect(plot.find((row) => /^ *0 ┤/.test(row))).toMatch(/│┈+$/);
    expect(plot.at(-1)).toMatch(/^ +night 1 +30$/);
  });
  test("is as wide as the terminal at most, and the last night is always there", () => {
    const plot = rows(plotSequence(looks(300), 60, short));
    expect(Math.max(...plot.map((row) => row.length))).toBeLessThanOrEqual(60);
    expect(plot.at(-1)).toMatch(/ 300$/);
  });
  test("leaves out nights that knew nothing, and says so if none did", () => {
    const unknown = { night: 1, estimate: null, interval: null };
    expect(plotSequence([unknown], 80, short)).toContain("Nothing to draw");
    expect(plotSequence([unknown, { ...unknown, ...looks(2)[1] }], 80, short)).toContain("night 2");
  });
  test("cuts the first intervals, which are very wide", () => {
    const wide = { night: 1, estimate: 0, interval: [-1e6, 1e6] as const };
    expect(rows(plotSequence([wide, ...looks(9).slice(1)], 80, short))[0]).toMatch(/^ *\d(\.\d+)? ┤/);
  });
});
