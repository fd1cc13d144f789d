// SPDX-License-Identifier: Apache-2.0
//
// The page around the drawings, and what pointers and keys do. The time in
// sight, the partition and the event picked are kept in the address, so that
// a place in a run can be shown to somebody else.
'use strict';

const $ = (id) => document.getElementById(id);
const shown = []; // what was drawn of each run: {run, canvas, rows, pen}
let waiting = false;

// An element with a class, children and text; text is never markup.
function make(tag, name, ...children) {
  const element = document.createElement(tag);

  if (name)
    element.className = name;
  element.append(...children.filter((child) => child !== null));
  return element;
}

function clock(time) {
  return (time / 1e6).toFixed(6);
}

// ---- drawing, once a frame ----

function draw() {
  waiting = false;
  drawOverview($('overview'));
  for (const each of shown) {
    Object.assign(each, drawRun(each.canvas, each.run));
    labelRows(each);
  }
  keepAddress();
}

function drawSoon() {
  if (!waiting)
    requestAnimationFrame(draw);
  waiting = true;
}

const TYPE_WORDS = {broker: 'broker', client: 'client', server: 'ZooKeeper',
  world: 'no node'};

function labelOf(row) {
  const name = row.place ? row.place.name : row.lane.name;
  const words = row.place ? 'leader, log' : TYPE_WORDS[row.type];
  const label = make('div', row.first ? 'first' : '',
    make('span', 'name', name), row.height > 40 || row.lane ?
      make('small', '', words) : null);

  label.style.top = row.top + 'px';
  label.style.height = row.height + 'px';
  label.title = name;
  if (row.type === 'broker')
    label.style.color = brokerColour(row.index);
  return label;
}

function labelRows(each) {
  const key = each.rows.map((row) => row.top).join() + view.place +
    brokerColour(0);

  if (each.key === key)
    return;
  each.key = key;
  each.labels.replaceChildren(...each.rows.map(labelOf));
}

// ---- the time in sight ----

function look(from, to) {
  const span = Math.min(Math.max(to - from, 20), END * 1.02);
  const start = Math.min(Math.max(from, -END * .01), END * 1.01 - span);

  view.from = start;
  view.to = start + span;
  drawSoon();
}

function zoom(factor, at) {
  const middle = at === undefined ? (view.from + view.to) / 2 : at;

  look(middle - (middle - view.from) * factor,
    middle + (view.to - middle) * factor);
}

function pan(share) {
  const by = (view.to - view.from) * share;

  look(view.from + by, view.to + by);
}

function wholeRun() {
  look(-END * .005, END * 1.015);
}

// Brings an event into sight, with something of what was before.
function goTo(event, span) {
  const wide = span || Math.min(view.to - view.from, END);

  if (event.at < view.from + wide * .1 || event.at > view.to - wide * .1 ||
      span)
    look(event.at - wide * .7, event.at + wide * .3);
  drawSoon();
}

// ---- what is picked ----

function fact(list, name, value) {
  if (value !== '')
    list.append(make('dt', '', name), make('dd', '', value));
}

function eventLine(run, event, current) {
  const place = event.place >= 0 ? run.places[event.place].name + ': ' : '';
  const button = make('button', '', make('time', '', clock(event.at)),
    make('span', 'who', run.lanes[event.lane].name),
    make('span', 'words ' + groupOf(event), place + wordsOf(event)));
  const item = make('li', current ? 'on' : '', button);

  button.addEventListener('click', () => pick(run, event, true));
  return item;
}

// The next one before or behind it that is shown in any lane.
function neighbour(run, event, by) {
  for (let i = event.index + by; i >= 0 && i < run.events.length; i += by)
    if (isShown(run, run.events[i]))
      return run.events[i];
  return null;
}

function step(by) {
  const run = view.picked ? view.picked.run : RUNS[0];
  const from = view.picked ? view.picked.event : run.violation;
  const next = from && neighbour(run, from, by);

  if (next)
    pick(run, next, true);
}

