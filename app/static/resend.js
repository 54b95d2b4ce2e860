// Has the button that asks for another mail wait a little, and say for how long. Nothing reads out each second.
for (const button of document.querySelectorAll("[data-wait]")) {
  const until = Date.now() + button.dataset.wait * 1000;
  const left = button.querySelector("span");
  const tick = () => {
    const seconds = Math.ceil((until - Date.now()) / 1000);
    const waits = seconds > 0;
    left.textContent = waits ? ` (${seconds})` : "";
    button.setAttribute("aria-disabled", String(waits));
    if (waits) setTimeout(tick, 1000);
  };
  button.addEventListener("click", (event) => {
    if (button.getAttribute("aria-disabled") === "true") event.preventDefault();
  });
  tick();
}
