/* Paper is white: a dark page is printed as the light one. */
"use strict";

{
  const page = document.documentElement;
  let theme;
  matchMedia("print").addEventListener("change", ({ matches }) => {
    if (matches) theme = page.dataset.theme;
    page.dataset.theme = matches ? "light" : theme;
  });
}
