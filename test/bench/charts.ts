/**
 * Draws a chart as SVG: lines over logarithmic axes, in colours that are legible on white and on
 * black. The library draws into text, without a browser; it is loaded when something is drawn.
 */

/** A line of a chart. */
export interface Line {
  readonly name: string;
  /** Points from left to right. */
  readonly points: readonly (readonly [x: number, y: number])[];
  /** The plainest means, beside which the others are seen. */
  readonly isFloor?: boolean;
}

/** A chart. */
export interface Chart {
  readonly title: string;
  readonly x: string;
  /** With its unit. */
  readonly y: string;
  readonly lines: readonly Line[];
}

/** What is used of the library. */
interface Library {
  init(
    dom: null,
    theme: null,
    options: { renderer: 'svg'; ssr: true; width: number; height: number },
  ): { setOption(option: unknown): void; renderToSVGString(): string; dispose(): void };
}

const library: string = 'echarts';
const [width, height] = [760, 380];
const colours = ['#3b82f6', '#e8743b', '#10a37f', '#a855f7'];
const ink = '#7d8590';
const grid = 'rgba(125, 133, 144, 0.28)';
const font = 'system-ui, -apple-system, Segoe UI, Helvetica, Arial, sans-serif';

/** Draws. */
export async function drawChart(chart: Chart): Promise<string> {
  const { init } = (await import(library)) as Library;
  const drawing = init(null, null, { renderer: 'svg', ssr: true, width, height });
  drawing.setOption(optionOf(chart));
  const svg = drawing.renderToSVGString();
  drawing.dispose();
  return `${still(svg, chart.title)}\n`;
}

/** With a title for who can't see it, and without what is for the pointer only. */
function still(svg: string, title: string): string {
  const names = new Map<string, string>();
  return svg
    .replace(/<style[\s\S]*?<\/style>\s*/, '')
    .replaceAll(/ (class|pointer-events)="[^"]*"/g, '')
    .replace(/^<svg[^>]*>/, `$&\n<title>${title.replace(/[<&]/g, '')}</title>`)
    .replaceAll(/zr\d+-c\d+/g, (name) => {
      // The library counts on from one drawing to the next.
      const known = names.get(name) ?? `clip-${names.size}`;
      names.set(name, known);
      return known;
    });
}

function optionOf({ title, x, y, lines }: Chart): unknown {
  const all = lines.flatMap(({ points }) => points);
  return {
    animation: false,
    backgroundColor: 'transparent',
    textStyle: { fontFamily: font, color: ink },
    title: { text: title, left: 12, top: 8, textStyle: { color: ink, fontSize: 15 } },
    legend: {
      selectedMode: false,
      top: 36,
      left: 12,
      itemWidth: 26,
      itemGap: 30,
      textStyle: { color: ink, fontSize: 12 },
    },
    grid: { left: 72, right: 96, top: 78, bottom: 56 },
    xAxis: axisOf(
      x,
      all.map(([at]) => at),
      30,
    ),
    yAxis: axisOf(
      y,
      all.map(([, value]) => value),
      52,
    ),
    series: lines.map(seriesOf),
  };
}

/** From one power of ten to another around the values. */
function axisOf(name: string, values: readonly number[], nameGap: number): unknown {
  const power = (value: number, round: (log: number) => number): number =>
    10 ** round(Math.log10(value));
  return {
    type: 'log',
    name,
    nameLocation: 'middle',
    nameGap,
    nameTextStyle: { color: ink, fontSize: 12 },
    min: power(Math.min(...values), Math.floor),
    max: power(Math.max(...values), Math.ceil),
    axisLabel: { color: ink, fontSize: 11, formatter: labelOf },
    axisLine: { show: true, lineStyle: { color: ink } },
    splitLine: { show: true, lineStyle: { color: grid } },
    minorTick: { show: true, splitNumber: 9, lineStyle: { color: grid } },
  };
}

function seriesOf({ name, points, isFloor = false }: Line, index: number): unknown {
  const colour = isFloor ? ink : colours[index % colours.length];
  const last = points.length - 1;
  return {
    name,
    type: 'line',
    silent: true,
    emphasis: { disabled: true },
    color: colour,
    lineStyle: { color: colour, width: isFloor ? 1.5 : 2.5, type: isFloor ? 'dashed' : 'solid' },
    symbol: 'circle',
    symbolSize: isFloor ? 4 : 7,
    labelLayout: { moveOverlap: 'shiftY' },
    data: points.map(([at, value], i) => ({
      value: [at, value],
      label: { show: i === last, position: 'right', color: colour, formatter: labelOf(value) },
    })),
  };
}

/** A number in as few letters as say it: `100`, `10k`, `0.05`. */
export function labelOf(value: number): string {
  if (value >= 1_000_000) return `${plain(value / 1_000_000)}M`;
  return value >= 1_000 ? `${plain(value / 1_000)}k` : plain(value);
}

const plain = (value: number): string => String(Number(value.toPrecision(value >= 100 ? 3 : 2)));
