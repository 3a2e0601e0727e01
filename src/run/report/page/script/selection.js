// The selected task, its details, and its stage in the table and in the plan.

function select(task, show = false) {
  selected = task >= 0 && task < count ? task : -1;
  focusStage = -1;
  details();
  highlight(selected < 0 ? -1 : tasks.stage[selected]);
  if (show && selected >= 0) reveal(selected);
  $("go").value = selected < 0 ? "" : selected;
  try { history.replaceState(null, "", selected < 0 ? "#" : `#task=${selected}`); } catch { /* a page in a frame may not */ }
  draw();
}

function focus(stage) {
  focusStage = focusStage === stage ? -1 : stage;
  highlight(focusStage);
  draw();
}

function highlight(stage) {
  const nodes = new Set(stageAt.get(stage)?.nodes ?? []);
  let first = null;
  for (const line of $("plan").children) {
    const on = line.dataset.node !== undefined && nodes.has(Number(line.dataset.node));
    line.classList.toggle("on", on);
    if (on) first ??= line;
  }
  if (first) $("plan").scrollTop = first.offsetTop - $("plan").offsetTop - $("plan").clientHeight / 3;
  for (const row of document.querySelectorAll("#stages tbody tr")) row.classList.toggle("on", Number(row.dataset.stage) === stage);
}

/** An error in words, and where it was raised. */
function wrong(error) {
  const words = make("div", { class: "error" }, `${error.kind}: ${error.message}`);
  return error.trace ? [words, make("pre", {}, error.trace)] : [words];
}

function details() {
  const place = $("details");
  if (selected < 0) return place.replaceChildren(make("p", { class: "dim" }, "No task is selected."));
  const task = selected, state = run.states[tasks.state[task]];
  const rows = [];
  const row = (name, ...value) => rows.push(make("dt", {}, name), make("dd", {}, ...value));
  const some = (links) => links.slice(0, 12).flatMap((other, at) => at > 0 ? [", ", link(other)] : [link(other)])
    .concat(links.length > 12 ? [` and ${whole(links.length - 12)} more`] : []);
  const mark = critical.has(task) ? [make("span", { class: "critical-mark" }, "critical path")] : [];
  row("state", make("span", { class: `state ${state}` }, state), ...mark);
  row("stage", `${tasks.stage[task]}, partition ${tasks.partition[task]}`);
  const lane = lanes[laneOf[task]];
  if (lane) row("worker", lane.host ? `${lane.name} on ${lane.host}` : lane.name);
  if (tasks.attempt[task] > 0) row("attempt", tasks.attempt[task]);
  row("submitted", time(tasks.submitted[task]));
  if (tasks.ready[task] !== null) row("ready", time(tasks.ready[task]));
  if (tasks.started[task] !== null) {
    row("started", time(tasks.started[task]));
    if (tasks.ready[task] !== null) row("queued", time(Math.max(0, tasks.started[task] - tasks.ready[task])));
    row("ran", time(Math.max(0, tasks.ended[task] - tasks.started[task])));
  }
  row("ended", time(tasks.ended[task]));
  if (tasks.transfer[task] > 0) row("transfer", time(tasks.transfer[task]));
  row("rows", whole(tasks.rows[task]));
  row("read", bytes(tasks.bytes_in[task]));
  row("gave", bytes(tasks.bytes_out[task]));
  if (tasks.peak_memory[task] !== null) row("peak memory", bytes(tasks.peak_memory[task]));
  if (tasks.peak_execution_memory[task] !== null) row("peak execution memory", bytes(tasks.peak_execution_memory[task]));
  if (tasks.spilled_bytes[task] > 0) row("to files", bytes(tasks.spilled_bytes[task]));
  for (const [path, value] of observed(run.observed[task])) row(path, value);
  if (reads.has(task)) row(run.flows.complete ? "reads" : "waited for", ...some(reads.get(task)));
  if (readBy.has(task)) row(run.flows.complete ? "read by" : "kept waiting", ...some(readBy.get(task)));
  const parts = [make("h3", {}, `Task ${task}: ${label(task)}`), make("dl", {}, ...rows)];
  const error = run.errors[tasks.error[task]];
  if (error) parts.push(make("h2", {}, "Error"), ...wrong(error));
  for (const attempt of run.attempts[task] ?? []) {
    const tried = attempt.number < tasks.attempt[task] ? "retried" : "given-up";
    const where = attempt.worker ? ` on ${attempt.worker}` : "";
    const when = attempt.started_us === null ? "" : `, ${time(attempt.ended_us - attempt.started_us)}`;
    parts.push(make("h2", {}, `Attempt ${attempt.number}, ${tried}${where}${when}`), ...wrong(attempt.error));
    const said = observed(attempt.observed).flatMap(([path, value]) => [make("dt", {}, path), make("dd", {}, value)]);
    if (said.length > 0) parts.push(make("dl", {}, ...said));
  }
  place.replaceChildren(...parts);
}

/** Walks along the lanes: to the neighbour, or to what ran at the same time on another lane. */
function neighbour(lanes_on, places_on) {
  if (selected < 0 || laneOf[selected] < 0) return lanes.length > 0 ? lanes[0].task[0] : -1;
  if (places_on !== 0) {
    const lane = lanes[laneOf[selected]];
    return lane.task[Math.min(Math.max(placeOf[selected] + places_on, 0), lane.task.length - 1)];
  }
  const lane = lanes[Math.min(Math.max(laneOf[selected] + lanes_on, 0), lanes.length - 1)];
  return lane.task[Math.min(firstAfter(lane, tasks.started[selected]), lane.task.length - 1)];
}

const inOrder = (list) => { const after = list.indexOf(selected) + 1; return list.length ? list[after % list.length] : -1; };
const bad = Array.from({ length: count }, (_, task) => task).filter((task) => isBad(task) || tasks.error[task] !== null);
const nextCritical = () => select(inOrder(run.critical_path), true);
const nextError = () => select(inOrder(bad), true);