function detailsTop() {
  const close = make('button', '', 'close');
  const before = make('button', '', '‹');
  const after = make('button', '', '›');

  close.addEventListener('click', () => pick(null));
  before.addEventListener('click', () => step(-1));
  after.addEventListener('click', () => step(1));
  before.title = 'the event before (p)';
  after.title = 'the next event (n)';
  return make('div', 'top', make('h2', '', 'Event'), before, after, close);
}

function showDetails(run, event, near) {
  const list = make('dl', '');
  const box = $('details');

  fact(list, 'time', clock(event.at) + ' s');
  fact(list, 'who', run.lanes[event.lane].name + ' (' +
    TYPE_WORDS[run.lanes[event.lane].type] + ')');
  fact(list, 'partition', event.place >= 0 ? run.places[event.place].name :
    '');
  fact(list, 'kind', kindOf(event));
  fact(list, 'run', RUNS.length > 1 ? 'seed ' + run.seed : '');
  fact(list, 'number', event.index + 1 + ' of ' + run.events.length);
  box.replaceChildren(detailsTop(), make('p', 'what', wordsOf(event)), list);
  if (near.length > 1)
    box.append(make('h2', '', 'At the same place: ' + near.length),
      make('ul', 'list', ...near.slice(0, 60).map((other) =>
        eventLine(run, other, other === event))));
  box.hidden = false;
}

function pick(run, event, move, near) {
  view.picked = event ? {run, event} : null;
  $('details').hidden = !event;
  if (event) {
    showDetails(run, event, near || []);
    if (move)
      goTo(event);
  }
  drawSoon();
}

// Events under a point; of a partition's row those about who leads it.
function under(each, x, y) {
  const row = each.rows.find((r) => y >= r.top && y < r.top + r.height);
  const {pen, run} = each;
  const from = pen.time(x - 5), to = pen.time(x + 5);
  let events;

  if (!row)
    return [];
  events = row.lane ? row.lane.events : run.events.filter((event) =>
    event.place >= 0 && run.places[event.place] === row.place);
  events = events.slice(firstAt(events, from, (event) => event.at),
    firstAt(events, to, (event) => event.at));
  return events.filter((event) => isShown(run, event) ||
    groupOf(event) === 'judge');
}

function nearest(each, events, x) {
  const rare = events.filter((event) => !TRACKS[kindOf(event)]);
  const far = (event) => Math.abs(each.pen.x(event.at) - x);

  return (rare.length ? rare : events).reduce((best, event) =>
    !best || far(event) < far(best) ? event : best, null);
}

function click(each, x, y) {
  const events = under(each, x, y);

  pick(each.run, nearest(each, events, x), false, events);
}

// ---- pointers ----

function listen(each) {
  const {canvas} = each;
  const fingers = new Map();
  let moved = 0;

  const spread = () => {
    const [a, b] = [...fingers.values()];

    return Math.abs(a - b) || 1;
  };
  canvas.addEventListener('pointerdown', (event) => {
    canvas.setPointerCapture(event.pointerId);
    fingers.set(event.pointerId, event.offsetX);
    canvas.classList.add('held');
    moved = 0;
  });
  canvas.addEventListener('pointermove', (event) => {
    if (!fingers.has(event.pointerId))
      return;
    const before = fingers.size === 2 ? spread() : 0;
    const by = event.offsetX - fingers.get(event.pointerId);

    fingers.set(event.pointerId, event.offsetX);
    moved += Math.abs(by);
    if (fingers.size === 2)
      zoom(before / spread(), each.pen.time(event.offsetX));
    else
      look(view.from - by / each.pen.scale, view.to - by / each.pen.scale);
  });
  const leave = (event) => {
    if (fingers.delete(event.pointerId) && event.type === 'pointerup' &&
        moved < 5)
      click(each, event.offsetX, event.offsetY);
    canvas.classList.remove('held');
  };
  canvas.addEventListener('pointerup', leave);
  canvas.addEventListener('pointercancel', leave);
  canvas.addEventListener('dblclick', (event) =>
    zoom(.4, each.pen.time(event.offsetX)));
  canvas.addEventListener('wheel', (event) => {
    const sideways = event.shiftKey ? event.deltaY : event.deltaX;

    if (event.ctrlKey || event.metaKey)
      zoom(Math.exp(event.deltaY * .004), each.pen.time(event.offsetX));
    else if (Math.abs(sideways) > Math.abs(event.deltaY) || event.shiftKey)
      pan(sideways / each.pen.width);
    else
      return;
    event.preventDefault();
  }, {passive: false});
}

