// SPDX-License-Identifier: Apache-2.0
//
// The lanes of a run: a row a partition, then a row a broker, a server of the
// ensemble, a client, and one for what befalls no node.
'use strict';

const AXIS = 26;
const HEIGHTS = {broker: 60, server: 34, client: 52, world: 36};

function labelWidth() {
  return window.innerWidth <= 900 ? 70 : 92;
}

function placeIndex(run) {
  return view.place ? run.places.findIndex((p) => p.name === view.place) : -1;
}

// run.chosen is the partition that is looked at, as drawRun() found it.
function isShown(run, event) {
  return !view.off.has(groupOf(event)) &&
    (event.place < 0 || !view.place || event.place === run.chosen);
}

function placeRows(run) {
  const shown = run.places.filter((place, i) =>
    !view.place || i === run.chosen);
  const height = view.place ? 108 : shown.length <= 4 ? 56 : 22;

  return shown.map((place) => ({type: 'place', place, height}));
}

// A client that sends nothing needs little room.
function laneHeight(run, lane, index) {
  return lane.type === 'client' && !run.calls.byLane.has(index) ? 34 :
    HEIGHTS[lane.type];
}

// What there is to draw, from the top down.
function rowsOf(run) {
  const rows = placeRows(run);
  let top = AXIS;

  for (const type of ['broker', 'server', 'client', 'world'])
    run.lanes.forEach((lane, index) => {
      if (lane.type === type)
        rows.push({type, lane, index, height: laneHeight(run, lane, index)});
    });
  rows.forEach((row, i) => {
    row.top = top;
    row.first = i > 0 && rows[i - 1].type !== row.type;
    top += row.height;
  });
  return rows;
}

function heightOf(rows) {
  const last = rows[rows.length - 1];

  return last ? last.top + last.height : AXIS;
}

// ---- partitions ----

function drawLeads(pen, place, y, height) {
  place.leads.forEach((lead, i) => {
    const next = place.leads[i + 1];
    const to = Math.min(lead.to, next ? next.from : pen.runEnd);
    const x = Math.max(pen.x(lead.from), pen.left);
    const room = Math.min(pen.x(to), pen.width) - x;

    pen.fill(lead.from, to, y, height, brokerColour(lead.lane));
    if (next && lead.to > next.from) // it does not know yet
      pen.fill(next.from, lead.to, y + height, 3, brokerColour(lead.lane));
    if (room > 58)
      pen.text(pen.names[lead.lane] + ', epoch ' + lead.epoch, x + 5,
        y + height / 2 + .5, theme.card);
    else if (room > 14)
      pen.text(String(lead.epoch), x + 3, y + height / 2 + .5, theme.card);
  });
}

// The values of a line in sight: [time, value], and the one before.
function inSight(pen, line) {
  const first = Math.max(0, firstAt(line.at, pen.from, (at) => at) - 1);
  const end = Math.min(line.at.length, firstAt(line.at, pen.to, (at) => at)
    + 1);

  return [first, end];
}

function extent(pen, lines) {
  let low = Infinity, high = -Infinity;

  for (const line of lines) {
    const [first, end] = inSight(pen, line);

    for (let i = first; i < end && line.at[i] <= pen.to; i++) {
      low = Math.min(low, line.value[i]);
      high = Math.max(high, line.value[i]);
    }
  }
  if (low === Infinity)
    return [0, 1];
  return [low, Math.max(high, low + 1)];
}

// Steps: a value holds until the next. One step a pixel is enough.
function steps(pen, line, y, begin) {
  const [first, end] = inSight(pen, line);
  let last = -1;

  begin(pen.context);
  for (let i = first; i < end; i++) {
    const x = Math.max(pen.x(line.at[i]), pen.left);
    const next = i + 1 < end ? pen.x(line.at[i + 1]) : pen.width;

    if (i + 1 < end && Math.round(next) === Math.round(x) && last >= 0)
      continue;
    if (last < 0)
      pen.context.moveTo(x, y(line.value[i]));
    else
      pen.context.lineTo(x, y(last));
    pen.context.lineTo(x, y(line.value[i]));
    last = line.value[i];
  }
  if (last >= 0)
    pen.context.lineTo(Math.min(pen.x(pen.runEnd), pen.width), y(last));
}

