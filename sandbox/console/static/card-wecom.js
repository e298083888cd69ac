// A WeCom template card as the phone draws it (wecom.md §4.3, §4.4).

import { facts, selection, tapper, warnings } from "./card-parts.js";
import { button, el, ownImage, webAddress, withLamps } from "./dom.js";
import { DIALECTS, link, renderMarkdown } from "./markdown.js";

const STYLES = {
  1: "primary", 2: "normal", 3: "danger", 4: "plain",
  primary: "primary", normal: "normal", danger: "danger", plain: "plain", link: "link",
};
const COLOURS = ["grey", "black", "red", "green"];

/** Draws the card; `onTap(action, inputs, item)` runs when a button, a menu line or 提交 is tapped. */
export function drawWecom(card, onTap = () => undefined) {
  const node = el("article.card.wc", { "data-kind": card.kind, "data-state": card.state ?? "live" });
  const tap = tapper(node, onTap);
  const parts = [
    head(card, tap),
    title(card),
    emphasis(card.emphasis),
    quote(card.quote),
    picture(card.image),
    card.body ? renderMarkdown(card.body, DIALECTS.wecom) : null,
    facts(card.fields, linked),
    (card.select ?? []).map(selection),
    actions(card, tap),
    warnings(card.warnings),
  ];
  node.append(...parts.flat().filter(Boolean));
  return node;
}

const linked = (text, url) => (url ? link(withLamps(text), url) : el("span", {}, withLamps(text)));

function head(card, tap) {
  if (!card.source && !card.menu?.length) return null;
  const colour = COLOURS[card.source_color] ?? card.source_color ?? "grey";
  return el(
    "header.wc-head",
    {},
    el(`span.wc-source.wc-${colour}`, {}, card.source ?? ""),
    card.menu?.length ? menu(card.menu, tap) : null,
  );
}

/** The ··· in the corner; its sheet opens over the card and closes with the next click anywhere. */
function menu(items, tap) {
  const sheet = el("div.wc-sheet", { role: "menu", hidden: true });
  const toggle = button(".wc-more", "···", () => turn(sheet.hidden), {
    "aria-label": "更多操作", "aria-haspopup": "menu", "aria-expanded": "false",
  });
  const outside = (event) => {
    if (!toggle.contains(event.target)) turn(false);
  };
  const turn = (open) => {
    sheet.hidden = !open;
    toggle.setAttribute("aria-expanded", String(open));
    document[open ? "addEventListener" : "removeEventListener"]("click", outside);
  };
  sheet.append(...items.map((item) => button("", item.text, () => tap(item), { role: "menuitem" })));
  return el("div.wc-menu", {}, toggle, sheet);
}

function title(card) {
  return [
    card.title ? el("h3.card-title", {}, withLamps(card.title)) : null,
    card.subtitle ? el("p.card-subtitle", {}, withLamps(card.subtitle)) : null,
  ];
}

function emphasis(value) {
  if (!value) return null;
  const { title: big, desc } = typeof value === "string" ? { title: value } : value;
  return el("div.wc-emphasis", {}, el("strong", {}, withLamps(big)), desc ? el("span", {}, withLamps(desc)) : null);
}

function quote(value) {
  if (!value) return null;
  const { title: heading, text, url } = typeof value === "string" ? { text: value } : value;
  return el(
    "div.wc-quote",
    {},
    heading ? el("strong", {}, linked(heading, url)) : null,
    text ? el("span", {}, withLamps(text)) : null,
  );
}

function picture(url) {
  if (!url) return null;
  const own = ownImage(url);
  return own ? el("img.card-image", { src: own, alt: "卡片配图" }) : el("div.card-image", { title: url }, "[图片]");
}

function actions(card, tap) {
  if (card.replace_text) return el("div.wc-buttons", {}, dead(card.replace_text));
  const submit = typeof card.submit === "string" ? { text: card.submit, action: "submit" } : card.submit;
  const items = [...(card.buttons ?? []), ...(submit ? [{ style: 1, ...submit }] : [])];
  const jumps = items.filter((item) => look(item) === "link");
  const pushes = items.filter((item) => look(item) !== "link");
  const grid = `div.wc-buttons.of-${Math.min(pushes.length, 3)}`;
  return [
    jumps.length ? el("div.wc-jumps", {}, jumps.map((item) => jump(item))) : null,
    pushes.length ? el(grid, {}, pushes.map((item) => push(item, tap))) : null,
  ];
}

const look = (item) => STYLES[item.style] ?? "primary";
const dead = (text) => button(".wc-button.wc-dead", text, () => undefined, { disabled: true });

function jump(item) {
  return el("div.wc-jump", {}, linked(item.text, item.url), el("span.wc-arrow", { "aria-hidden": "true" }, "›"));
}

function push(item, tap) {
  const href = webAddress(item.url);
  const spec = `.wc-button.wc-${look(item)}`;
  if (item.disabled) return dead(item.text);
  if (href) return el(`a${spec}`, { href, target: "_blank", rel: "noopener noreferrer" }, item.text);
  return button(`${spec}${item.pending ? ".pending" : ""}`, item.text, () => tap(item));
}
