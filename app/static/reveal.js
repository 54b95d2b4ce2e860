// Turns the link that shows a typed password into a button that does so at once.
for (const link of document.querySelectorAll("[data-reveals]")) {
  const input = document.getElementById(link.dataset.reveals);
  const button = document.createElement("button");
  button.type = "button";
  button.className = link.className;
  button.append(...link.childNodes);
  button.setAttribute("aria-pressed", String(input.type === "text"));
  button.setAttribute("aria-controls", input.id);
  button.addEventListener("click", () => {
    const shown = input.type === "password";
    input.type = shown ? "text" : "password";
    button.setAttribute("aria-pressed", String(shown));
  });
  input.form.addEventListener("submit", () => (input.type = "password"));
  link.replaceWith(button);
}
