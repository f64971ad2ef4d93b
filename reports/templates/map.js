// The map of the cells: a canvas over the same marks as the still figure, which stays for print.
const figure = document.getElementById("map-figure");
if (!figure) return;

const map = JSON.parse(document.getElementById("map-data").textContent);
const sprite = document.getElementById("map-sprite");
const find = (what) => figure.querySelector(what);
const [stage, here, tip, legend] = [".map-stage", ".map-here", ".map-tip", "#map-legend"].map(find);
const [board, said, choice] = ["canvas", "#map-said", "#map-way"].map(find);
const [pen, lens] = [board, find(".map-tip canvas")].map((canvas) => canvas.getContext("2d"));
const shapes = map.shapes.map((shape) => new Path2D(shape));
const ring = new Path2D(map.ring);
const count = map.x.length;
const MOST = 40; // times that the map can be enlarged
const MARGIN = 3; // radii of a mark, as in the still figure
const REACH = { mouse: 12, touch: 26, pen: 18 }; // pixels from a mark that still mean it

// Cells of a class follow each other: drawn in that order the last class would cover the others.
const step = count % 1999 ? 1999 : 2003;
const order = Array.from({ length: count }, (_, number) => (number * step) % count);

let way = map.ways[0];
let hidden = new Set(); // entries of the legend
let [side, high] = [1, 1]; // of the stage, pixels
let view = { zoom: 1, left: 0, top: 0 };
let current = -1; // the cell that is shown
let [waiting, ink] = [0, {}]; // for a frame to be drawn in; the stylesheet's colours

const unit = () => map.radius * Math.max(side, 320);
const radius = () => unit() * Math.min(3, Math.sqrt(view.zoom));
const along = (share) => MARGIN * unit() + (side - 2 * MARGIN * unit()) * share;
const left = (cell) => view.left + view.zoom * along(map.x[cell]);
const top = (cell) => view.top + view.zoom * (along(1 - map.y[cell]) - (side - high) / 2);
const ringed = () => way.title !== "right or wrong";
const seen = (cell) => !hidden.has(way.of[cell]);

function draw() {
  waiting = 0;
  const dots = devicePixelRatio || 1;
  [board.width, board.height] = [side, high].map((each) => Math.round(each * dots)); // and clears
  const r = radius() * dots;
  for (const wrong of [0, 1]) { // wrong ones on top
    for (const cell of order) {
      if (map.wrong[cell] !== wrong || !seen(cell)) continue;
      const [x, y] = [left(cell) * dots, top(cell) * dots];
      if (x < -r || y < -r || x > board.width + r || y > board.height + r) continue;
      const { mark } = way.entries[way.of[cell]];
      pen.setTransform(r, 0, 0, r, x, y);
      pen.fillStyle = ink[mark.hollow ? "paper" : mark.colour];
      pen.fill(shapes[mark.shape]);
      if (mark.hollow) line(shapes[mark.shape], mark.colour, 0.45);
      if (wrong && ringed()) line(ring, "eosin", 0.5);
    }
  }
  show(current);
}
function line(path, colour, width) {
  pen.strokeStyle = ink[colour];
  pen.lineWidth = width;
  pen.stroke(path);
}
function redraw() { waiting ||= requestAnimationFrame(draw); }

// Colours as the stylesheet has them now: the scheme may have changed.
function mix() {
  const probe = figure.appendChild(document.createElement("span"));
  const of = (colour) => {
    probe.className = `map-${colour}`;
    return getComputedStyle(probe).color;
  };
  const used = way.entries.map((entry) => entry.mark.colour);
  ink = Object.fromEntries(["paper", "eosin", ...used].map((colour) => [colour, of(colour)]));
  probe.remove();
  redraw();
}

function words(cell) {
  const of = (title) => {
    const found = map.ways.find((each) => each.title === title);
    return found ? found.entries[found.of[cell]].name : "";
  };
  const sure = map.confidence[cell];
  const lines = [map.id[cell], `label: ${of("label")}`];
  lines.push(`prediction: ${of("prediction")}${sure === null ? "" : ` (${sure.toFixed(2)})`}`);
  if (of("patient")) lines.push(`patient: ${of("patient")}`);
  if (map.wrong[cell]) lines.push("named wrongly");
  return lines;
}

