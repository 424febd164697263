/* On paper: a dark page is printed as the light one, and what is folded is open. */
"use strict";

{
  const page = document.documentElement;
  let theme;
  let folded = [];
  matchMedia("print").addEventListener("change", ({ matches }) => {
    if (matches) {
      theme = page.dataset.theme;
      folded = [...document.querySelectorAll("article details:not([open])")];
    }
    page.dataset.theme = matches ? "light" : theme;
    for (const part of folded) part.open = matches;
  });
}
