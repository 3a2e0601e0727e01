// Moving about in the chart, and what lies at a point of it.

function zoom(factor, around = (view.from + view.to) / 2) {
  const span = Math.min(end, Math.max((view.to - view.from) * factor, Math.min(end, .05)));
  const share = (around - view.from) / (view.to - view.from);
  move(around - share * span, span);
}

function move(from, span = view.to - view.from) {
  view.from = Math.min(Math.max(0, from), end - span);
  view.to = view.from + span;
  draw();
}

function reveal(task) {
  const lane = laneOf[task];
  if (lane < 0) return;
  const start = tasks.started[task], ended = tasks.ended[task], span = view.to - view.from;
  if (start < view.from || ended > view.to) move((start + ended) / 2 - span / 2, Math.max(span, Math.min(end, (ended - start) * 1.5)));
  const top = AXIS + lane * ROW;
  if (top - AXIS < chart.scrollTop) chart.scrollTop = top - AXIS;
  if (top + ROW > chart.scrollTop + height) chart.scrollTop = top + ROW - height + 6;
}

/** The task at a point of the canvas, or -1; narrow ones are found two pixels away. */
function hit(px, py) {
  const lane = lanes[Math.floor((py - AXIS + chart.scrollTop) / ROW)];
  if (!lane || px < GUTTER || py < AXIS) return -1;
  const slack = at(px + 2) - at(px);
  let best = -1, nearest = Infinity;
  for (let place = firstAfter(lane, at(px) - slack); place < lane.task.length && lane.start[place] <= at(px) + slack; place++) {
    const distance = Math.max(lane.start[place] - at(px), at(px) - lane.end[place], 0);
    if (distance < nearest) { nearest = distance; best = lane.task[place]; }
    if (distance === 0) break;
  }
  return best;
}
