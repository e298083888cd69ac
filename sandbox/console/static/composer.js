// The input under a conversation: Enter sends, Shift+Enter breaks the line, chips say common words.

import { button, el } from "./dom.js";

const MAX_HEIGHT = 132; // px, about six lines; a longer text scrolls inside

/** `onSend(text)` must answer true when the text was taken; else it comes back into the input. */
export function createComposer({ label, onSend, onFocus }) {
  const input = el("textarea", {
    rows: 1,
    "aria-label": `${label}输入框`,
    placeholder: "输入消息，回车发送，Shift+回车换行",
  });
  const fit = () => {
    input.style.height = "auto";
    input.style.height = `${Math.min(input.scrollHeight, MAX_HEIGHT)}px`;
  };
  const fill = (text) => {
    input.value = text;
    fit();
    input.focus();
  };
  const submit = async () => {
    const text = input.value;
    if (text.trim() === "") return;
    input.value = "";
    fit();
    if (!(await onSend(text)) && input.value === "") fill(text);
  };
  input.addEventListener("input", fit);
  input.addEventListener("focus", onFocus);
  input.addEventListener("keydown", (event) => {
    // An Enter that ends a Chinese input-method word must not send.
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    submit();
  });
  const chips = el("div.chips");
  const send = button(".send", "发送", submit, { "aria-label": `${label}发送` });
  return {
    node: el("footer.composer", {}, chips, el("div.entry", {}, input, send)),
    fill,
    text: () => input.value,
    /** `[{text, title, run}, …]` */
    setChips: (all) => {
      chips.replaceChildren(...all.map((chip) => button(".chip", chip.text, chip.run, { title: chip.title })));
    },
  };
}
