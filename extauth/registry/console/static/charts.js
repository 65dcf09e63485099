// Draws the charts of a page anew, so that each bar tells its numbers: to a mouse, a finger, and the arrow keys.
"use strict";

const KINDS = [["denied", "denied"], ["limited", "over a limit"], ["allowed", "allowed"]]; // from the highest edge down
const LENGTHS = { hour: 3600, day: 86400 };

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function moment(seconds, resolution) {
  const time = { day: "numeric", month: "short", timeZone: "UTC" };
  if (resolution === "hour") Object.assign(time, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  return new Date(seconds * 1000).toLocaleString("en-GB", time);
}

class Chart {
  constructor(box) {
    this.box = box;
    this.resolution = box.dataset.resolution;
    this.numbers = JSON.parse(box.dataset.chart);
    this.told = document.createElement("p");
    this.told.className = "told";
    box.tabIndex = 0;
    box.addEventListener("keydown", (event) => this.step(event));
    box.addEventListener("blur", () => this.leave());
    this.draw();
    new ResizeObserver(() => this.plot.setSize(this.size())).observe(box);
    window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
  }

  size() {
    return { width: Math.max(this.box.clientWidth, 200), height: 210 };
  }

  draw() {
    if (this.plot) this.plot.destroy();
    const { starts, allowed, limited, denied } = this.numbers;
    const upTo = allowed.map((number, index) => number + limited[index]);
    const all = upTo.map((number, index) => number + denied[index]);
    const half = LENGTHS[this.resolution] / 2;
    const axis = { stroke: colour("--soft"), font: "12px system-ui, sans-serif", ticks: { show: false } };
    const bars = uPlot.paths.bars({ size: [0.74, 34] });
    const fills = { denied: colour("--denied"), limited: colour("--limited"), allowed: colour("--accent") };
    this.box.replaceChildren(this.told);
    this.plot = new uPlot({
      ...this.size(),
      padding: [12, 4, 0, 0],
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
      legend: { show: false },
      cursor: { y: false, points: { show: false }, drag: { x: false, y: false, setScale: false } },
      scales: {
        x: { range: (_, first, last) => [first - half, last + half] },
        y: { range: (_, least, most) => [0, Math.max(most, 4) * 1.04] },
      },
      axes: [
        { ...axis, grid: { show: false }, space: 70, size: 30, values: (_, ticks) => this.ticks(ticks) },
        { ...axis, grid: { stroke: colour("--line"), width: 1 }, space: 44, size: 48, values: (_, ticks) => ticks.map(short) },
      ],
      series: [{}, ...KINDS.map(([kind]) => ({ fill: fills[kind], width: 0, paths: bars, points: { show: false } }))],
      hooks: { setCursor: [() => this.tell()] },
    }, [starts, all, upTo, allowed], this.box);
    this.tell();
  }

  ticks(ticks) {
    return ticks.map((seconds) => (seconds % 86400 ? moment(seconds, "hour").split(", ")[1] : moment(seconds, "day")));
  }

  tell() {
    const index = this.plot ? this.plot.cursor.idx : null;
    if (index === null || index === undefined) {
      this.told.textContent = "";
      return;
    }
    const parts = KINDS.toReversed().map(([kind, words]) => `${this.numbers[kind][index].toLocaleString("en-US")} ${words}`);
    this.told.textContent = `${moment(this.numbers.starts[index], this.resolution)}: ${parts.join(", ")}`;
  }

  step(event) {
    const last = this.numbers.starts.length - 1;
    const now = this.plot.cursor.idx ?? last + 1;
    const index = { ArrowLeft: now - 1, ArrowRight: now + 1, Home: 0, End: last }[event.key];
    if (index === undefined) return;
    event.preventDefault();
    const left = this.plot.valToPos(this.numbers.starts[Math.min(Math.max(index, 0), last)], "x");
    this.plot.setCursor({ left, top: 0 });
  }

  leave() {
    this.plot.setCursor({ left: -10, top: -10 });
  }
}

function short(number) {
  return new Intl.NumberFormat("en", { notation: "compact" }).format(number);
}

for (const box of document.querySelectorAll("[data-chart]")) new Chart(box);
