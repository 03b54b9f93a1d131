// The copy button: all that a page without scripts cannot do.
"use strict";
for (const button of document.querySelectorAll("button[data-copy]")) {
  const text = document.getElementById(button.dataset.copy);
  const label = button.textContent;
  button.hidden = false;
  button.addEventListener("click", async () => {
    let copied = false;
    try {
      await navigator.clipboard.writeText(text.value);
      copied = true;
    } catch {
      // Without https a browser offers only the old way.
      text.focus();
      text.select();
      copied = document.execCommand("copy");
    }
    button.textContent = copied ? "Copied" : "Select it and copy by hand";
    setTimeout(() => { button.textContent = label; }, 3000);
  });
}