function stroke(pen, line, y, colour, width) {
  steps(pen, line, y, (context) => context.beginPath());
  pen.context.strokeStyle = colour;
  pen.context.lineWidth = width;
  pen.context.stroke();
  pen.context.lineWidth = 1;
}

function drawCommitted(pen, line, y, bottom) {
  const [first, end] = inSight(pen, line);

  if (first >= end)
    return;
  steps(pen, line, y, (context) => context.beginPath());
  pen.context.lineTo(Math.min(pen.x(pen.runEnd), pen.width), bottom);
  pen.context.lineTo(Math.max(pen.x(line.at[first]), pen.left), bottom);
  pen.context.closePath();
  pen.context.fillStyle = theme.watermark;
  pen.context.globalAlpha = .16;
  pen.context.fill();
  pen.context.globalAlpha = 1;
}

function drawPlace(pen, row) {
  const {place} = row;
  const band = row.height < 40 ? 14 : 16;
  const top = row.top + band + 10, bottom = row.top + row.height - 6;
  const [low, high] = extent(pen, [...place.ends, place.committed,
    place.starts]);
  const y = (value) => bottom - (value - low) / (high - low) * (bottom - top);

  drawLeads(pen, place, row.top + 4, band);
  if (row.height < 40)
    return;
  drawCommitted(pen, place.committed, y, bottom);
  place.ends.forEach((line, lane) => {
    if (line.at.length)
      stroke(pen, line, y, brokerColour(lane), 1);
  });
  stroke(pen, place.committed, y, theme.watermark, 2);
  stroke(pen, place.starts, y, theme.soft, 1.5);
  pen.halo(String(high), pen.left + 4, top + 3, theme.soft);
  pen.halo(String(low), pen.left + 4, bottom - 3, theme.soft);
}

// ---- nodes ----

function hatch(pen, from, to, row) {
  const x0 = Math.max(pen.left, pen.x(from));
  const x1 = Math.min(pen.width, pen.x(to));
  const {context} = pen;

  if (x1 <= x0)
    return;
  context.save();
  context.beginPath();
  context.rect(x0, row.top, x1 - x0, row.height - 1);
  context.clip();
  context.strokeStyle = theme.down;
  context.beginPath();
  for (let x = x0 - x0 % 7 - row.height; x < x1; x += 7) {
    context.moveTo(x, row.top + row.height);
    context.lineTo(x + row.height, row.top);
  }
  context.stroke();
  context.restore();
}

function drawStates(pen, row) {
  const colours = {pause: theme.pause, looks: theme.pause};
  const all = row.lane.states.all;

  if (all.length && (row.type === 'client' || row.type === 'broker'))
    hatch(pen, 0, all[0].from, row);
  for (const span of all) {
    if (span.state === 'down')
      hatch(pen, span.from, Math.min(span.to, pen.runEnd), row);
    else if (colours[span.state])
      pen.fill(span.from, Math.min(span.to, pen.runEnd), row.top,
        row.height - 1, colours[span.state]);
    else if (span.state === 'leads')
      pen.fill(span.from, Math.min(span.to, pen.runEnd), row.top + 4, 4,
        theme.accent);
  }
}

function drawRoles(pen, run, row) {
  if (run.chosen < 0)
    return;
  for (const span of run.places[run.chosen].roles[row.index].all) {
    pen.context.globalAlpha = span.role === 'leader' ? 1 : .3;
    pen.fill(span.from, Math.min(span.to, pen.runEnd),
      row.top + 26, span.role === 'leader' ? 7 : 4, brokerColour(row.index));
  }
  pen.context.globalAlpha = 1;
}

