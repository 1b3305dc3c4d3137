"use strict";
const { study, page, images, questions } = JSON.parse(byId("data").textContent);
const KEPT = `user-study ${study} ${page}`;
const PAUSE = 220; // ms in which a chosen text can be seen before the next question comes
const answers = recall();
// -1 is the introduction, the number of questions is the end.
let at = Object.keys(answers).length ? firstOpen() : -1;
let moving = 0;

function byId(id) { return document.getElementById(id); }
function answered() { return questions.filter((q) => answers[q.id]).length; }

function firstOpen() {
  const open = questions.findIndex((q) => !answers[q.id]);
  return open < 0 ? questions.length : open;
}

/* The answers of an earlier visit: id of a question to "1" or "2". */
function recall() {
  try {
    const kept = JSON.parse(localStorage.getItem(KEPT)) || {};
    const valid = questions.filter((q) => ["1", "2"].includes(kept[q.id]));
    return Object.fromEntries(valid.map((q) => [q.id, kept[q.id]]));
  } catch {
    return {};
  }
}

function keep() {
  try {
    localStorage.setItem(KEPT, JSON.stringify(answers));
  } catch {
    say("This browser keeps no answers: save them before you close the page.");
  }
}

function say(text) { byId("notice").textContent = text; }

/* Writes a text and hashtags into an element, as text: people's words are never HTML. */
function write(element, { text, tags }) {
  element.replaceChildren();
  element.dir = "auto"; // Arabic and Hebrew run from the right
  if (text) element.append(text);
  if (tags.length) element.append(text ? " " : "", hashtags(tags));
  if (!text && !tags.length) {
    const none = document.createElement("span");
    none.className = "none";
    none.textContent = "(nothing)";
    element.append(none);
  }
}

function hashtags(tags) {
  const all = document.createElement("span");
  all.className = "tags";
  for (const tag of tags) {
    const one = document.createElement("bdi");
    one.textContent = `#${tag}`;
    all.append(all.childNodes.length ? " " : "", one);
  }
  return all;
}

function clue({ image, ...said }) {
  const card = document.createElement("div");
  const picture = document.createElement("img");
  const text = document.createElement("div");
  card.className = "clue";
  picture.src = images[image];
  picture.alt = "";
  text.className = "said";
  write(text, said);
  card.append(picture, text);
  return card;
}

function showQuestion(question) {
  byId("picture").src = images[question.image];
  document.querySelectorAll("label .said").forEach((e, i) => write(e, question.texts[i]));
  document.querySelectorAll("label input").forEach((input) => {
    input.checked = answers[question.id] === input.value;
  });
  showRated(question);
  byId("clues").replaceChildren(...question.clues.map(clue));
  byId("clue_title").textContent = question.clues.length
    ? "Other posts of this person" : "There are no other posts of this person";
}

/* What a question by yes or no is about; the others compare two texts beside a person's posts. */
function showRated({ ask, shown }) {
  byId("question").classList.toggle("rating", Boolean(shown));
  byId("shown").hidden = !shown;
  document.querySelector("aside").hidden = Boolean(shown);
  if (!shown) return;
  byId("ask").textContent = ask;
  write(byId("shown_tags"), { text: "", tags: shown.tags });
  write(byId("shown_story"), { text: shown.text, tags: [] });
}

function showEnd() {
  const open = questions.length - answered();
  byId("end_title").textContent = open ? "Not quite done" : "Thank you, that was the last one";
  byId("end_text").textContent = open
    ? `${open} of ${questions.length} questions have no answer yet. You can save and go on later.`
    : "Please save your answers and send the saved file to the person who gave you this page.";
  byId("open").hidden = !open;
  byId("finish").classList.toggle("main", !open);
}

function show() {
  const inside = at >= 0 && at < questions.length;
  byId("intro").hidden = at >= 0;
  byId("question").hidden = !inside;
  byId("end").hidden = at < questions.length;
  byId("place").textContent = inside ? `Question ${at + 1} of ${questions.length}` : "";
  byId("count").textContent = `${answered()} answered`;
  byId("bar").style.width = `${(100 * answered()) / questions.length}%`;
  byId("save").disabled = !answered();
  byId("next").textContent = at === questions.length - 1 ? "End →" : "Next →";
  if (inside) showQuestion(questions[at]);
  if (at === questions.length) showEnd();
}

function go(place) {
  clearTimeout(moving);
  moving = 0;
  at = Math.min(Math.max(place, -1), questions.length);
  document.activeElement?.blur(); // or a held radio button would take the keys of the next question
  say("");
  show();
  scrollTo(0, 0);
}

/* Within the pause another choice replaces the answer, and the pause begins anew. */
function choose(value, move) {
  if (at < 0 || at >= questions.length) return;
  answers[questions[at].id] = value;
  show();
  keep();
  if (!move && !moving) return;
  clearTimeout(moving);
  moving = setTimeout(() => go(at + 1), PAUSE);
}

/* A checksum by which an edited file is noticed. */
function crc32(text) {
  let crc = -1;
  for (const byte of new TextEncoder().encode(text)) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ((crc ^ -1) >>> 0).toString(16).padStart(8, "0");
}

/* The saved file; scripts/user_study/answers.py reads it. */
function saved() {
  const given = questions.filter((q) => answers[q.id]).map((q) => [q.id, answers[q.id]]);
  const time = new Date().toISOString();
  const lines = [study, page, time, ...given.map((pair) => pair.join(" "))];
  return { study, page, saved: time, answers: Object.fromEntries(given), crc32: crc32(lines.join("\n")) };
}

function save() {
  const file = new Blob([JSON.stringify(saved(), null, 1)], { type: "application/json" });
  const link = document.createElement("a");
  link.href = URL.createObjectURL(file);
  link.download = `answers-${study}-${page}.json`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  say(`Saved ${answered()} of ${questions.length} answers as ${link.download}.`);
}

document.querySelectorAll("label input").forEach((input) => {
  // A click of the mouse or a finger goes on; the keyboard's, by which one looks around, does not.
  input.addEventListener("click", (event) => choose(input.value, event.detail > 0));
});
byId("texts").addEventListener("click", (event) => {
  // A label passes its click on to its radio button as one without detail.
  const input = event.target.closest("label")?.querySelector("input");
  if (input && event.target !== input) {
    event.preventDefault();
    choose(input.value, true);
  }
});
addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || event.repeat) return;
  const keys = {
    1: () => choose("1", true),
    2: () => choose("2", true),
    ArrowLeft: () => go(at - 1),
    ArrowRight: () => go(at + 1),
  };
  if (!keys[event.key]) return;
  event.preventDefault();
  keys[event.key]();
});
for (const id of ["start", "next"]) byId(id).addEventListener("click", () => go(at + 1));
for (const id of ["back", "review"]) byId(id).addEventListener("click", () => go(at - 1));
for (const id of ["save", "finish"]) byId(id).addEventListener("click", save);
byId("open").addEventListener("click", () => go(firstOpen()));
show();
