"use strict";
(() => {
  const main = document.querySelector("main");
  const blanks = [...main.querySelectorAll("input[data-blank]")];
  const [status, copied] = ["[data-status]", "textarea"].map((selector) => main.querySelector(selector));
  const name = () => main.querySelector("input[data-name]").value.trim();
  const looksLikeANumber = (text) => /^[\w+\-\u2212*/().\s]*$/.test(text) && /\d|\bpi\b|\be\b/.test(text);

  const look = () => {
    const wrong = [];
    let filled = 0;
    for (const blank of blanks) {
      const text = blank.value.trim();
      const bad = text !== "" && !looksLikeANumber(text);
      blank.setAttribute("aria-invalid", String(bad));
      if (bad) wrong.push(blank.dataset.blank);
      else if (text !== "") filled += 1;
    }
    const hint = wrong.length ? ` Not a number: ${wrong.join(", ")}; write for example -0.5, with a point, or 1/3.` : "";
    status.textContent = `${filled} of ${blanks.length} filled in.${hint}`;
  };

  const save = () => {
    const answers = Object.fromEntries(blanks.map((blank) => [blank.dataset.blank, blank.value.trim()]));
    const text = JSON.stringify({ sheet: main.dataset.sheet, name: name(), answers }, null, 1);
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type: "application/json" }));
    link.download = `answers-${main.dataset.sheet}.json`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  };

  const copy = () => {
    const lines = blanks.map((blank) => `${blank.dataset.blank} = ${blank.value.trim()}`);
    copied.value = [`sheet = ${main.dataset.sheet}`, `name = ${name()}`, ...lines, ""].join("\n");
    copied.hidden = false;
    copied.focus();
    copied.select();
    const done = (how) => { status.textContent = `Your answers are below${how}.`; };
    const clipboard = navigator.clipboard;
    const other = () => done(" and selected: copy them");
    if (clipboard) clipboard.writeText(copied.value).then(() => done(" and copied"), other);
    else other();
  };

  blanks.forEach((blank, index) => {
    blank.addEventListener("input", look);
    blank.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && index + 1 < blanks.length) blanks[index + 1].focus();
    });
  });
  main.querySelector("[data-save]").addEventListener("click", save);
  main.querySelector("[data-copy]").addEventListener("click", copy);
  look();
})();