// A tick a pixel, whatever happens in it.
function drawTrack(pen, run, row, events, y, height) {
  const [first, end] = pen.inSight(events, (event) => event.at);

  for (let i = first; i < end; i++) {
    if (!isShown(run, events[i]))
      continue;
    const x = Math.round(pen.x(events[i].at));
    const next = pen.time(x + .5);

    pen.context.fillStyle = theme[groupOf(events[i])];
    pen.context.fillRect(x, row.top + y, 1, height);
    while (i + 1 < end && events[i + 1].at < next) // to the next pixel
      i = i + 64 < end && events[i + 64].at < next ? i + 64 : i + 1;
  }
}

function drawTicks(pen, run, row, tracks) {
  for (const [name, y, height] of tracks)
    if (row.lane.tracks[name])
      drawTrack(pen, run, row, row.lane.tracks[name], y, height);
}

const UPPER = new Set(['node', 'step', 'fault']);

// Rare events, each with its mark: above what befalls a node, below it what
// the node does about it.
function drawMarks(pen, run, row, y, below) {
  const events = row.lane.rare;
  const [first, end] = pen.inSight(events, (event) => event.at);
  const last = {};

  for (let i = first; i < end; i++) {
    const event = events[i];
    const group = groupOf(event);
    const x = Math.round(pen.x(event.at));

    if (group === 'judge' || last[group] === x || !isShown(run, event))
      continue;
    last[group] = x;
    mark(pen.context, group, x, row.top + (UPPER.has(group) ? y : below),
      kindOf(event) === 'info' ? 2.5 : 4);
  }
}

function drawSessions(pen, row) {
  for (const span of row.lane.sessions.all)
    pen.fill(span.from, Math.min(span.to, pen.runEnd),
      row.top + row.height - 8, 2, theme.session);
}

const BROKER_TRACKS = [['log', 35, 6], ['marks', 42, 6]];
const SERVER_TRACKS = [['znode', 22, 7]];
const READER_TRACKS = [['read', 22, 7], ['seen', 26, 3]];
const SENDER_TRACKS = [['read', 43, 6], ['seen', 46, 3]];

// What is never answered is a beginning with a thread.
function drawCall(pen, call, to, y) {
  if (call.state === 'open') {
    pen.fill(call.from, to, y + 2, 1, theme.doubt);
    pen.fill(call.from, call.from + 2 / pen.scale, y, 4, theme.doubt);
  } else {
    pen.fill(call.from, to, y, 4,
      call.state === 'acked' ? theme.client : theme.bad);
  }
}

function drawCalls(pen, run, row) {
  const calls = run.calls.byLane.get(row.index) || [];
  const last = [];

  if (view.off.has('client'))
    return;
  for (let i = 0; i < calls.length && calls[i].from <= pen.to; i++) {
    const call = calls[i];
    const to = Math.min(call.to, pen.runEnd);
    const x = Math.round(pen.x(to));

    if (to < pen.from || (last[call.row] === x && call.state === 'acked') ||
        !isShown(run, call.event))
      continue;
    last[call.row] = x;
    drawCall(pen, call, to, row.top + 18 + call.row * 6);
  }
}

function drawNode(pen, run, row) {
  drawStates(pen, row);
  if (row.type === 'broker') {
    drawRoles(pen, run, row);
    drawTicks(pen, run, row, BROKER_TRACKS);
    if (!view.off.has('session'))
      drawSessions(pen, row);
    for (const span of run.controllers.all)
      if (span.lane === row.index)
        pen.fill(span.from, Math.min(span.to, pen.runEnd), row.top, 3,
          theme.soft);
    drawMarks(pen, run, row, 9, 18);
  } else if (row.type === 'server') {
    drawTicks(pen, run, row, SERVER_TRACKS);
    drawMarks(pen, run, row, 14, 14);
  } else if (row.type === 'client') {
    drawCalls(pen, run, row);
    drawTicks(pen, run, row, run.calls.byLane.has(row.index) ?
      SENDER_TRACKS : READER_TRACKS);
    drawMarks(pen, run, row, 9, 9);
  } else {
    drawMarks(pen, run, row, 14, 14);
  }
}

