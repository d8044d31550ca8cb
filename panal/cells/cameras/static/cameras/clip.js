// Reads a recording as it lies on the disk: fragmented MP4 (ISO/IEC 14496-12) whose samples are JPEGs, which browsers
// do not play as video. Each box is a size, a name and a body; only what leads to the samples is looked into.
const INSIDE = ["moov", "trak", "mdia", "moof", "traf"];

const name = (view, at) => String.fromCharCode(view.getUint8(at + 4), view.getUint8(at + 5), view.getUint8(at + 6), view.getUint8(at + 7));

function* boxes(view, from, to) {
  for (let at = from; at + 8 <= to; ) {
    let size = view.getUint32(at);
    let header = 8;
    if (size === 1) {
      size = Number(view.getBigUint64(at + 8));
      header = 16;
    }
    if (size < header || at + size > to) return;
    yield { name: name(view, at), body: at + header, end: at + size };
    at += size;
  }
}

function* deep(view, from, to) {
  for (const box of boxes(view, from, to)) {
    yield box;
    if (INSIDE.includes(box.name)) yield* deep(view, box.body, box.end);
  }
}

// Fields of tfhd and trun are there or not as their flags say
function readTfhd(view, body) {
  const flags = view.getUint32(body) & 0xffffff;
  let at = body + 8;
  if (flags & 0x1) at += 8;
  if (flags & 0x2) at += 4;
  const duration = flags & 0x8 ? view.getUint32(at) : 0;
  if (flags & 0x8) at += 4;
  return { duration, size: flags & 0x10 ? view.getUint32(at) : 0 };
}

function* readTrun(view, body, defaults, base) {
  const flags = view.getUint32(body) & 0xffffff;
  const count = view.getUint32(body + 4);
  let at = body + 8;
  let offset = base;
  if (flags & 0x1) {
    offset = base + view.getInt32(at);
    at += 4;
  }
  if (flags & 0x4) at += 4;
  for (let n = 0; n < count; n += 1) {
    const duration = flags & 0x100 ? view.getUint32(at) : defaults.duration;
    if (flags & 0x100) at += 4;
    const size = flags & 0x200 ? view.getUint32(at) : defaults.size;
    if (flags & 0x200) at += 4;
    if (flags & 0x400) at += 4;
    if (flags & 0x800) at += 4;
    yield { duration, size, offset };
    offset += size;
  }
}

function timeOf(view, body) {
  return view.getUint8(body) ? Number(view.getBigUint64(body + 4)) : view.getUint32(body + 4);
}

// [{ atMs, blob }] of a whole file
export function framesOf(buffer) {
  const view = new DataView(buffer);
  const frames = [];
  let ticks = 1000;
  let base = 0;
  let defaults = { duration: 0, size: 0 };
  let time = 0;
  for (const box of deep(view, 0, buffer.byteLength)) {
    if (box.name === "mdhd") ticks = view.getUint32(box.body + (view.getUint8(box.body) ? 20 : 12));
    if (box.name === "moof") base = box.body - 8;
    if (box.name === "tfhd") defaults = readTfhd(view, box.body);
    if (box.name === "tfdt") time = timeOf(view, box.body);
    if (box.name !== "trun") continue;
    for (const sample of readTrun(view, box.body, defaults, base)) {
      if (sample.offset + sample.size > buffer.byteLength) break;
      frames.push({ atMs: (1000 * time) / ticks, blob: new Blob([new Uint8Array(buffer, sample.offset, sample.size)], { type: "image/jpeg" }) });
      time += sample.duration;
    }
  }
  return frames;
}

export async function load(address, signal) {
  const answer = await fetch(address, { signal });
  if (!answer.ok) throw new Error(`${answer.status}`);
  return framesOf(await answer.arrayBuffer());
}
