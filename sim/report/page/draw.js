// SPDX-License-Identifier: Apache-2.0
//
// What all drawings share: colours, the scale of time, marks, the axis and
// the overview. Nothing here knows of pointers or keys.
'use strict';

const view = {from: 0, to: END, place: '', off: new Set(), picked: null};
let theme = {};

function readTheme() {
  const style = getComputedStyle(document.documentElement);
  const names = ['paper', 'card', 'ink', 'soft', 'line', 'faint', 'accent',
    'bad', 'good', 'doubt', 'down', 'pause', 'shade', 'judge', ...GROUPS];

  theme = {};
  for (const name of names)
    theme[name] = style.getPropertyValue('--' + name).trim();
  theme.brokers = [0, 1, 2, 3, 4, 5, 6, 7].map((i) =>
    style.getPropertyValue('--b' + i).trim());
}

function brokerColour(lane) {
  return theme.brokers[lane % theme.brokers.length];
}

// A canvas that is as sharp as the screen; its context draws in CSS pixels.
function prepare(canvas, width, height) {
  const ratio = Math.min(window.devicePixelRatio || 1, 2);
  const context = canvas.getContext('2d');

  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  canvas.style.height = height + 'px';
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  context.font = '11px ' + getComputedStyle(document.body).fontFamily;
  context.textBaseline = 'middle';
  return context;
}

// A drawing: where it may draw and how time lies on it.
class Pen {
  constructor(context, left, width, from, to) {
    Object.assign(this, {context, left, width, from, to});
    this.scale = (width - left) / (to - from);
  }

  x(time) {
    return this.left + (time - this.from) * this.scale;
  }

  time(x) {
    return this.from + (x - this.left) / this.scale;
  }

  fill(from, to, y, height, colour) {
    const x0 = Math.max(this.left, this.x(from));
    const x1 = Math.min(this.width, this.x(to));

    if (x1 < this.left || x0 > this.width)
      return;
    this.context.fillStyle = colour;
    this.context.fillRect(x0, y, Math.max(x1 - x0, 1), height);
  }

  line(time, y0, y1, colour, dash) {
    const x = Math.round(this.x(time)) + .5;

    if (x < this.left || x > this.width)
      return;
    this.context.strokeStyle = colour;
    this.context.setLineDash(dash || []);
    this.context.beginPath();
    this.context.moveTo(x, y0);
    this.context.lineTo(x, y1);
    this.context.stroke();
    this.context.setLineDash([]);
  }

  // The items that lie in sight, and how many.
  inSight(items, timeOf) {
    return [firstAt(items, this.from, timeOf),
      firstAt(items, this.to + 1, timeOf)];
  }

  text(text, x, y, colour, align) {
    this.context.fillStyle = colour;
    this.context.textAlign = align || 'left';
    this.context.fillText(text, x, y);
  }

  // Text that is read over lines.
  halo(text, x, y, colour) {
    this.context.strokeStyle = theme.card;
    this.context.lineWidth = 3;
    this.context.textAlign = 'left';
    this.context.strokeText(text, x, y);
    this.context.lineWidth = 1;
    this.text(text, x, y, colour);
  }
}

// ---- marks ----

const SHAPES = {
  diamond(context, x, y, size) {
    context.moveTo(x, y - size);
    context.lineTo(x + size, y);
    context.lineTo(x, y + size);
    context.lineTo(x - size, y);
  },
  square(context, x, y, size) {
    context.rect(x - size * .8, y - size * .8, size * 1.6, size * 1.6);
  },
  triangle(context, x, y, size) {
    context.moveTo(x - size, y - size * .8);
    context.lineTo(x + size, y - size * .8);
    context.lineTo(x, y + size);
  },
  circle(context, x, y, size) {
    context.arc(x, y, size * .85, 0, 7);
  },
};
const SHAPE_OF = {node: 'square', fault: 'diamond', step: 'triangle',
  session: 'circle', ensemble: 'circle', leader: 'square', log: 'circle',
  watermark: 'circle', client: 'circle', words: 'circle', judge: 'diamond'};

function mark(context, group, x, y, size) {
  context.fillStyle = theme[group];
  context.strokeStyle = theme.card;
  context.beginPath();
  SHAPES[SHAPE_OF[group]](context, x, y, size);
  context.closePath();
  context.stroke();
  context.fill();
}

// ---- time ----

function niceStep(span, count) {
  const rough = span / count;
  const power = 10 ** Math.floor(Math.log10(rough));

  return [1, 2, 5, 10].find((n) => n * power >= rough) * power;
}

function seconds(time, step) {
  const digits = Math.min(6, Math.max(0, -Math.floor(Math.log10(step / 1e6)
    + 1e-9)));

  return (time / 1e6).toFixed(digits);
}

function drawAxis(pen, height) {
  const step = niceStep(pen.to - pen.from, (pen.width - pen.left) / 90);

  for (let at = Math.ceil(pen.from / step) * step; at <= pen.to; at += step) {
    const x = pen.x(at);

    pen.line(at, 0, height, theme.line);
    if (x < pen.width - 30)
      pen.text(seconds(at, step) + ' s', x + 4, 11, theme.soft);
  }
}

// ---- the overview ----

// Events a pixel, counted once for each width.
function densityOf(pen, run) {
  const width = Math.floor(pen.width);
  const counts = new Uint32Array(width + 1);
  const rare = new Map();

  if (run.density && run.density.width === width)
    return run.density;
  for (const event of run.events) {
    const x = Math.min(Math.floor(pen.x(event.at)), width);
    const group = groupOf(event);

    counts[x]++;
    if (group === 'fault' || group === 'node')
      rare.set(x, group);
  }
  run.density = {width, counts, rare, most: Math.max(1, ...counts)};
  return run.density;
}

function drawDensity(pen, run, y, height) {
  const {width, counts, rare, most} = densityOf(pen, run);

  pen.context.fillStyle = theme.soft;
  pen.context.globalAlpha = .45;
  for (let x = 0; x <= width; x++) {
    const tall = Math.sqrt(counts[x] / most) * (height - 6);

    pen.context.fillRect(x, y + height - tall, 1, tall);
  }
  pen.context.globalAlpha = 1;
  for (const [x, group] of rare) {
    pen.context.fillStyle = theme[group];
    pen.context.fillRect(x, y + 1, 1, 5);
  }
}

function drawOverview(canvas) {
  const width = canvas.clientWidth, height = 46;
  const context = prepare(canvas, width, height);
  const pen = new Pen(context, 0, width, 0, END);
  const each = height / RUNS.length;

  context.fillStyle = theme.card;
  context.fillRect(0, 0, width, height);
  RUNS.forEach((run, i) => {
    drawDensity(pen, run, i * each, each);
    if (run.violation)
      pen.fill(run.violation.at, run.violation.at + 2 / pen.scale, i * each,
        each, theme.bad);
  });
  context.fillStyle = theme.shade;
  context.fillRect(0, 0, pen.x(view.from), height);
  context.fillRect(pen.x(view.to), 0, width - pen.x(view.to), height);
  context.strokeStyle = theme.accent;
  context.lineWidth = 1.5;
  context.strokeRect(pen.x(view.from) + 1, 1,
    Math.max(pen.x(view.to) - pen.x(view.from) - 2, 3), height - 2);
}
