// The chart: what part of the run is in view, and how it is painted.

const canvas = $("gantt");
const chart = $("chart");
const pen = canvas.getContext("2d");
const GUTTER = Math.min(170, 34 + 7 * Math.max(5, ...lanes.slice(0, 1000).map((lane) => lane.title.length)));
const AXIS = 24;
const ROW = lanes.length <= 40 ? 26 : lanes.length <= 160 ? 16 : 10;
const end = Math.max(run.wall, 1e-3);
const view = { from: 0, to: end };
let width = 0, height = 0, palette = {}, stageColors = new Map();
let selected = -1, focusStage = -1, drawing = false;

const x = (us) => GUTTER + (us - view.from) / (view.to - view.from) * (width - GUTTER - 8);
const at = (px) => view.from + (px - GUTTER) / (width - GUTTER - 8) * (view.to - view.from);
const y = (lane) => AXIS + lane * ROW - chart.scrollTop;

function theme() {
  const style = getComputedStyle(document.documentElement);
  const get = (name) => style.getPropertyValue(name).trim();
  palette = Object.fromEntries(["page", "card", "ink", "dim", "rule", "accent", "bad", "lost", "queue"].map((name) => [name, get(`--${name}`)]));
  // Neighbouring stages get hues far from each other.
  run.stages.forEach((stage, at) => stageColors.set(stage.stage, `hsl(${(210 + at * 137.5) % 360} ${get("--bar-full")} ${get("--bar-light")})`));
}

function resize() {
  const ratio = window.devicePixelRatio || 1;
  const full = AXIS + Math.max(lanes.length, 1) * ROW + 6;
  width = chart.clientWidth;
  height = Math.min(full, Math.max(120, Math.floor(window.innerHeight * .6) - 2));
  canvas.style.height = `${height}px`;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  $("spacer").style.height = `${full - height}px`;
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  draw();
}

function draw() {
  if (drawing) return;
  drawing = true;
  requestAnimationFrame(() => { drawing = false; paint(); });
}

/** The first place of a lane that ends at or after a time: slices of a lane never overlap. */
function firstAfter(lane, us) {
  let low = 0, high = lane.end.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (lane.end[middle] < us) low = middle + 1; else high = middle;
  }
  return low;
}

function paint() {
  pen.fillStyle = palette.card;
  pen.fillRect(0, 0, width, height);
  pen.font = `12px ${getComputedStyle(document.body).fontFamily}`;
  pen.textBaseline = "middle";
  const first = Math.max(0, Math.floor((chart.scrollTop - ROW) / ROW));
  const last = Math.min(lanes.length - 1, Math.ceil((chart.scrollTop + height) / ROW));
  grid();
  pen.save();
  pen.beginPath(); pen.rect(GUTTER, AXIS, width - GUTTER, height - AXIS); pen.clip();
  for (let lane = first; lane <= last; lane++) { queue(lanes[lane], y(lane)); bars(lanes[lane], y(lane)); }
  path();
  if (selected >= 0) mark(selected);
  pen.restore();
  names(first, last);
  axis();
}

function step() {
  const rough = (view.to - view.from) / Math.max(2, (width - GUTTER) / 110);
  const power = 10 ** Math.floor(Math.log10(rough));
  return power * [1, 2, 5, 10].find((factor) => power * factor >= rough);
}

function grid() {
  pen.fillStyle = palette.rule;
  const by = step();
  for (let us = Math.ceil(view.from / by) * by; us <= view.to; us += by) pen.fillRect(Math.round(x(us)), AXIS, 1, height);
}

function axis() {
  pen.fillStyle = palette.card;
  pen.fillRect(0, 0, width, AXIS);
  pen.fillStyle = palette.rule;
  pen.fillRect(0, AXIS - 1, width, 1);
  pen.fillStyle = palette.dim;
  pen.textAlign = "left";
  const by = step();
  const unit = view.to >= 1e6 && by >= 1e3 ? [1e6, "s"] : view.to >= 1e3 && by >= 1 ? [1e3, "ms"] : [1, "us"];
  const places = Math.max(0, -Math.floor(Math.log10(by / unit[0]) + 1e-9));
  for (let us = Math.ceil(view.from / by) * by; us <= view.to; us += by) {
    const text = `${digits(us / unit[0], places)} ${unit[1]}`;
    if (x(us) + 3 + pen.measureText(text).width < width) pen.fillText(text, x(us) + 3, AXIS / 2);
  }
}

function names(first, last) {
  pen.fillStyle = palette.card;
  pen.fillRect(0, AXIS, GUTTER, height);
  pen.fillStyle = palette.ink;
  pen.textAlign = "left";
  for (let lane = first; lane <= last; lane++) {
    pen.fillText(lanes[lane].title, 8, y(lane) + ROW / 2, GUTTER - 14);
  }
  if (lanes.length === 0) pen.fillText("No task ran.", 8, AXIS + ROW / 2);
}

/** A strip along the foot of a lane where a task waited for it, and a light bar where the lane was idle meanwhile. */
function queue(lane, top) {
  pen.fillStyle = palette.queue;
  let low = Infinity, high = -Infinity;
  const strip = () => { if (high > low) pen.fillRect(x(low), top + ROW - 3, Math.max(x(high) - x(low), .5), 2); };
  for (let place = firstAfter(lane, view.from); place < lane.task.length; place++) {
    const start = lane.start[place];
    const ready = tasks.ready[lane.task[place]] ?? start;
    if (lane.attempt[place] < 0 && ready < start) {
      if (ready > high) { strip(); low = ready; } else low = Math.min(low, ready);
      high = start;
      const idle = Math.max(ready, place > 0 ? lane.end[place - 1] : 0);
      if (x(start) - x(idle) >= .5) pen.fillRect(x(idle), top + 3, x(start) - x(idle), ROW - 7);
    }
    if (ready > view.to && start > view.to) break;
  }
  strip();
}

