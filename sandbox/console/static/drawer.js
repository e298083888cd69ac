// The right column: tabs over the world around the chats. Collapsible; over the page when it is narrow.

import { button, el } from "./dom.js";

const ROOMY = 1280; // px of page width from which the drawer starts open

/** `tabs` is `[[id, name, panel], …]`; a panel has `node` and `load()`. */
export function createDrawer(root, tabs, onToggle) {
  const body = el("div.drawer-body");
  const buttons = new Map(
    tabs.map(([id, name]) => [id, button(".tab", name, () => show(id), { role: "tab", "aria-selected": "false" })]),
  );
  const panels = new Map(tabs.map(([id, , panel]) => [id, panel]));
  let current = "";
  const isOpen = () => !root.hidden;
  const turn = (open) => {
    root.hidden = !open;
    onToggle(open);
  };
  const show = (id) => {
    current = id;
    turn(true);
    for (const [name, tab] of buttons) tab.setAttribute("aria-selected", String(name === id));
    body.replaceChildren(panels.get(id).node);
    return panels.get(id).load();
  };
  const close = button(".close", "×", () => turn(false), { "aria-label": "收起侧栏", title: "收起侧栏" });
  const strip = el("div.tabs", { role: "tablist", "aria-label": "侧栏" }, [...buttons.values()]);
  root.replaceChildren(el("header.drawer-head", {}, strip, close), body);
  return {
    show,
    toggle: () => (isOpen() ? turn(false) : show(current || tabs[0][0])),
    /** Reads the named tab again if it is the one on view. */
    renew: (id) => (isOpen() && current === id ? panels.get(id).load() : undefined),
    start: (id) => (window.innerWidth >= ROOMY ? show(id) : turn(false)),
  };
}
