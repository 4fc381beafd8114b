// Charts: ECharts in our colours; a point is a link to its image.

import { echarts } from "/libraries/echarts.js";
import { imageHref } from "./dom.js";
import { short, whole } from "./format.js";

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

/** Return a chart that follows the element's size and the theme; draw(option maker) fills it. */
export function makeChart(element) {
  const chart = echarts.init(element, null, { renderer: "canvas" });
  let make = null;
  const redraw = () => make && chart.setOption(make(colour), { notMerge: true, lazyUpdate: true });
  new ResizeObserver(() => chart.resize()).observe(element);
  document.addEventListener("themechange", redraw);
  chart.on("click", (event) => {
    if (event.data?.image) location.assign(imageHref(event.data.image));
  });
  return {
    draw(maker) {
      make = maker;
      redraw();
    },
  };
}

/** What all charts have: quiet axes, and a tooltip that is text and never HTML. */
export function base(of, { left = 46, right = 12, span_s = Infinity } = {}) {
  const line = { lineStyle: { color: of("line") } };
  const label = { color: of("soft"), fontSize: 11 };
  return {
    animation: false,
    textStyle: { fontFamily: "system-ui, DejaVu Sans, sans-serif" },
    grid: { left, right, top: 12, bottom: 24 },
    xAxis: { type: "time", axisLine: line, axisTick: line, splitLine: { show: false }, axisLabel: { ...label, hideOverlap: true, formatter: (moment) => hour(moment, span_s < 900) } },
    yAxis: { type: "value", scale: true, splitNumber: 4, axisLabel: { ...label, formatter: tick }, splitLine: line },
    tooltip: { renderMode: "richText", confine: true, backgroundColor: of("raised"), borderColor: of("line"), textStyle: { color: of("ink"), fontSize: 12 } },
  };
}

/** As many digits as neighbouring ticks need to differ. */
const tick = (value) => (Math.abs(value) >= 1000 ? whole(value) : String(Number(value.toPrecision(5))));

function hour(moment, withSeconds) {
  const time = new Date(moment);
  const two = (number) => String(number).padStart(2, "0");
  const text = `${two(time.getHours())}:${two(time.getMinutes())}`;
  return withSeconds ? `${text}:${two(time.getSeconds())}` : text;
}

/** The option of points against time. */
export function scatter(of, { points, unit, name, inverse = false }) {
  const moments = points.map((point) => point.value[0]);
  const span_s = points.length ? (Math.max(...moments) - Math.min(...moments)) / 1000 : 0;
  const option = base(of, { span_s });
  return {
    ...option,
    yAxis: { ...option.yAxis, inverse },
    tooltip: { ...option.tooltip, formatter: ({ data }) => `${data.title}\n${name} ${short(data.value[1])} ${unit}` },
    series: [{
      type: "scatter", symbolSize: points.length > 800 ? 4 : 6, cursor: "pointer",
      itemStyle: { color: of("accent"), opacity: 0.8 }, data: points,
    }],
  };
}