function bars(lane, top) {
  const tall = ROW - 7;
  let column = -1, covered = 0, color = "", bad = false;
  // What is narrower than a pixel is drawn a column at a time, as dark as the column is full.
  const flush = () => {
    if (column < 0) return;
    pen.globalAlpha = bad ? 1 : Math.min(1, .3 + .7 * covered);
    pen.fillStyle = bad ? palette.bad : color;
    pen.fillRect(column, top + 3, 1, tall);
    pen.globalAlpha = 1;
    column = -1; covered = 0; bad = false;
  };
  for (let place = firstAfter(lane, view.from); place < lane.task.length && lane.start[place] <= view.to; place++) {
    const task = lane.task[place];
    const left = x(lane.start[place]), wide = x(lane.end[place]) - left;
    const dimmed = focusStage >= 0 && tasks.stage[task] !== focusStage;
    if (wide < 1) {
      if (dimmed) continue;
      if (Math.floor(left) !== column) { flush(); column = Math.floor(left); }
      covered += wide;
      color = stageColors.get(tasks.stage[task]);
      bad ||= isBad(task) && lane.attempt[place] < 0;
      continue;
    }
    flush();
    pen.globalAlpha = dimmed ? .18 : 1;
    if (lane.attempt[place] >= 0) hatch(left, top + 3, wide, tall);
    else {
      pen.fillStyle = isBad(task) ? palette.bad : stageColors.get(tasks.stage[task]);
      pen.fillRect(left, top + 3, wide > 3 ? wide - .75 : wide, tall);
      if (isBad(task) && wide >= 10) cross(left, top + 3, tall);
      else if (wide > 60 && ROW > 20) write(label(task), left, top, wide);
    }
    pen.globalAlpha = 1;
  }
  flush();
}

function write(text, left, top, wide) {
  const from = Math.max(left, GUTTER) + 5;
  const room = Math.floor((left + wide - from - 4) / 6.4);
  if (room < 4) return;
  pen.fillStyle = "#fff";
  pen.textAlign = "left";
  pen.fillText(text.length > room ? `${text.slice(0, room - 1)}\u2026` : text, from, top + ROW / 2, left + wide - from - 4);
}

function cross(left, top, tall) {
  const size = Math.min(tall - 6, 9), from = left + 4, above = top + (tall - size) / 2;
  pen.strokeStyle = "#fff"; pen.lineWidth = 2; pen.beginPath();
  pen.moveTo(from, above); pen.lineTo(from + size, above + size);
  pen.moveTo(from + size, above); pen.lineTo(from, above + size);
  pen.stroke();
}

function hatch(left, top, wide, tall) {
  pen.save();
  pen.beginPath(); pen.rect(left, top, wide, tall); pen.clip();
  pen.strokeStyle = palette.lost; pen.lineWidth = 2; pen.beginPath();
  for (let from = Math.max(left, 0) - tall; from < Math.min(left + wide, width); from += 6) {
    pen.moveTo(from, top + tall); pen.lineTo(from + tall, top);
  }
  pen.stroke();
  pen.restore();
  pen.strokeStyle = palette.lost; pen.lineWidth = 1; pen.strokeRect(left + .5, top + .5, Math.max(wide - 1, 1), tall - 1);
}

const box = (task) => {
  const lane = lanes[laneOf[task]], place = placeOf[task];
  return { left: x(lane.start[place]), right: x(lane.end[place]), top: y(laneOf[task]) + 3, tall: ROW - 7 };
};

function path() {
  pen.strokeStyle = palette.accent;
  let before = null;
  for (const task of run.critical_path) {
    if (laneOf[task] < 0) continue;
    const at = box(task);
    const near = at.right >= GUTTER && at.left <= width;
    if (near && at.right - at.left >= 3) { pen.lineWidth = 2; pen.strokeRect(at.left + 1, at.top, at.right - at.left - 2, at.tall); }
    else if (near) { pen.fillStyle = palette.accent; pen.fillRect(at.left, at.top - 2, Math.max(1.5, at.right - at.left), 2); }
    if (before && (near || before.right >= GUTTER)) curve(before, at, 1.25);
    before = at;
  }
}

function curve(from, to, thick) {
  const a = from.top + from.tall / 2, b = to.top + to.tall / 2, middle = (from.right + to.left) / 2;
  pen.lineWidth = thick;
  pen.beginPath(); pen.moveTo(from.right, a); pen.bezierCurveTo(middle, a, middle, b, to.left, b); pen.stroke();
}

function mark(task) {
  if (laneOf[task] < 0) return;
  const at = box(task), ready = tasks.ready[task];
  if (ready !== null && ready < tasks.started[task]) {
    pen.globalAlpha = .6; pen.fillStyle = palette.queue;
    pen.fillRect(x(ready), at.top, at.left - x(ready), at.tall);
    pen.globalAlpha = 1;
  }
  pen.strokeStyle = palette.dim;
  for (const producer of reads.get(task) ?? []) if (laneOf[producer] >= 0) curve(box(producer), at, 1);
  for (const consumer of (readBy.get(task) ?? []).slice(0, 500)) if (laneOf[consumer] >= 0) curve(at, box(consumer), 1);
  pen.strokeStyle = palette.ink; pen.lineWidth = 2.5;
  pen.strokeRect(at.left - 1, at.top - 2, Math.max(at.right - at.left + 2, 4), at.tall + 4);
}