// Both ends of what is cut off.
function drawCuts(pen, run, rows) {
  if (view.off.has('fault'))
    return;
  for (const cut of run.cuts)
    for (const row of rows)
      if (row.lane && (row.index === cut.a || row.index === cut.b))
        pen.fill(cut.from, Math.min(cut.to, pen.runEnd), row.top +
          row.height - 5, 2, theme.fault);
}

// ---- what lies over all lanes ----

function flag(pen, time, text, colour, height) {
  const x = Math.round(pen.x(time));
  const wide = pen.context.measureText(text).width + 10;
  const at = Math.min(Math.max(x, pen.left), pen.width - wide);

  if (x < pen.left || x > pen.width)
    return;
  pen.context.fillStyle = colour;
  pen.context.fillRect(x - 1, 0, 2, height);
  pen.context.fillRect(at, 2, wide, 17);
  pen.text(text, at + 5, 11, theme.card);
}

function drawPhases(pen, run, height) {
  for (const event of run.phases)
    pen.line(event.at, AXIS, height, theme.step, [4, 4]);
}

function drawStory(pen, run, rows) {
  const byLane = new Map(rows.map((row) => [row.index, row]));

  if (!run.violation)
    return;
  pen.context.fillStyle = theme.judge;
  for (const index of run.touched) {
    const event = run.events[index];
    const row = byLane.get(event.lane);
    const x = pen.x(event.at);

    if (row && row.lane && x >= pen.left && x <= pen.width)
      pen.context.fillRect(x - 1, row.top + row.height - 3, 3, 3);
  }
}

function drawPicked(pen, run, rows, height) {
  if (!view.picked || view.picked.run !== run)
    return;
  const {event} = view.picked;
  const row = rows.find((r) => r.index === event.lane && r.lane);

  pen.line(event.at, AXIS, height, theme.accent);
  if (!row || pen.x(event.at) < pen.left)
    return;
  pen.context.strokeStyle = theme.accent;
  pen.context.lineWidth = 2;
  pen.context.strokeRect(pen.x(event.at) - 7, row.top + 4, 14,
    row.height - 8);
  pen.context.lineWidth = 1;
}

function drawRun(canvas, run) {
  run.chosen = placeIndex(run);
  const rows = rowsOf(run), height = heightOf(rows);
  const width = canvas.clientWidth;
  const context = prepare(canvas, width, height);
  const pen = new Pen(context, labelWidth(), width, view.from, view.to);

  pen.names = run.lanes.map((lane) => lane.name);
  pen.runEnd = run.end;
  drawAxis(pen, height);
  rows.forEach((row) => {
    context.fillStyle = row.first ? theme.soft : theme.line;
    context.globalAlpha = row.first ? .5 : 1;
    context.fillRect(0, row.top, width, 1);
    context.globalAlpha = 1;
    if (row.place)
      drawPlace(pen, row);
    else
      drawNode(pen, run, row);
  });
  drawCuts(pen, run, rows);
  drawPhases(pen, run, height);
  pen.fill(run.end, END, AXIS, height, theme.shade);
  drawStory(pen, run, rows);
  drawPicked(pen, run, rows, height);
  if (DATA.difference && run.events[DATA.difference[run.number]])
    flag(pen, run.events[DATA.difference[run.number]].at, 'first difference',
      theme.accent, height);
  if (run.violation)
    flag(pen, run.violation.at, 'violation', theme.bad, height);
  return {rows, pen};
}
