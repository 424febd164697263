/* Pictures with axes, and the elements they are made of, for all that is drawn in the browser. Colors
   are the style sheet's, so that the page's theme switch needs no script. */
"use strict";

const Charts = (() => {
  const MARGIN = { top: 12, right: 14, bottom: 40, left: 46 };

  function fill(node, attributes, children) {
    for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
    node.append(...children);
    return node;
  }
  const html = (tag, attributes = {}, ...children) =>
    fill(document.createElement(tag), attributes, children);
  const svg = (tag, attributes = {}, ...children) =>
    fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
  const set = (node, attributes) => fill(node, attributes, []);
  const path = (points) => points.map(([x, y]) => `${x.toFixed(1)},${y.toFixed(1)}`).join(" ");

  const SHAPES = {
    circle: "M-4.2,0a4.2,4.2 0 1 0 8.4,0a4.2,4.2 0 1 0 -8.4,0z",
    diamond: "M0,-5.2L5.2,0L0,5.2L-5.2,0z",
    triangle: "M-5,3.5h10l-5,-9z",
  };
  const symbol = (shape, x, y) =>
    svg("path", { class: "ff-mark", d: SHAPES[shape], transform: `translate(${x},${y})` });

  /** Say of a node which layer it shows, by its color too. */
  function mark(node, layer, deepest) {
    node.dataset.layer = layer;
    node.style.setProperty("--share", ((layer - 1) / Math.max(deepest - 1, 1)).toFixed(3));
    return node;
  }

  /** Ticks at the first and at round numbers up to the last. */
  function count(first, last) {
    const step = [1, 2, 5, 10, 20, 50, 100].find((size) => last / size <= 8) ?? last;
    const round = Array.from({ length: Math.floor(last / step) }, (_, i) => (i + 1) * step);
    return [first, ...round.filter((tick) => tick > first)];
  }

  /** A picture with its caption, which knows its size in CSS pixels and has scales of its own. */
  function chart(name, height) {
    const picture = svg("svg", { role: "img", height });
    const caption = html("figcaption");
    const drawn = picture.appendChild(svg("g"));
    return {
      figure: html("figure", { class: name }, caption, picture),
      picture,
      caption,
      drawn,
      /** Draw the axes anew, and make `x` and `y` from values to pixels, and `from` back. */
      axes(xTicks, yTicks, [x0, x1], [y0, y1], label) {
        const width = Math.max(picture.clientWidth, 200);
        picture.setAttribute("viewBox", `0 0 ${width} ${height}`);
        const { left, top } = MARGIN;
        const right = width - MARGIN.right;
        const bottom = height - MARGIN.bottom;
        const x = (value) => left + ((value - x0) / (x1 - x0 || 1)) * (right - left);
        const y = (value) => bottom - ((value - y0) / (y1 - y0 || 1)) * (bottom - top);
        const axis = svg("g", { class: "ff-axis" });
        for (const [value, text] of yTicks) {
          axis.append(
            svg("line", { x1: left, x2: right, y1: y(value), y2: y(value) }),
            svg("text", { x: left - 8, y: y(value) + 4, "text-anchor": "end" }, text),
          );
        }
        for (const value of xTicks) {
          axis.append(svg("text", { x: x(value), y: bottom + 18, "text-anchor": "middle" }, value));
        }
        const middle = (left + right) / 2;
        axis.append(svg("text", { x: middle, y: height - 5, "text-anchor": "middle" }, label));
        drawn.replaceChildren(axis);
        Object.assign(this, { x, y, left, right, top, bottom });
        this.from = {
          x: (pixel) => x0 + ((pixel - left) / (right - left)) * (x1 - x0),
          y: (pixel) => y0 + ((bottom - pixel) / (bottom - top)) * (y1 - y0),
        };
      },
      /** The pointer's place in the picture's own pixels. */
      at(event) {
        const box = picture.getBoundingClientRect();
        return [event.clientX - box.left, event.clientY - box.top];
      },
      describe(text) {
        picture.setAttribute("aria-label", text);
      },
    };
  }

  return { html, svg, set, path, symbol, mark, count, chart };
})();
