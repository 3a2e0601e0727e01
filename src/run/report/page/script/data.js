// What the run did, and how it is put in words.

// Columns: see `data.rs`. Times are microseconds from the start of the run.
const run = JSON.parse(document.getElementById("run").textContent);
const { tasks, lanes } = run;
const count = tasks.stage.length;
const $ = (id) => document.getElementById(id);
const stageAt = new Map(run.stages.map((stage) => [stage.stage, stage]));
const critical = new Set(run.critical_path);
const failures = new Set(["failed", "lost"].map((name) => run.states.indexOf(name)));
const isBad = (task) => failures.has(tasks.state[task]);

// Where the attempt of a task that counted is: lane and place in it.
const laneOf = new Int32Array(count).fill(-1);
const placeOf = new Int32Array(count).fill(-1);
lanes.forEach((lane, at) => lane.task.forEach((task, place) => {
  if (lane.attempt[place] < 0) { laneOf[task] = at; placeOf[task] = place; }
}));
const reads = new Map();
const readBy = new Map();
for (const [producer, consumer] of run.flows.pairs) {
  (reads.get(consumer) ?? reads.set(consumer, []).get(consumer)).push(producer);
  (readBy.get(producer) ?? readBy.set(producer, []).get(producer)).push(consumer);
}

const digits = (value, places) => value.toLocaleString("en", { minimumFractionDigits: places, maximumFractionDigits: places });
const time = (us) => {
  if (us >= 1e7) return `${digits(us / 1e6, 1)} s`;
  if (us >= 1e6) return `${digits(us / 1e6, 2)} s`;
  if (us >= 1e3) return `${digits(us / 1e3, 1)} ms`;
  return `${digits(us, us > 0 && us < 10 ? 1 : 0)} us`;
};
const bytes = (size) => {
  for (const [unit, by] of [["GB", 1e9], ["MB", 1e6], ["kB", 1e3]]) if (size >= by) return `${digits(size / by, 1)} ${unit}`;
  return `${size} B`;
};
const whole = (number) => number.toLocaleString("en");
/** What observers said, field by field: an object is taken apart once, and a name says the unit of a number. */
const observed = (said) => Object.entries(said ?? {}).flatMap(([name, value]) => {
  const isObject = value !== null && typeof value === "object" && !Array.isArray(value);
  const fields = isObject ? Object.entries(value).map(([key, part]) => [`${name}.${key}`, part]) : [[name, value]];
  return fields.map(([path, part]) => {
    if (typeof part === "number" && part >= 0 && path.endsWith("_us")) return [path, time(part)];
    if (typeof part === "number" && part >= 0 && path.endsWith("_bytes")) return [path, bytes(part)];
    return [path, typeof part === "string" ? part : JSON.stringify(part)];
  });
});
/** An element with attributes, and children that are elements or text: text never becomes markup. */
const make = (tag, attributes = {}, ...children) => {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "onclick") element.addEventListener("click", value); else element.setAttribute(name, value);
  }
  element.append(...children.map((child) => child instanceof Node ? child : String(child)));
  return element;
};
const label = (task) => stageLabel(tasks.stage[task]);
const stageLabel = (stage) => stageAt.get(stage)?.label || "task";
const link = (task) => make("button", { type: "button", class: "link", onclick: () => select(task, true) }, `task ${task}`);