function listenOverview() {
  const canvas = $('overview');
  const move = (event) => {
    const at = event.offsetX / canvas.clientWidth * END;
    const half = (view.to - view.from) / 2;

    look(at - half, at + half);
  };

  canvas.addEventListener('pointerdown', (event) => {
    canvas.setPointerCapture(event.pointerId);
    move(event);
  });
  canvas.addEventListener('pointermove', (event) => {
    if (event.buttons)
      move(event);
  });
}

// ---- keys ----

function toViolation() {
  const run = RUNS.find((each) => each.violation);

  if (!run)
    return;
  pick(run, run.violation);
  goTo(run.violation, Math.min(END * 1.02, 2e6));
}

function toDifference() {
  const event = DATA.difference && (RUNS[0].events[DATA.difference[0]] ||
    RUNS[0].events[RUNS[0].events.length - 1]);

  if (!event)
    return;
  pick(RUNS[0], event);
  goTo(event, Math.min(END * 1.02, 2e6));
}

const KEYS = {
  ArrowLeft: () => pan(-.2), ArrowRight: () => pan(.2),
  '+': () => zoom(.6), '=': () => zoom(.6), '-': () => zoom(1 / .6),
  '0': wholeRun, v: toViolation, d: toDifference,
  n: () => step(1), p: () => step(-1), Escape: () => pick(null),
  Home: () => look(0, view.to - view.from),
  End: () => look(END - (view.to - view.from), END),
};

function onKey(event) {
  const busy = /^(SELECT|INPUT)$/.test(event.target.tagName);

  if (busy || event.ctrlKey || event.metaKey || event.altKey ||
      !KEYS[event.key])
    return;
  event.preventDefault();
  KEYS[event.key]();
}

// ---- the head ----

const VERDICTS = {pass: 'passed', fail: 'failed', error: 'proves nothing'};

function metaLine(run) {
  const meta = make('p', 'meta');
  const add = (name, value) => value === '' ||
    meta.append(make('span', '', name + ' ', make('b', '', String(value))));

  add('seed', run.seed);
  if (run.result === 'fail') {
    add('promise', run.oracle + ' (' + run.invariant + ')');
    add('where', run.place);
    add('offset', run.offset >= 0 ? run.offset : '');
    add('on', run.node);
    add('at', clock(run.at_us) + ' s');
  }
  add('disks', run.disk);
  add('sent, acknowledged, read', run.records.join(', '));
  add('events', run.events.length.toLocaleString('en'));
  add('trace hash', run.hash);
  return meta;
}

function replayLine(run) {
  const command = run.replay.split(';')[0];
  const copy = make('button', '', 'copy');

  copy.addEventListener('click', () => {
    if (navigator.clipboard)
      navigator.clipboard.writeText(command);
    copy.textContent = 'copied';
  });
  return make('p', 'replay', make('code', '', command), copy);
}

function showHead() {
  const run = RUNS[0];
  const name = run.scenario.split('/').pop().replace(/\.yaml$/, '')
    .replaceAll('-', ' ');

  document.title = `${VERDICTS[run.result]}: ${name}, seed ${run.seed}`;
  $('head').append(make('div', 'verdict', make('span', 'badge ' + run.result,
    VERDICTS[run.result]), make('h1', '', name)));
  if (run.message)
    $('head').append(make('p', 'message', run.message));
  $('head').append(metaLine(run), replayLine(run));
}

function showNote() {
  const parts = RUNS.filter((run) => run.left_out).map((run) =>
    `${run.left_out.toLocaleString('en')} events before ` +
    `${clock(run.left_out_us)} s are not on this page: the run has too many.`);

  if (RUNS.length > 1 && !DATA.difference)
    parts.push('From the start of the work on the same befell the brokers of ' +
      'both runs, in the same order; only times and clients differ.');

  $('note').textContent = parts.join(' ');
  $('note').hidden = !parts.length;
}

