/* A pad to draw a digit on, with a pointer or with the keyboard. What is drawn becomes an image as the
   digits of the data set were made: cut out, scaled to 32 x 32 black or white pixels, counted in
   blocks of 4 x 4. */
"use strict";

const LearnPad = (() => {
  const { html, set } = Charts;
  const { paint, grey, labelled } = LearnViews;
  const SIDE = 224; // of the pad
  const PEN = 18;
  const STEP = 14; // of the pen, by a key
  const [BITMAP, LINE] = [32, 5.6]; // pixels of the bitmap, and the width of a line there: about that of the data set

  /** The pad; `others` are images with their `label`, to take in place of a drawing, and `changed` is
      called whenever another image is there. */
  function make(digits, others, changed) {
    let strokes = []; // lists of points [x, y] on the pad
    let taken = null; // one of the others, in place of a drawing
    const canvas = html("canvas", {
      width: SIDE,
      height: SIDE,
      tabindex: 0,
      class: "ff-pad",
      role: "application",
      "aria-label": "Pad to draw a digit on. Arrow keys move the pen, space lowers and lifts it.",
    });
    const context = canvas.getContext("2d");
    const seen = html("canvas", { role: "img", "aria-label": "the drawing as the network sees it" });
    const told = html("figcaption");
    const pen = { x: SIDE / 2, y: SIDE / 4, down: false, shown: false };

    /** Draw the strokes on a canvas, moved and scaled. */
    function trace(on, width, [dx, dy], scale) {
      Object.assign(on, { lineWidth: width, lineCap: "round", lineJoin: "round" });
      for (const points of strokes) {
        on.beginPath();
        points.forEach(([x, y]) => on.lineTo((x + dx) * scale, (y + dy) * scale));
        if (points.length === 1) on.lineTo((points[0][0] + dx) * scale + 0.01, (points[0][1] + dy) * scale);
        on.stroke();
      }
    }

    /** Black or white pixels of the drawing, as high as the bitmap, in its middle. */
    function bitmap() {
      const points = strokes.flat();
      const [xs, ys] = [points.map(([x]) => x), points.map(([, y]) => y)];
      const [left, top] = [Math.min(...xs), Math.min(...ys)];
      const [width, height] = [Math.max(...xs) - left, Math.max(...ys) - top];
      const scale = (BITMAP - LINE) / Math.max(width, height, SIDE / 4);
      const middle = (length) => BITMAP / scale / 2 - length / 2;
      const small = html("canvas", { width: BITMAP, height: BITMAP }).getContext("2d");
      trace(small, LINE, [middle(width) - left, middle(height) - top], scale);
      const { data } = small.getImageData(0, 0, BITMAP, BITMAP);
      return Uint8Array.from({ length: BITMAP * BITMAP }, (_, at) => Number(data[4 * at + 3] > 127));
    }

    /** Grey levels of what is drawn, or null. */
    function image() {
      if (taken) return taken.image;
      return strokes.length ? digits.enlarge(digits.counted(bitmap())) : null;
    }

    function draw() {
      context.fillStyle = "#10151d";
      context.fillRect(0, 0, SIDE, SIDE);
      context.strokeStyle = "#f1f3f6";
      trace(context, PEN, [0, 0], 1);
      if (pen.shown) {
        context.strokeStyle = pen.down ? "#ffb347" : "#7d8797";
        context.lineWidth = 2;
        context.strokeRect(pen.x - 6, pen.y - 6, 12, 12);
      }
      const own = image() ?? new Uint8Array(digits.PIXELS);
      paint(seen, digits.SIDE, grey(labelled(own, -1, digits.CLASSES)));
      if (taken) context.drawImage(seen, 0, 0, SIDE, SIDE);
      told.textContent = `${taken ? `a ${taken.label}, ` : ""}as the network sees it`;
    }

    let scheduled = false;
    function update() {
      draw();
      if (scheduled) return;
      scheduled = true;
      requestAnimationFrame(() => {
        scheduled = false;
        changed();
      });
    }

    const at = (event) => {
      const box = canvas.getBoundingClientRect();
      return [((event.clientX - box.left) / box.width) * SIDE, ((event.clientY - box.top) / box.height) * SIDE];
    };
    function lower(point) {
      if (taken) strokes = [];
      taken = null;
      strokes.push([point]);
    }
    canvas.addEventListener("pointerdown", (event) => {
      if (!event.isPrimary || event.button !== 0) return;
      canvas.setPointerCapture(event.pointerId);
      pen.shown = false;
      lower(at(event));
      update();
    });
    canvas.addEventListener("pointermove", (event) => {
      if (!event.isPrimary || !canvas.hasPointerCapture(event.pointerId)) return;
      if (!strokes.length) lower(at(event)); // cleared during a stroke
      strokes.at(-1).push(at(event));
      update();
    });
    const MOVES = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    canvas.addEventListener("keydown", (event) => {
      const [dx, dy] = MOVES[event.key] ?? [0, 0];
      if (event.key !== " " && !(event.key in MOVES)) return;
      event.preventDefault();
      pen.shown = true;
      const inside = (value) => Math.min(Math.max(value, STEP), SIDE - STEP);
      Object.assign(pen, { x: inside(pen.x + dx * STEP), y: inside(pen.y + dy * STEP) });
      if (event.key === " ") {
        pen.down = !pen.down;
        if (pen.down) lower([pen.x, pen.y]);
      } else if (pen.down) {
        if (!strokes.length) lower([pen.x, pen.y]);
        strokes.at(-1).push([pen.x, pen.y]);
      }
      update();
    });
    canvas.addEventListener("blur", () => {
      Object.assign(pen, { down: false, shown: false });
      draw();
    });

    const clear = html("button", { type: "button" }, "Clear");
    clear.addEventListener("click", () => {
      [strokes, taken] = [[], null];
      update();
    });
    const another = html("button", { type: "button" }, "Take one");
    set(another, { title: "Take a validation image, which the network does not learn from" });
    another.addEventListener("click", () => {
      [strokes, taken] = [[], others[Math.floor(Math.random() * others.length)]];
      update();
    });
    draw();
    const node = html(
      "div",
      { class: "ff-pad-box" },
      canvas,
      html("div", {}, clear, another, html("figure", {}, seen, told)),
    );
    return { node, image };
  }

  return { make };
})();