function show(cell) {
  const changed = cell !== current;
  current = cell;
  if ((here.hidden = tip.hidden = cell < 0)) return;
  const [x, y] = [left(cell), top(cell)];
  here.style.left = `${x}px`;
  here.style.top = `${y}px`;
  if (changed) fill(cell);
  const room = (wanted, size) => Math.max(0, Math.min(side - size, wanted));
  const beyond = y + 16 + tip.offsetHeight > high && y - 16 - tip.offsetHeight >= 0;
  const down = beyond ? y - 16 - tip.offsetHeight : y + 16;
  tip.style.transform = `translate(${room(x - tip.offsetWidth / 2, tip.offsetWidth)}px, ${down}px)`;
}

function fill(cell) {
  const place = map.picture[cell];
  const pictured = sprite && place >= 0;
  lens.canvas.hidden = !pictured;
  if (pictured) {
    const at = [place % map.columns, Math.floor(place / map.columns)].map((each) => each * map.side);
    lens.drawImage(sprite, ...at, map.side, map.side, 0, 0, lens.canvas.width, lens.canvas.height);
  }
  const lines = words(cell).map((text) => {
    const paragraph = document.createElement("p");
    paragraph.textContent = text;
    return paragraph;
  });
  if (map.wrong[cell]) lines.at(-1).className = "map-bad";
  tip.lastElementChild.replaceChildren(...lines);
}

// What the keyboard reaches is said aloud as well.
function say(cell) {
  show(cell);
  said.textContent = cell < 0 ? "" : words(cell).join(", ");
}

function nearest(x, y, reach, allowed = () => true) {
  let [best, least] = [-1, reach * reach];
  for (let cell = 0; cell < count; cell++) {
    if (!seen(cell) || !allowed(cell)) continue;
    const far = (left(cell) - x) ** 2 + (top(cell) - y) ** 2;
    if (far < least) [best, least] = [cell, far];
  }
  return best;
}
// The map grows around a place, and never leaves its stage.
function zoomAt(x, y, factor) {
  const zoom = Math.max(1, Math.min(MOST, view.zoom * factor));
  const grown = zoom / view.zoom;
  move(zoom, x - grown * (x - view.left), y - grown * (y - view.top));
}
function move(zoom, x, y) {
  const inside = (value, size) => Math.max(size * (1 - zoom), Math.min(0, value));
  view = { zoom, left: inside(x, side), top: inside(y, high) };
  stage.classList.toggle("map-near", zoom > 1);
  redraw();
}

const WAYS = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] };
function walk([dx, dy]) {
  const [x, y] = [left(current), top(current)];
  // Cells within 45 degrees of the way; of those at the very same place, the next in line.
  const ahead = (cell) => {
    const [a, b] = [left(cell) - x, top(cell) - y];
    if (a === 0 && b === 0) return dx + dy > 0 ? cell > current : cell < current;
    return a * dx + b * dy >= Math.abs(a * dy) + Math.abs(b * dx) && cell !== current;
  };
  return nearest(x, y, Infinity, ahead);
}
function nextWrong(forward) {
  const cells = [...map.wrong.keys()].filter((cell) => map.wrong[cell] && seen(cell));
  if (!forward) cells.reverse();
  return cells.find((cell) => (forward ? cell > current : cell < current)) ?? cells[0] ?? -1;
}
function go(cell) {
  if (cell < 0) return;
  say(cell);
  const [x, y] = [left(cell), top(cell)];
  if (Math.min(x, y) >= 0 && x <= side && y <= high) return;
  move(view.zoom, view.left + side / 2 - x, view.top + high / 2 - y);
}
const middle = () => nearest(side / 2, high / 2, Infinity);

stage.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const { key } = event;
  if (key in WAYS) go(current < 0 ? middle() : walk(WAYS[key]));
  else if (key === "PageDown" || key === "PageUp") go(nextWrong(key === "PageDown"));
  else if (key === "+" || key === "=" || key === "-") {
    const at = current < 0 ? [side / 2, high / 2] : [left(current), top(current)];
    zoomAt(...at, key === "-" ? 1 / 1.5 : 1.5);
  } else if (key === "0") move(1, 0, 0);
  else if (key === "Escape" && current >= 0) say(-1);
  else return;
  event.preventDefault();
});
stage.addEventListener("focus", () => {
  if (current < 0 && stage.matches(":focus-visible")) go(middle());
});
stage.addEventListener("blur", () => say(-1));

