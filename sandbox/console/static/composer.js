// The input under a conversation: Enter sends, Shift+Enter breaks the line, chips say common words.

import { button, el } from "./dom.js";

const MAX_HEIGHT = 132; // px, about six lines; a longer text scrolls inside

/**
 * `onSend(text)` must answer true when the text was taken; else it comes back into the input. `onFiles(files)`
 * gets what was chosen, dropped or pasted.
 */
export function createComposer({ label, onSend, onFiles, onFocus }) {
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
  const chooser = el("input", { type: "file", multiple: true, hidden: true, "aria-label": `${label}选择文件` });
  chooser.addEventListener("change", async () => {
    await onFiles([...chooser.files]);
    chooser.value = "";
  });
  const attach = button(".attach", "文件", () => chooser.click(), {
    "aria-label": `${label}发文件`,
    title: "发图片或文件，也可以拖进来或粘贴",
  });
  const node = el("footer.composer", {}, chips, el("div.entry", {}, attach, chooser, input, send));
  const take = (event, transfer) => {
    if (!transfer?.files.length) return;
    event.preventDefault();
    onFiles([...transfer.files]);
  };
  input.addEventListener("paste", (event) => take(event, event.clipboardData));
  node.addEventListener("dragover", (event) => event.preventDefault());
  node.addEventListener("drop", (event) => take(event, event.dataTransfer));
  return {
    node,
    fill,
    text: () => input.value,
    /** `[{text, title, run}, …]` */
    setChips: (all) => {
      chips.replaceChildren(...all.map((chip) => button(".chip", chip.text, chip.run, { title: chip.title })));
    },
  };
}
