// The rest of the page: totals, stages, errors, and the plan.

function page() {
  const states = run.states.map((name, state) => [name, tasks.state.reduce((sum, is) => sum + (is === state), 0)]).filter(([, is]) => is);
  const result = run.peak_result_bytes > 0 ? `, of which ${bytes(run.peak_result_bytes)} are the result` : "";
  const peak = run.peak_bytes === null ? "" : `, peak ${bytes(run.peak_bytes)}${result}`;
  const uncounted = run.uncounted > 0 ? `, ${time(run.uncounted)} in attempts that did not count` : "";
  const spilled = run.spilled_bytes > 0 ? `, ${bytes(run.spilled_bytes)} to files` : "";
  $("outcome").textContent = `${whole(count)} tasks (${states.map(([name, is]) => `${whole(is)} ${name}`).join(", ")}) in ${time(run.wall)}`
    + ` on ${run.workers} workers; ${time(run.work)} of work${uncounted}${peak}${spilled}; ${new Date(run.started / 1e3).toISOString().replace("T", " ").slice(0, 19)} UTC`;
  // A head, a cell of each stage, and the class of words; columns that say nothing in this run are left out.
  const all = [
    ["stage", (stage) => stage.stage], ["tasks", (stage) => whole(stage.tasks)], ["states", (stage) => stage.states, "words"],
    ["time", (stage) => time(stage.work)], ["slowest", (stage) => time(stage.slowest)],
    ["skew", (stage) => stage.skew === null ? "-" : stage.skew.toFixed(1)], ["queued", (stage) => time(stage.queued)],
    ["transfer", (stage) => stage.transfer > 0 ? time(stage.transfer) : null], ["retries", (stage) => stage.retries > 0 ? whole(stage.retries) : null],
    ["uncounted", (stage) => stage.uncounted > 0 ? time(stage.uncounted) : null],
    ["rows", (stage) => whole(stage.rows)], ["bytes", (stage) => bytes(stage.bytes)],
    ["memory", (stage) => stage.peak_memory === null ? null : bytes(stage.peak_memory)],
    ["execution", (stage) => stage.peak_execution_memory === null ? null : bytes(stage.peak_execution_memory)],
    ["spilled", (stage) => stage.spilled_bytes > 0 ? bytes(stage.spilled_bytes) : null], ["what", (stage) => stage.label, "words what"],
  ];
  const columns = all.filter(([, cell]) => run.stages.some((stage) => cell(stage) !== null));
  const table = $("stages");
  table.append(make("thead", {}, make("tr", {}, ...columns.map(([head, , kind]) => make("th", { class: kind ?? "" }, head)))));
  const body = make("tbody");
  for (const stage of run.stages) {
    const cells = columns.map(([, cell, kind]) => make("td", { class: kind ?? "" }, cell(stage) ?? "-"));
    const tr = make("tr", { "data-stage": stage.stage, tabindex: 0, onclick: () => focus(stage.stage) }, ...cells);
    tr.addEventListener("keydown", (event) => { if (event.key === "Enter" || event.key === " ") { event.preventDefault(); focus(stage.stage); } });
    body.append(tr);
  }
  table.append(body);
  swatches();
  const list = (title, items) => items.length && $("notes").append(make("h2", {}, title), make("ul", {}, ...items.map((item) => make("li", {}, ...item))));
  const cut = (items, most) => items.length > most ? [...items.slice(0, most), [`and ${whole(items.length - most)} more`]] : items;
  list("Warnings", run.warnings.map((warning) => [warning]));
  list("Errors", cut(bad.map((task) => [link(task), `: ${run.errors[tasks.error[task]]?.message ?? run.states[tasks.state[task]]}`]), 50));
  const idle = Array.from({ length: count }, (_, task) => task).filter((task) => laneOf[task] < 0);
  const ranBefore = (task) => (run.attempts[task] ?? []).some((attempt) => attempt.started_us !== null);
  const lines = (those) => cut(those.map((task) => [link(task), ` ${label(task)}: ${run.states[tasks.state[task]]}`]), 50);
  list("Tasks that never ran", lines(idle.filter((task) => !ranBefore(task))));
  list("Tasks that did not run again", lines(idle.filter(ranBefore)));
  $("plan-head").hidden = $("plan").hidden = run.plan.length === 0;
  const stageOf = new Map(run.stages.flatMap((stage) => stage.nodes.map((node) => [node, stage.stage])));
  for (const [text, node] of run.plan) {
    const note = text.indexOf("  ; ");
    const line = make("div", {}, note < 0 ? text : text.slice(0, note));
    if (note >= 0) line.append(make("span", { class: "note" }, text.slice(note)));
    if (stageOf.has(node)) { line.dataset.node = node; line.addEventListener("click", () => focus(stageOf.get(node))); }
    $("plan").append(line);
  }
  $("next-critical").disabled = run.critical_path.length === 0;
  $("next-error").disabled = bad.length === 0;
  $("go").max = Math.max(0, count - 1);
}

function swatches() {
  for (const row of document.querySelectorAll("#stages tbody tr")) {
    row.firstChild.querySelector(".swatch")?.remove();
    const swatch = make("span", { class: "swatch" });
    swatch.style.background = stageColors.get(Number(row.dataset.stage));
    row.firstChild.prepend(swatch);
  }
}