// ---- the bar ----

function showPlaces() {
  const names = [...new Set(RUNS.flatMap((run) =>
    run.places.map((place) => place.name)))].sort();

  $('partition').append(new Option('all', ''),
    ...names.map((name) => new Option(name, name)));
  if (RUNS[0].place && names.includes(RUNS[0].place))
    view.place = RUNS[0].place;
  else if (names.length === 1)
    view.place = names[0];
  $('partition').value = view.place;
  $('partition').addEventListener('change', (event) => {
    view.place = event.target.value;
    drawSoon();
  });
}

function showKinds() {
  for (const group of GROUPS) {
    const dot = make('i', '');
    const button = make('button', 'kind', dot, GROUP_NAMES[group]);

    dot.style.background = `var(--${group})`;
    button.setAttribute('aria-pressed', 'true');
    button.addEventListener('click', () => {
      const off = !view.off.delete(group);

      if (off)
        view.off.add(group);
      button.setAttribute('aria-pressed', String(!off));
      drawSoon();
    });
    $('kinds').append(button);
  }
}

function listenBar() {
  $('in').addEventListener('click', () => zoom(.6));
  $('out').addEventListener('click', () => zoom(1 / .6));
  $('fit').addEventListener('click', wholeRun);
  $('find').addEventListener('click', toViolation);
  $('differ').addEventListener('click', toDifference);
  $('find').hidden = !RUNS.some((run) => run.violation);
  $('differ').hidden = !DATA.difference;
}

// ---- story and legend ----

const STORY_FIRST = 30, STORY_LAST = 60;

function showStory() {
  const run = RUNS.find((each) => each.violation) || RUNS[0];
  const events = run.touched.map((index) => run.events[index]);
  const gap = events.length - STORY_FIRST - STORY_LAST;
  const lines = events.map((event) => () => eventLine(run, event));
  const list = make('ul', 'list');
  let title = 'What happened, in order';

  if (run.place)
    title = run.offset >= 0 ?
      `What touched offset ${run.offset} of ${run.place}, in order` :
      `What befell ${run.place}, in order`;
  lines.forEach((line, i) => {
    if (gap > 0 && i === STORY_FIRST)
      list.append(make('li', 'gap', `… ${gap} more …`));
    if (gap <= 0 || i < STORY_FIRST || i >= STORY_FIRST + gap)
      list.append(line());
  });
  $('story').append(make('h2', '', title), list);
}

const LEGEND = [
  ['a leader and its epoch; thin below: it does not know of the next', (p) =>
    p.fill(0, 34, 1, 11, brokerColour(0)) || p.fill(17, 34, 12, 3,
      brokerColour(1))],
  ['ends of logs, committed, log start', (p) => p.fill(0, 34, 3, 1,
    brokerColour(1)) || p.fill(0, 34, 7, 2, theme.watermark) ||
    p.fill(0, 34, 13, 2, theme.soft)],
  ['controller (on top of a broker)', (p) => p.fill(0, 34, 6, 3, theme.ink)],
  ['leads, follows the partition that is chosen', (p) => p.fill(0, 16, 5, 7,
    brokerColour(0)) || p.fill(18, 34, 5, 4, brokerColour(0) + '4d')],
  ['down', (p) => hatch(p, 0, 34, {top: 0, height: 17})],
  ['stands still; a server that looks for a leader', (p) => p.fill(0, 34, 1,
    14, theme.pause)],
  ['session with ZooKeeper', (p) => p.fill(0, 34, 7, 2, theme.session)],
  ['cut off from another node', (p) => p.fill(0, 34, 7, 2, theme.fault)],
  ['crash, start, pause, disk', (p) => mark(p.context, 'node', 17, 8, 5)],
  ['step of the scenario', (p) => mark(p.context, 'step', 17, 8, 5)],
  ['fault', (p) => mark(p.context, 'fault', 17, 8, 5)],
  ['role taken; rare events of a log', (p) => mark(p.context, 'leader', 10, 8,
    5) || mark(p.context, 'log', 24, 8, 5)],
  ['writes and syncs; commits, acknowledgements, reads', (p) => p.fill(6, 8,
    1, 6, theme.log) || p.fill(20, 22, 9, 6, theme.watermark)],
  ['records of a client: acknowledged, given up, no answer', (p) => p.fill(0,
    10, 6, 4, theme.client) || p.fill(12, 22, 6, 4, theme.bad) || p.fill(24,
    34, 6, 4, theme.doubt)],
  ['what a node says', (p) => mark(p.context, 'words', 17, 8, 5)],
  ['touched what the verdict is about', (p) => p.fill(15, 18, 7, 3,
    theme.judge)],
];

