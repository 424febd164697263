/* The digits that travel with the page, as ff/data.py makes them: 8 x 8 counts from 0 to 16, enlarged
   to 24 x 24 in a frame of 28 x 28; what is drawn on the page goes the same way. And the random
   numbers, which depend on what they are for and on nothing else, as in ff/algorithm/streams.py. */
"use strict";

function digitImages() {
  const [SMALL, LARGE, SIDE] = [8, 24, 28];
  const CLASSES = 10;
  const BATCH = 50; // images a step
  const PIXELS = SIDE * SIDE;

  /** Grey levels of one image, from its 64 counts: bilinear, as torch enlarges. Where a level lies
      just between two whole numbers, torch may round it the other way. */
  function enlarge(counts) {
    const grey = new Uint8Array(PIXELS);
    const ends = Array.from({ length: LARGE }, (_, at) => {
      const place = Math.max((at - 1) / 3, 0);
      const low = Math.floor(place + 1e-9);
      return { low, high: Math.min(low + 1, SMALL - 1), share: Math.round((place - low) * 3) };
    });
    ends.forEach((down, y) =>
      ends.forEach((across, x) => {
        const at = (r, c) => counts[r * SMALL + c] * 1;
        const line = (r) => at(r, across.low) * (3 - across.share) + at(r, across.high) * across.share;
        const ninths = line(down.low) * (3 - down.share) + line(down.high) * down.share;
        grey[(y + 2) * SIDE + x + 2] = Math.round((ninths * 255) / 144);
      }),
    );
    return grey;
  }

  /** The images of the page: a letter for each count, "a" for 0 to "q" for 16; 64 an image. */
  function decode(text, labels) {
    const counts = Uint8Array.from(text, (letter) => letter.charCodeAt(0) - 97);
    return {
      images: Array.from(labels, (_, n) => enlarge(counts.subarray(n * 64, (n + 1) * 64))),
      labels: Uint8Array.from(labels),
    };
  }

  /** Counts of a drawing of 32 x 32 pixels, 0 or 1: how many of each 4 x 4 are set. */
  function counted(bitmap) {
    const counts = new Uint8Array(SMALL * SMALL);
    bitmap.forEach((set, at) => {
      counts[(at >> 7) * SMALL + ((at & 31) >> 2)] += set;
    });
    return counts;
  }

  /** Samples of images, in [0, 1], one row each: `codes[n]` is a class, or -1 for none (neutral). */
  function samples(images, codes) {
    const x = new Float32Array(codes.length * PIXELS);
    codes.forEach((code, n) => {
      x.set(images[n % images.length], n * PIXELS);
      for (let at = n * PIXELS; at < (n + 1) * PIXELS; at++) x[at] /= 255;
      for (let label = 0; label < CLASSES; label++) {
        x[n * PIXELS + label] = code < 0 ? 1 / CLASSES : Number(label === code);
      }
    });
    return x;
  }

  /** Random numbers of one purpose and key, each in [0, 1) (sfc32 by C. Doty-Humphrey). */
  function stream(...key) {
    let [a, b, c, count] = [0x9e3779b9, 0x243f6a88, 0xb7e15162, 1];
    const next = () => {
      const sum = (a + b + count) | 0;
      count = (count + 1) | 0;
      a = b ^ (b >>> 9);
      b = (c + (c << 3)) | 0;
      c = (((c << 21) | (c >>> 11)) + sum) | 0;
      return (sum >>> 0) / 2 ** 32;
    };
    for (const letter of key.join(" ")) {
      a ^= letter.charCodeAt(0);
      next();
    }
    for (let i = 0; i < 12; i++) next();
    return next;
  }

  /** Numbers from Normal(0, deviation) (Box and Muller). */
  function gaussian(length, deviation, next) {
    return Float32Array.from({ length }, () => {
      const radius = Math.sqrt(-2 * Math.log(1 - next()));
      return deviation * radius * Math.cos(2 * Math.PI * next());
    });
  }

  /** The numbers 0 to n - 1 in random order (Fisher and Yates). */
  function shuffled(n, next) {
    const order = Array.from({ length: n }, (_, i) => i);
    for (let i = n - 1; i > 0; i--) {
      const j = Math.floor(next() * (i + 1));
      [order[i], order[j]] = [order[j], order[i]];
    }
    return order;
  }

  return { BATCH, CLASSES, PIXELS, SIDE, enlarge, decode, counted, samples, stream, gaussian, shuffled };
}
