"use strict";
// Shows the map of the word that is pointed at, focused or pressed, over the picture or the film.
const data = JSON.parse(document.getElementById("data").textContent);
const base = document.getElementById("base");
const canvas = document.getElementById("map");
const unseen = document.getElementById("unseen");
const buttons = [...document.querySelectorAll(".sentence button")];
const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
const table = bytes(data.colours);
const runs = data.runs.map((run) => ({
  ...run,
  maps: bytes(run.maps),
  rows: weights(canvas.height, run.window[1], run.window[3], run.grid[0]),
  columns: weights(canvas.width, run.window[0], run.window[2], run.grid[1]),
  outside: outside(run.window),
}));
let pointed = null;
let pressed = null;
let drawn = "";

// Keys's bicubic kernel with a = -1/2; pixels are [first cell, four shares], as utils/overlay.py has.
function cubic(distance) {
  const x = Math.abs(distance);
  if (x < 1) return (1.5 * x - 2.5) * x * x + 1;
  return x < 2 ? ((-0.5 * x + 2.5) * x - 4) * x + 2 : 0;
}

function weights(pixels, start, length, cells) {
  return Array.from({ length: pixels }, (_, pixel) => {
    const share = ((pixel + 0.5) / pixels - start) / length;
    const seen = share >= 0 && share < 1;
    const place = Math.min(Math.max(share, 0), 1) * cells - 0.5;
    const first = Math.floor(place) - 1;
    const taps = [0, 1, 2, 3].map((tap) => [
      Math.min(Math.max(first + tap, 0), cells - 1), // beyond the grid its edge goes on
      cubic(place - first - tap),
    ]);
    return { seen, taps };
  });
}

// All of the picture but the window.
function outside([left, top, width, height]) {
  const [x0, x1, y0, y1] = [left, left + width, top, top + height]
    .map((share) => `${100 * Math.min(Math.max(share, 0), 1)}%`);
  const hole = `${x0} ${y0}, ${x1} ${y0}, ${x1} ${y1}, ${x0} ${y1}, ${x0} ${y0}`;
  return `polygon(evenodd, 0 0, 100% 0, 100% 100%, 0 100%, 0 0, ${hole})`;
}

function frameNow() {
  if (!data.seconds) return 0;
  let low = 0;
  let high = data.seconds.length - 1;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (data.seconds[middle] <= base.currentTime + 1e-4) low = middle;
    else high = middle - 1;
  }
  return low;
}

function paint(button, frame) {
  const run = runs[+button.dataset.run];
  const [h, w] = run.grid;
  const from = (frame * run.words + +button.dataset.word) * h * w;
  const context = canvas.getContext("2d");
  const image = context.createImageData(canvas.width, canvas.height);
  run.rows.forEach((row, y) => {
    const line = Array.from({ length: w }, (_, column) =>
      row.taps.reduce((sum, [cell, share]) => sum + share * run.maps[from + cell * w + column], 0));
    run.columns.forEach((column, x) => {
      const at = 4 * (y * canvas.width + x);
      if (!row.seen || !column.seen) return;
      const value = column.taps.reduce((sum, [cell, share]) => sum + share * line[cell], 0);
      const shade = 3 * Math.min(255, Math.max(0, Math.round(value)));
      image.data.set([table[shade], table[shade + 1], table[shade + 2], data.alpha], at);
    });
  });
  context.putImageData(image, 0, 0);
  unseen.style.clipPath = run.outside;
}

function show() {
  const button = pointed ?? pressed;
  const frame = frameNow();
  const wanted = button ? `${buttons.indexOf(button)} ${frame}` : "";
  if (wanted === drawn) return;
  drawn = wanted;
  buttons.forEach((one) => one.classList.toggle("shown", one === button));
  unseen.hidden = !button;
  if (button) paint(button, frame);
  else canvas.getContext("2d").clearRect(0, 0, canvas.width, canvas.height);
}

function press(button) {
  pressed = pressed === button ? null : button;
  buttons.forEach((one) => one.setAttribute("aria-pressed", String(one === pressed)));
}

for (const button of buttons) {
  const point = () => { pointed = button; show(); };
  const leave = () => { if (pointed === button) pointed = null; show(); };
  button.addEventListener("pointerenter", (event) => event.pointerType !== "touch" && point());
  button.addEventListener("pointerleave", leave);
  button.addEventListener("focus", point);
  button.addEventListener("blur", leave);
  button.addEventListener("click", () => { press(button); pointed = null; show(); });
}
if (data.seconds) {
  const tick = () => { show(); requestAnimationFrame(tick); };
  tick();
}
