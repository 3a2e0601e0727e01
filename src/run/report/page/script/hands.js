// Mouse, keys and addresses; then the page begins.

const spot = (event) => { const at = canvas.getBoundingClientRect(); return [event.clientX - at.left, event.clientY - at.top]; };
// Where the button went down, until it comes up; and whether the mouse has moved the view meanwhile, so that the click
// that follows selects nothing.
let grip = null, dragged = false;
canvas.addEventListener("pointerdown", (event) => { grip = { x: event.clientX, from: view.from }; dragged = false; });
canvas.addEventListener("pointermove", (event) => {
  const tip = $("tip");
  if (grip && (dragged || Math.abs(event.clientX - grip.x) > 4)) {
    dragged = true;
    canvas.setPointerCapture(event.pointerId);
    tip.hidden = true;
    return move(grip.from - (event.clientX - grip.x) / (width - GUTTER - 8) * (view.to - view.from));
  }
  const task = hit(...spot(event));
  tip.hidden = task < 0;
  canvas.style.cursor = task < 0 ? "default" : "pointer";
  if (task < 0) return;
  tip.textContent = `${label(task)}: ${run.states[tasks.state[task]]}, ${time(Math.max(0, tasks.ended[task] - (tasks.started[task] ?? tasks.ended[task])))}`;
  tip.style.left = `${Math.min(event.clientX + 12, window.innerWidth - tip.offsetWidth - 8)}px`;
  tip.style.top = `${event.clientY + 16}px`;
});
canvas.addEventListener("pointerleave", () => { $("tip").hidden = true; });
for (const kind of ["pointerup", "pointercancel"]) window.addEventListener(kind, () => { grip = null; });
canvas.addEventListener("click", (event) => { if (!dragged) select(hit(...spot(event))); });
canvas.addEventListener("dblclick", (event) => {
  const task = hit(...spot(event));
  if (task >= 0 && laneOf[task] >= 0) {
    const span = Math.min(end, Math.max((tasks.ended[task] - tasks.started[task]) * 4, .05));
    move((tasks.started[task] + tasks.ended[task]) / 2 - span / 2, span);
  }
});
canvas.addEventListener("wheel", (event) => {
  if (event.ctrlKey || event.metaKey) { event.preventDefault(); zoom(Math.exp(event.deltaY * .004), at(spot(event)[0])); }
  else if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
    event.preventDefault();
    move(view.from + (event.deltaX || event.deltaY) / width * (view.to - view.from));
  }
}, { passive: false });
canvas.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const act = {
    ArrowLeft: () => select(neighbour(0, -1), true), ArrowRight: () => select(neighbour(0, 1), true),
    ArrowUp: () => select(neighbour(-1, 0), true), ArrowDown: () => select(neighbour(1, 0), true),
    "+": () => zoom(.6, middle()), "=": () => zoom(.6, middle()), "-": () => zoom(1 / .6, middle()), 0: () => move(0, end),
    c: nextCritical, e: nextError, Escape: () => select(-1),
  }[event.key];
  if (act) { event.preventDefault(); act(); }
});
const middle = () => {
  const task = selected >= 0 && laneOf[selected] >= 0 ? (tasks.started[selected] + tasks.ended[selected]) / 2 : NaN;
  return task >= view.from && task <= view.to ? task : (view.from + view.to) / 2;
};
$("zoom-in").addEventListener("click", () => zoom(.6, middle()));
$("zoom-out").addEventListener("click", () => zoom(1 / .6, middle()));
$("fit").addEventListener("click", () => move(0, end));
$("next-critical").addEventListener("click", nextCritical);
$("next-error").addEventListener("click", nextError);
$("go").addEventListener("change", (event) => select(event.target.value === "" ? -1 : Number(event.target.value), true));
chart.addEventListener("scroll", draw);
window.addEventListener("resize", resize);
window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { theme(); swatches(); draw(); });
const fromHash = () => { const found = /^#task=(\d+)$/.exec(location.hash); if (found) select(Number(found[1]), true); };
window.addEventListener("hashchange", fromHash);

theme();
page();
resize();
fromHash();
// Brings a task into view, wide enough to be hit, for whoever drives the page by program. Returns where its middle
// is on the screen; null if it never ran.
window.leafholdPlace = (task) => {
  if (!(task < count) || laneOf[task] < 0) return null;
  const took = tasks.ended[task] - tasks.started[task];
  if (x(took) - x(0) < 12) move(tasks.started[task] - 10 * took, Math.min(end, Math.max(21 * took, .05)));
  reveal(task);
  const at = box(task), on = canvas.getBoundingClientRect();
  return { x: on.left + (at.left + at.right) / 2, y: on.top + at.top + at.tall / 2 };
};
