"use strict";
(() => {
  const id = (name) => document.getElementById(name);
  const frame = id("frame"), stage = id("stage"), split = id("split"), handle = id("handle");
  const white = id("white"), gamma = id("gamma"), shown = id("window");
  document.documentElement.classList.add("js");

  const divide = () => stage.style.setProperty("--split", split.value + "%");
  split.addEventListener("input", divide);

  const follow = (event) => {
    const box = stage.getBoundingClientRect();
    split.value = 100 * (event.clientX - box.left) / box.width;
    divide();
  };
  stage.addEventListener("pointerdown", (event) => {
    const pans = event.pointerType !== "mouse" && frame.dataset.zoom !== "fit" && event.target !== handle;
    if (event.button !== 0 || pans) return;
    event.preventDefault();
    stage.setPointerCapture(event.pointerId);
    follow(event);
  });
  stage.addEventListener("pointermove", (event) => {
    if (stage.hasPointerCapture(event.pointerId)) follow(event);
  });

  for (const choice of document.querySelectorAll("input[name=zoom]")) {
    choice.addEventListener("change", () => {
      frame.dataset.zoom = choice.value;
      frame.scrollLeft = stage.offsetWidth * split.value / 100 - frame.clientWidth / 2;
      frame.scrollTop = (stage.offsetHeight - frame.clientHeight) / 2;
    });
  }

  const round = (value) => value.toLocaleString("en", { maximumSignificantDigits: 4, useGrouping: false });
  const tone = () => {
    const top = white.value / 100, exponent = Number(gamma.value);
    for (const curve of document.querySelectorAll("#tone > feComponentTransfer > *")) {
      curve.setAttribute("amplitude", top ** -exponent);
      curve.setAttribute("exponent", exponent);
    }
    const low = Number(shown.dataset.low), high = low + top * (shown.dataset.high - low);
    shown.textContent = `${round(low)} to ${round(high)}, gamma ${exponent.toFixed(2)}`;
  };
  white.addEventListener("input", tone);
  gamma.addEventListener("input", tone);
  id("contrast").addEventListener("reset", () => setTimeout(tone));
  addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((part) => { part.open = true; }));
  divide();
  tone();
})();