function showLegend() {
  const list = make('dl', '');

  for (const [words, paint] of LEGEND) {
    const canvas = make('canvas', '');

    canvas.style.width = '34px';
    paint(new Pen(prepare(canvas, 34, 16), 0, 34, 0, 34));
    list.append(make('dt', '', canvas), make('dd', '', words));
  }
  const keys = make('p', '');
  const key = (name, words) => keys.append(make('kbd', '', name), words);

  key('←', ' '), key('→', ' move, '), key('+', ' '), key('−', ' zoom, ');
  key('0', ' whole run, '), key('n', ' '), key('p', ' next, previous, ');
  key('v', ' violation. Drag to move; Ctrl and the wheel zoom.');
  $('legend').replaceChildren(make('h2', '', 'Legend'), list, keys);
}

// ---- the address ----

function keepAddress() {
  const parts = [`t=${Math.round(view.from)}-${Math.round(view.to)}`,
    `p=${encodeURIComponent(view.place)}`];

  if (view.picked)
    parts.push(`e=${view.picked.run.number}.${view.picked.event.index}`);
  try {
    history.replaceState(null, '', '#' + parts.join('&'));
  } catch (error) {
    // some browsers allow it only so often
  }
}

// True when the address says what to show.
function readAddress() {
  const parts = new URLSearchParams(location.hash.slice(1));
  const time = /^(-?\d+)-(\d+)$/.exec(parts.get('t') || '');
  const picked = /^([01])\.(\d+)$/.exec(parts.get('e') || '');
  const run = picked && RUNS[Number(picked[1])];

  if (parts.has('p') && [...$('partition').options].some((option) =>
    option.value === parts.get('p')))
    $('partition').value = view.place = parts.get('p');
  if (run && run.events[Number(picked[2])])
    pick(run, run.events[Number(picked[2])]);
  if (time)
    look(Number(time[1]), Number(time[2]));
  return time !== null;
}

// ---- the start ----

function showRun(run) {
  const canvas = make('canvas', '');
  const labels = make('div', 'labels');
  const title = RUNS.length < 2 ? null : make('h3', '', 'seed ' + run.seed,
    make('span', 'badge ' + run.result, VERDICTS[run.result]));

  canvas.setAttribute('role', 'img');
  canvas.setAttribute('aria-label', `${run.lanes.length} lanes of seed ` +
    run.seed);
  $('runs').append(make('section', 'run', title,
    make('div', 'lanes', canvas, labels)));
  shown.push({run, canvas, labels, rows: [], pen: null});
  listen(shown[shown.length - 1]);
}

function repaint() {
  readTheme();
  showLegend();
  drawSoon();
}

// The verdict; on a small screen its details would hide the lanes.
function firstSight() {
  wholeRun();
  toViolation();
  if (window.innerWidth <= 900)
    pick(null);
}

function begin() {
  readTheme();
  showHead();
  showNote();
  showPlaces();
  showKinds();
  showStory();
  showLegend();
  RUNS.forEach(showRun);
  listenBar();
  listenOverview();
  addEventListener('keydown', onKey);
  addEventListener('resize', drawSoon);
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change',
    repaint);
  if (!readAddress())
    firstSight();
  draw();
  document.body.dataset.ready = 'yes';
  document.body.dataset.events = RUNS.map((run) => run.events.length).join();
}

addEventListener('error', (event) => {
  document.body.dataset.broken = event.message;
});
begin();
