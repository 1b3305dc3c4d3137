"use strict";
// Pointing at a word of a card, focusing or pressing it shows what the model looked at for it.
(() => {
  const PARTS = ["the picture", "the user's words", "words written before"];
  const numbers = (text) => (text ? text.split(" ").map(Number) : []);
  const percent = (share) => `${Math.round(100 * share)}%`;
  const means = new WeakMap(); // the card as it came, over all words

  function rows(card) {
    const why = card.querySelector(".why");
    return {
      parts: [...why.querySelectorAll(".shares li")],
      user: [...why.querySelectorAll(".chips.user li")],
      written: [...why.querySelectorAll(".chips.written li")],
      now: why.querySelector(".now"),
      live: why.querySelector(".live"),
    };
  }

  function remember(card) {
    if (means.has(card)) return means.get(card);
    const found = rows(card);
    const of = (items) => items.map((item) => item.style.getPropertyValue("--w") ||
      item.querySelector("i").style.getPropertyValue("--w"));
    const kept = { now: found.now.textContent, parts: of(found.parts), user: of(found.user), written: of(found.written) };
    means.set(card, kept);
    return kept;
  }

  function fill(card, parts, user, written, now) {
    const found = rows(card);
    found.parts.forEach((item, place) => {
      item.querySelector("i").style.setProperty("--w", parts[place]);
      item.querySelector("em").textContent = percent(parts[place]);
    });
    found.user.forEach((item, place) => item.style.setProperty("--w", user[place]));
    found.written.forEach((item, place) => item.style.setProperty("--w", written[place]));
    found.now.textContent = now;
  }

  function strongest(items, weights) {
    const order = weights.map((w, place) => [w, place]).filter(([w]) => w >= 0.05);
    order.sort((one, other) => other[0] - one[0]);
    return order.slice(0, 3).map(([w, place]) => `${items[place].textContent} ${percent(w)}`);
  }

  function show(card, word) {
    if (!card.querySelector(".why")) return;
    const kept = remember(card);
    const veil = card.querySelector(".veil");
    card.querySelectorAll(".word").forEach((one) => one.classList.toggle("shown", one === word));
    veil.hidden = !word?.dataset.veil;
    const found = rows(card);
    if (!word) {
      fill(card, kept.parts, kept.user, kept.written, kept.now);
      found.live.textContent = "";
      return;
    }
    if (word.dataset.veil) veil.src = word.dataset.veil;
    const all = numbers(word.dataset.parts);
    const parts = found.parts.map((item) => all[Number(item.dataset.part)]);
    const [user, written] = [numbers(word.dataset.user), numbers(word.dataset.written)];
    fill(card, parts, user.map(Math.sqrt), written.map(Math.sqrt), `for “${word.textContent}”`);
    const said = found.parts.map((item, place) =>
      `${PARTS[Number(item.dataset.part)]} ${percent(parts[place])}`);
    const words = [...strongest(found.user, user), ...strongest(found.written, written)];
    found.live.textContent = [word.textContent, ...said, ...words].join(", ");
  }

  // On a phone the cards are below the form.
  window.showAnswer = () => {
    const answer = document.querySelector("#answer");
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    if (answer.getBoundingClientRect().top > 0.7 * innerHeight)
      answer.scrollIntoView({ behavior: calm ? "auto" : "smooth" });
  };

  const wordOf = (event) => event.target.closest?.(".card .word");
  const cardOf = (word) => word.closest(".card");
  const pressed = (card) => card.querySelector('.word[aria-pressed="true"]');

  document.addEventListener("pointerover", (event) => {
    const word = wordOf(event);
    if (word && event.pointerType !== "touch") show(cardOf(word), word);
  });
  document.addEventListener("pointerout", (event) => {
    const word = wordOf(event);
    if (word && event.pointerType !== "touch") show(cardOf(word), pressed(cardOf(word)));
  });
  document.addEventListener("focusin", (event) => {
    const word = wordOf(event);
    if (word) show(cardOf(word), word);
  });
  document.addEventListener("focusout", (event) => {
    const word = wordOf(event);
    if (word) show(cardOf(word), pressed(cardOf(word)));
  });
  document.addEventListener("click", (event) => {
    const word = wordOf(event);
    if (!word) return;
    const card = cardOf(word);
    const on = word.getAttribute("aria-pressed") !== "true";
    pressed(card)?.setAttribute("aria-pressed", "false");
    word.setAttribute("aria-pressed", String(on));
    show(card, on ? word : null);
  });
})();
