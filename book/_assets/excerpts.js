/* Excerpts of what a search has found. Sphinx fetches each page for them, which a browser refuses
   where the site is read from disk; FF_PAGES holds the text of all pages instead, and where in it
   each section begins (book/_ext/excerpts.py). */
"use strict";

{
  const stemmer = new Stemmer();
  const before = 100; // characters shown before the word that is sought, and after it
  const after = 180;

  // Nothing is fetched: what makes the excerpt is given the page's address instead of its HTML.
  const fetchOther = window.fetch;
  window.fetch = (url, ...options) =>
    url in FF_PAGES ? Promise.resolve({ text: () => url }) : fetchOther(url, ...options);

  // A word is found as the index finds it: by its stem, or by a part of that.
  const matching = (stems) => ([word]) => {
    const own = stemmer.stemWord(word.toLowerCase());
    return [...stems].some((stem) => own.includes(stem));
  };
  const words = (text) => [...text.matchAll(/[\p{Letter}\p{Number}_]+/gu)];

  Search.makeSearchSummary = (url, stems, anchor) => {
    const [text, places] = FF_PAGES[url];
    const section = text.slice(places[anchor.slice(1)] ?? 0);
    const at = words(section).find(matching(stems))?.index ?? 0;
    const begin = at > before ? section.indexOf(" ", at - before) + 1 : 0;
    const cut = section.lastIndexOf(" ", at + after);
    const end = at + after < section.length && cut > at ? cut : section.length;
    const excerpt = section.slice(begin, end);

    const summary = document.createElement("p");
    summary.className = "context";
    let shown = 0;
    if (begin) summary.append("… ");
    for (const { 0: word, index } of words(excerpt).filter(matching(stems))) {
      const mark = document.createElement("span");
      mark.className = "highlighted";
      mark.append(word);
      summary.append(excerpt.slice(shown, index), mark);
      shown = index + word.length;
    }
    summary.append(excerpt.slice(shown), end < section.length ? " …" : "");
    return summary;
  };
}
