// The picture field: what is dropped, chosen or pasted goes to /api/picture, which checks it.
const LARGEST = 10e6;
const field = element.querySelector(".dropfield");
const target = field.querySelector(".target");
const input = field.querySelector("input");
const preview = field.querySelector(".preview");
const problem = field.querySelector(".problem");

function show(source) {
  preview.src = source;
  preview.hidden = false;
  target.classList.add("filled");
}

function say(sentence) {
  problem.textContent = sentence;
  field.classList.toggle("wrong", sentence !== "");
}

async function send(file) {
  if (!file) return;
  say("");
  if (file.size > LARGEST) return say("The file is larger than 10 MB: send a smaller one.");
  field.classList.add("busy");
  try {
    const address = new URL("api/picture", document.baseURI);
    const reply = await fetch(address, { method: "POST", body: file });
    const found = await reply.json();
    if (!reply.ok) return say(found.error);
    show(found.shown);
    trigger("upload", { picture: found.picture });
  } catch {
    say("The picture could not be sent: is the server still running?");
  } finally {
    field.classList.remove("busy");
    input.value = "";
  }
}

input.addEventListener("change", () => send(input.files[0]));
for (const kind of ["dragenter", "dragover"]) {
  target.addEventListener(kind, (event) => {
    event.preventDefault();
    target.classList.add("over");
  });
}
for (const kind of ["dragleave", "drop"]) {
  target.addEventListener(kind, () => target.classList.remove("over"));
}
target.addEventListener("drop", (event) => {
  event.preventDefault();
  send(event.dataTransfer.files[0]);
});
document.addEventListener("paste", (event) => send(event.clipboardData?.files[0]));
for (const example of field.querySelectorAll(".example")) {
  example.addEventListener("click", () => {
    say("");
    show(example.querySelector("img").src);
    trigger("upload", { picture: example.dataset.picture });
  });
}
