// Programs find the API where this page is.
const page = new URL("api/caption", document.baseURI);
for (const address of element.querySelectorAll(".address")) address.textContent = page.href;
