// Shows the buttons that copy, which need a script, and lets them.
for (const button of document.querySelectorAll("[data-copy]")) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(button.dataset.copy);
    document.getElementById(button.dataset.says).textContent = button.dataset.done;
  });
}
