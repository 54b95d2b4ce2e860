// Makes fields of passwords nicer: they are shown at once, and say how long they are and whether Caps Lock is on.
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

// The words change with each key, and are read out once the typing pauses.
for (const meter of document.querySelectorAll("[data-meter]")) {
  const [seen, said] = meter.children;
  const { least, short, enough, long } = meter.dataset;
  let pause;
  document.getElementById(meter.dataset.meter).addEventListener("input", ({ target }) => {
    const count = [...target.value].length;
    const words = count < least ? short.replace("{count}", count) : count < Number(least) + 8 ? enough : long;
    meter.hidden = false;
    seen.textContent = words;
    clearTimeout(pause);
    pause = setTimeout(() => (said.textContent = words), 1000);
  });
}

for (const status of document.querySelectorAll("[data-caps]")) {
  const input = document.getElementById(status.dataset.caps);
  const look = (event) => {
    const words = event.getModifierState?.("CapsLock") ? status.dataset.words : "";
    if (status.textContent !== words) status.textContent = words;
  };
  for (const kind of ["keydown", "keyup", "mousedown"]) input.addEventListener(kind, look);
  input.addEventListener("blur", () => (status.textContent = ""));
}
