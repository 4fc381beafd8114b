// Session: is it going well, and will the processing keep up?

import { sayHowToBegin } from "./begin.js";
import { base, makeChart, scatter } from "./charts.js";
import { fill, h, imageHref } from "./dom.js";
import { brief, bytes, clock, count, duration, measure, short, whole } from "./format.js";
import { makeLatest } from "./latest.js";

const PLOTS = [
  { name: "defocus_u", title: "Defocus", scale: 1e-4, unit: "µm" },
  { name: "ctf_resolution", title: "CTF resolution", inverse: true },
  { name: "drift_range", title: "Drift" },
  { name: "ice_ring", title: "Ice ring" },
  { name: "particle_count", title: "Particles", unit: "" },
];
const STRIP = 24;
const SOON_S = 24 * 3600;
const FAR_S = 30 * SOON_S;

export async function start(main, frame) {
  const tiles = h("section.tiles", { "aria-label": "Numbers" });
  const notices = h("ul.notices", { "aria-label": "Notices" });
  const flow = makePanel("Images and backlog over time");
  const plots = PLOTS.map((plot) => ({ ...plot, ...makePanel(plot.title) }));
  const strip = h("div.strip", { tabindex: "0", role: "region", "aria-label": "Latest micrographs" });
  const charts = h("section.charts", {}, flow.panel, ...plots.map((plot) => plot.panel));
  main.append(tiles, notices, h("section.panel", {}, h("h2", { text: "Latest micrographs" }), strip), charts);

  const summary = makeLatest(frame, "/session", {}, (session) => {
    showTiles(tiles, session);
    showNotices(notices, session, frame);
    flow.chart.draw((of) => drawFlow(of, session));
    flow.latest.textContent = `${count(session.backlog.at(-1), "batch")} left`;
  });
  const series = makeLatest(frame, "/session/series", { limit: 2000 }, ({ columns, units }) => {
    for (const plot of plots) drawPlot(plot, columns, units);
    showStrip(strip, columns);
  });
  frame.on(["images", "queue", "settings"], () => frame.attempt(summary.soon()), 2000);
  frame.on(["images"], () => frame.attempt(series.soon()), 3000);
  await frame.attempt(Promise.all([summary.now(), series.now()]));
}

function makePanel(title) {
  const latest = h("span.latest.soft");
  const element = h("div.chart", { role: "img", "aria-label": `Chart: ${title}` });
  const panel = h("section.panel", {}, h("div.chart-head", {}, h("h2", { text: title }), latest), element);
  let chart = null;
  return { panel, latest, get chart() { return (chart ??= makeChart(element)); } };
}

function showTiles(element, s) {
  const left = s.batches.waiting + s.batches.running;
  const pace = !left ? ["", "nothing waits"] : s.keeps_up === null ? ["", "nothing happens"] : s.keeps_up ? ["good", "● keeps up"] : ["warn", "▲ falls behind"];
  const share = s.disk_free_bytes / s.disk_bytes;
  const full = s.forecast.full_in_s !== null && s.forecast.full_in_s < FAR_S ? s.forecast.full_in_s : null;
  fill(element,
    tile("Imported", whole(s.images.imported), `${short(s.imported_an_hour)} an hour`),
    tile("Processed", whole(s.images.processed), `${short(s.done_an_hour)} batches an hour`),
    tile("Failed", whole(s.images.failed), s.images.failed ? "✕ see the notices" : "● none", s.images.failed ? "bad" : "good"),
    tile("Waiting", whole(s.batches.waiting), `${whole(s.batches.running)} running`),
    tile("Time left", left ? duration(s.seconds_left) : "done", [pace[1], describePace(s, left)].filter(Boolean).join(", "), pace[0]),
    tile("Delay to result", duration(s.delay_s), "from the last byte"),
    tile("Stale", whole(s.images.stale), s.images.stale ? "results to renew" : "● all up to date", s.images.stale ? "warn" : "good"),
    tile("Disk free", bytes(s.disk_free_bytes), full === null ? `${Math.round(share * 100)} % of ${bytes(s.disk_bytes)}` : `full in ${duration(Math.round(full))}`,
      share < 0.1 || (full !== null && full < SOON_S) ? "warn" : ""));
}

function tile(name, value, note, kind = "") {
  const element = h("div.tile", {}, h("span.name", { text: name }), h("span.value", { text: value }), h("span.note", { text: note }));
  if (kind) element.classList.add(kind);
  return element;
}

function showNotices(element, s, frame) {
  const items = s.notices.map((one) => h(`li.${one.level}`, {},
    h("span", { "aria-hidden": "true", class: one.level === "error" ? "bad" : "warn", text: one.level === "error" ? "✕" : "▲" }),
    h("span", { text: one.text }), noticeLink(one)));
  if (!items.length && s.images.imported) {
    items.push(h("li.fine", {}, h("span.good", { "aria-hidden": "true", text: "●" }), h("span", { text: "Nothing needs you." })));
  }
  if (!s.images.imported) {
    items.push(h("li", {}, h("span", {}, "No images yet. ", sayHowToBegin(frame))));
  }
  fill(element, ...items);
}

