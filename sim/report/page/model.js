// SPDX-License-Identifier: Apache-2.0
//
// What the page knows of its runs: events by lane, and what follows from
// them: when nodes were up, who led, how far logs came, what clients waited
// for. Times are in microseconds of the run.
'use strict';

const DATA = JSON.parse(document.getElementById('data').textContent);
const KINDS = DATA.kinds.map(([name, group, words]) => ({name, group, words}));
const GROUPS = ['node', 'step', 'fault', 'session', 'ensemble', 'leader',
  'log', 'watermark', 'client', 'words'];
const GROUP_NAMES = {node: 'crashes', step: 'steps', fault: 'faults',
  session: 'sessions', ensemble: 'ensemble', leader: 'leaders', log: 'logs',
  watermark: 'watermarks', client: 'clients', words: 'words'};

function wordsOf(event) {
  return KINDS[event.kind].words.replace(/\{(\w+)\}/g, (all, name) =>
    name === 'text' ? event.text || '' : String(event[name]));
}

function kindOf(event) {
  return KINDS[event.kind].name;
}

function groupOf(event) {
  return KINDS[event.kind].group;
}

// The first index whose item lies at or behind a time.
function firstAt(items, time, timeOf) {
  let low = 0, high = items.length;

  while (low < high) {
    const middle = (low + high) >> 1;

    if (timeOf(items[middle]) < time)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

function readEvents(rows) {
  let at = 0;

  return rows.map(([dt, lane, kind, place, text, a, b, c, e], index) => {
    at += dt;
    return {index, at, lane, kind, place: place - 1, text: text || '',
      a: a || 0, b: b || 0, c: c || 0, e: e || 0};
  });
}

// Intervals {from, to, what}: one is open until the next begins or it ends.
class Spans {
  constructor() {
    this.all = [];
    this.open = null;
  }

  begin(at, what) {
    this.end(at);
    this.open = {from: at, to: Infinity, ...what};
    this.all.push(this.open);
  }

  end(at) {
    if (this.open)
      this.open.to = at;
    this.open = null;
  }
}

// Of what there is plenty: in which track of its lane it is a tick. What is
// sent and answered is drawn as calls.
const TRACKS = {appended: 'log', durable: 'log', 'high-watermark': 'marks',
  acknowledged: 'marks', served: 'marks', read: 'read', 'seen-end': 'seen',
  znode: 'znode', sent: 'none', acked: 'none', 'acked-unseen': 'none'};

const ENDS = new Set(['exit', 'killed', 'power-lost']);
const SERVER_STATES = {'server-crashes': 'down', 'server-starts': 'looks',
  'server-looks': 'looks', 'server-leads': 'leads',
  'server-follows': 'follows'};

function noteLane(lane, event, name) {
  if (name === 'start')
    lane.states.begin(event.at, {state: 'up'});
  else if (ENDS.has(name))
    lane.states.begin(event.at, {state: 'down'});
  else if (name === 'pause')
    lane.states.begin(event.at, {state: 'pause'});
  else if (name === 'resume')
    lane.states.begin(event.at, {state: 'up'});
  else if (SERVER_STATES[name])
    lane.states.begin(event.at, {state: SERVER_STATES[name]});
  else if (name === 'session')
    lane.sessions.begin(event.at, {text: event.text});
  else if (name === 'session-over')
    lane.sessions.end(event.at);
}

// ---- partitions ----

function newPlace(name, lanes) {
  const line = () => lanes.map(() => ({at: [], value: []}));

  return {name, leads: [], roles: lanes.map(() => new Spans()),
    ends: line(), committed: {at: [], value: []}, starts: {at: [], value: []}};
}

function addPoint(line, at, value) {
  line.at.push(at);
  line.value.push(value);
}

function lastOf(line) {
  return line.value.length ? line.value[line.value.length - 1] : 0;
}

function takeRole(place, event, name) {
  const roles = place.roles[event.lane];

  if (name === 'leader')
    roles.begin(event.at, {role: 'leader', epoch: event.e, lane: event.lane});
  else if (name === 'follower')
    roles.begin(event.at, {role: 'follower', epoch: event.e,
      lane: event.lane});
  else
    roles.end(event.at);
  if (name === 'leader')
    place.leads.push(roles.open);
}

function notePlace(place, event, name) {
  const end = place.ends[event.lane];

  switch (name) {
  case 'leader':
  case 'follower':
  case 'no-role':
  case 'removed':
    takeRole(place, event, name);
    break;
  case 'appended':
    addPoint(end, event.at, event.b + 1);
    break;
  case 'opened':
  case 'opened-lossy':
    addPoint(end, event.at, event.b);
    break;
  case 'truncated':
    addPoint(end, event.at, event.a);
    break;
  case 'high-watermark':
    if (event.a > lastOf(place.committed))
      addPoint(place.committed, event.at, event.a);
    break;
  case 'log-start':
    if (event.a > lastOf(place.starts))
      addPoint(place.starts, event.at, event.a);
    break;
  }
}

// ---- clients ----

// A send and what became of it; events of one producer come in order.
class Calls {
  constructor() {
    this.byLane = new Map();
    this.byProducer = new Map();
  }

  send(event) {
    const call = {event, from: event.at, to: Infinity, first: event.a,
      last: event.b, state: 'open'};
    const key = event.lane + '|' + event.e;

    if (!this.byLane.has(event.lane))
      this.byLane.set(event.lane, []);
    if (!this.byProducer.has(key))
      this.byProducer.set(key, []);
    this.byLane.get(event.lane).push(call);
    this.byProducer.get(key).push(call);
  }

  // One answer may be about records of many sends, and about part of one.
  end(event, first, last, state) {
    const calls = this.byProducer.get(event.lane + '|' + event.e) || [];

    for (let i = firstAt(calls, first, (call) => call.last);
      i < calls.length && calls[i].first <= last; i++) {
      calls[i].to = event.at;
      calls[i].state = state;
    }
  }

  note(event, name) {
    if (name === 'sent')
      this.send(event);
    else if (name === 'acked')
      this.end(event, event.c, event.c + event.b - event.a, 'acked');
    else if (name === 'acked-unseen')
      this.end(event, event.a, event.b, 'acked');
    else if (name === 'failed')
      this.end(event, event.a, event.b, 'failed');
  }
}

// What its client did not live to hear ends with it.
function cutOff(calls, states) {
  const ends = states.filter((span) => span.state === 'down');

  for (const call of calls) {
    const end = ends[firstAt(ends, call.from + 1, (span) => span.from)];

    if (end)
      call.to = Math.min(call.to, end.from);
  }
}

// In which of a few rows each is drawn: the first that is free.
function layOut(calls, rows) {
  const free = new Array(rows).fill(-1);

  calls.forEach((call, index) => {
    let row = free.findIndex((to) => to <= call.from);

    if (row < 0)
      row = index % rows;
    call.row = row;
    free[row] = call.to;
  });
}

// ---- cuts ----

function noteLink(run, event, name) {
  const same = (cut) => event.a < 0 || ((cut.a === event.a || cut.b ===
    event.a) && (event.b < 0 || cut.a === event.b || cut.b === event.b));

  if (name === 'cut') {
    run.cuts.push({a: event.a, b: event.b, from: event.at, to: Infinity});
    return;
  }
  for (const cut of run.cuts)
    if (cut.to === Infinity && same(cut))
      cut.to = event.at;
}

// ---- a run ----

function readRun(raw, number) {
  const lanes = raw.lanes.map(([name, type]) => ({name, type, events: [],
    rare: [], tracks: {}, states: new Spans(), sessions: new Spans()}));
  const run = {...raw, number, lanes, cuts: [], calls: new Calls(),
    events: readEvents(raw.events), controllers: new Spans(), phases: []};

  run.places = raw.partitions.map((name) => newPlace(name, lanes));
  for (const event of run.events)
    noteEvent(run, event);
  for (const [lane, calls] of run.calls.byLane) {
    cutOff(calls, lanes[lane].states.all);
    layOut(calls, 4);
  }
  run.end = Math.max(raw.end_us, run.events.length ?
    run.events[run.events.length - 1].at : 0);
  run.violation = run.events.find((event) => kindOf(event) === 'violation');
  return run;
}

function noteEvent(run, event) {
  const name = kindOf(event);
  const lane = run.lanes[event.lane];

  const track = TRACKS[name];

  lane.events.push(event);
  if (track)
    (lane.tracks[track] = lane.tracks[track] || []).push(event);
  else
    lane.rare.push(event);
  noteLane(lane, event, name);
  if (ENDS.has(name)) {
    run.places.forEach((place) => place.roles[event.lane].end(event.at));
    if (run.controllers.open && run.controllers.open.lane === event.lane)
      run.controllers.end(event.at);
  }
  if (event.place >= 0)
    notePlace(run.places[event.place], event, name);
  if (groupOf(event) === 'client')
    run.calls.note(event, name);
  if (name === 'cut' || name === 'heal')
    noteLink(run, event, name);
  if (name === 'controller')
    run.controllers.begin(event.at, {lane: event.lane, epoch: event.e});
  if (name === 'phase')
    run.phases.push(event);
}

const RUNS = DATA.runs.map(readRun);
const END = Math.max(1, ...RUNS.map((run) => run.end));