const fingers = new Map(); // that touch the map -> where
let moved = false;
function at(event) {
  const box = stage.getBoundingClientRect();
  return [event.clientX - box.left - stage.clientLeft, event.clientY - box.top - stage.clientTop];
}
stage.addEventListener("pointerdown", (event) => {
  fingers.set(event.pointerId, at(event));
  moved = fingers.size > 1;
});
stage.addEventListener("pointermove", (event) => {
  const now = at(event);
  if (!event.buttons) fingers.delete(event.pointerId);
  const before = fingers.get(event.pointerId);
  if (!before) {
    if (event.pointerType !== "touch") show(nearest(...now, REACH[event.pointerType] ?? REACH.mouse));
    return;
  }
  if (!moved && Math.hypot(now[0] - before[0], now[1] - before[1]) < 4) return;
  if (!moved) stage.setPointerCapture(event.pointerId);
  moved = true;
  fingers.set(event.pointerId, now);
  if (fingers.size === 1) {
    move(view.zoom, view.left + now[0] - before[0], view.top + now[1] - before[1]);
  } else if (fingers.size === 2) {
    const [other] = [...fingers].filter(([id]) => id !== event.pointerId).map(([, place]) => place);
    const apart = (one) => Math.hypot(one[0] - other[0], one[1] - other[1]) || 1;
    zoomAt((now[0] + other[0]) / 2, (now[1] + other[1]) / 2, apart(now) / apart(before));
  }
});
function lift(event) {
  if (fingers.delete(event.pointerId) && !moved && event.type === "pointerup") {
    show(nearest(...at(event), REACH[event.pointerType] ?? REACH.mouse));
  }
}
stage.addEventListener("pointerup", lift);
stage.addEventListener("pointercancel", lift);
stage.addEventListener("pointerleave", (event) => {
  if (event.pointerType !== "touch" && !stage.matches(":focus-visible")) show(-1);
});
stage.addEventListener("wheel", (event) => {
  // A map that took every wheel would trap whoever scrolls past it.
  if (document.activeElement !== stage && !event.ctrlKey) return;
  if (event.deltaY > 0 && view.zoom === 1) return;
  event.preventDefault();
  zoomAt(...at(event), Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0015)));
}, { passive: false });

function swatch(mark) {
  const [svg, path] = ["svg", "path"].map(
    (name) => document.createElementNS("http://www.w3.org/2000/svg", name));
  svg.setAttribute("class", "map-swatch");
  svg.setAttribute("viewBox", "-1.7 -1.7 3.4 3.4");
  svg.setAttribute("aria-hidden", "true");
  path.setAttribute("class", `map-mark map-${mark.colour}${mark.hollow ? " map-hollow" : ""}`);
  path.setAttribute("d", map.shapes[mark.shape]);
  svg.append(path);
  return svg;
}
function list() {
  find(".map-ringed").hidden = !ringed() || !map.wrong.includes(1);
  legend.replaceChildren(...way.entries.map((entry, number) => {
    const [line, button, name, cells] = ["li", "button", "span", "span"].map(
      (each) => document.createElement(each));
    button.type = "button";
    button.setAttribute("aria-pressed", String(!hidden.has(number)));
    name.textContent = entry.name;
    cells.textContent = entry.count.toLocaleString("en");
    cells.className = "map-count";
    button.append(swatch(entry.mark), name, cells);
    button.addEventListener("click", () => {
      if (!hidden.delete(number)) hidden.add(number);
      button.setAttribute("aria-pressed", String(!hidden.has(number)));
      say(-1);
      redraw();
    });
    line.append(button);
    return line;
  }));
}

function colour() {
  way = map.ways[choice.value];
  hidden = new Set();
  list();
  mix();
}
map.ways.forEach((each, number) => choice.append(new Option(each.title, number)));
choice.addEventListener("change", colour);
figure.addEventListener("click", ({ target: { dataset: { zoom, all } } }) => {
  if (zoom === "reset") move(1, 0, 0);
  else if (zoom) zoomAt(side / 2, high / 2, zoom === "in" ? 1.5 : 1 / 1.5);
  if (all) {
    hidden = new Set(all === "true" ? [] : way.entries.keys());
    list();
    say(-1);
    redraw();
  }
});
document.addEventListener("themechange", mix);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", mix);
stage.style.aspectRatio = map.aspect;
find(".map-live").hidden = false;
new ResizeObserver(() => {
  [side, high] = [stage.clientWidth || side, stage.clientHeight || high];
  move(view.zoom, view.left, view.top);
}).observe(stage);
colour();