const PAGES = { "/failures": "See why", "/queue": "To the queue", "/processors": "To the processors" };

function noticeLink({ where, page }) {
  if (page) return h("a.more", { href: page, text: PAGES[page] ?? "To the settings" });
  return where && h("a.more", { href: `/library?${new URLSearchParams({ where })}`, text: "Show them" });
}

/** When the backlog will be gone, in words. */
function describePace(s, left) {
  if (!left || s.keeps_up === null) return null;
  const at = (seconds) => clock(s.now + seconds, { withSeconds: false });
  const caught = s.forecast.caught_up_s;
  if (caught !== null && s.submitted_an_hour > 0) return `all done by ${at(caught)} at this rate`;
  if (s.submitted_an_hour > s.done_an_hour) return `${short(s.submitted_an_hour - s.done_an_hour)} more an hour`;
  return s.seconds_left === null ? null : `until ${at(s.seconds_left)}`;
}

function drawFlow(of, s) {
  const at = (place) => (s.flow.since + (place + 1) * s.flow.span_s) * 1000;
  const rows = (values) => values.map((value, place) => [at(place), value]);
  const option = base(of, { right: 46 });
  const perSpan = `in ${duration(s.flow.span_s)}`;
  const line = (name, data, colour, more) => ({ name, type: "line", data, showSymbol: false, lineStyle: { color: colour, width: 2 }, itemStyle: { color: colour }, ...more });
  return {
    ...option,
    grid: { ...option.grid, top: 32 },
    legend: { top: 0, right: 0, textStyle: { color: of("soft"), fontSize: 11 }, itemWidth: 14, itemHeight: 8 },
    tooltip: { ...option.tooltip, trigger: "axis" },
    yAxis: [{ ...option.yAxis, scale: false, minInterval: 1 }, { ...option.yAxis, scale: false, splitLine: { show: false }, minInterval: 1 }],
    series: [
      line(`imported ${perSpan}`, rows(s.flow.imported), of("soft"), { step: "end", lineStyle: { color: of("soft"), width: 1.5, type: "dashed" } }),
      line(`done ${perSpan}`, rows(s.flow.done), of("accent"), { step: "end" }),
      line("backlog (right)", rows(s.backlog), of("warn"), { yAxisIndex: 1, areaStyle: { color: of("warn"), opacity: 0.12 } }),
    ],
  };
}

function drawPlot(plot, columns, units) {
  const values = columns[plot.name] ?? [];
  const scale = plot.scale ?? 1;
  const unit = plot.unit ?? units[plot.name] ?? "";
  const points = [];
  values.forEach((value, place) => {
    if (typeof value !== "number") return;
    const moment = Date.parse(columns.recorded_at[place] ?? columns.imported_at[place]);
    points.push({ value: [moment, value * scale], image: columns.id[place], title: columns.name[place] });
  });
  const latest = points.at(-1);
  plot.latest.textContent = latest ? `latest ${measure(latest.value[1], unit)}` : "no values yet";
  plot.chart.draw((of) => scatter(of, { points, unit, name: plot.title, inverse: plot.inverse }));
}

const FLAG_MARKS = { green: "● green", amber: "▲ amber", red: "✕ red" };

/** The latest images of which there is something to see, whether or not they wait for more. */
function showStrip(element, columns) {
  const places = [...columns.id.keys()].filter((place) => columns.pictured_at[place] || columns.state[place] === "done").slice(-STRIP).reverse();
  const shown = places.map((place) => [columns.id[place], columns.pictured_at[place], columns.flag[place], columns.stale[place].length].join(" ")).join();
  if (element.dataset.shown === shown) return;
  element.dataset.shown = shown;
  if (!places.length) fill(element, h("span.soft", { text: "They appear when the first images are processed." }));
  else fill(element, ...places.map((place) => drawLatest(columns, place)));
}

function drawLatest(columns, place) {
  const [id, name, flag, stale, version] = ["id", "name", "flag", "stale", "pictured_at"].map((one) => columns[one][place]);
  const image = h("img", { src: `/api/v1/images/${id}/pictures/micrograph?size=256&version=${encodeURIComponent(version ?? "")}`, alt: "", loading: "lazy", width: "148", height: "148", onerror: () => image.remove() });
  const resolution = columns.ctf_resolution?.[place];
  return h("a", { href: imageHref(id), title: stale.length ? `${name}; would be different now: ${stale.join(", ")}` : name },
    h("span.shot", {}, version && image, flag && h(`span.mark.${flag}`, { text: FLAG_MARKS[flag] ?? flag }), stale.length > 0 && h("span.mark.old", { text: "↻ stale" })),
    h("span.name", { text: brief(name, 20) }),
    h(stale.length ? "span.is-stale" : "span.soft", { text: resolution ? measure(resolution, "Å") : "" }));
}
