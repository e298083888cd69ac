// A DingTalk card: the Markdown-with-buttons template, and the older ActionCard (dingtalk.md §5.3, §6.2).

import { facts, selection, tapper, warnings } from "./card-parts.js";
import { button, el, webAddress, withLamps } from "./dom.js";
import { DIALECTS, link, renderMarkdown } from "./markdown.js";

const STYLES = {
  1: "blue", 2: "gray", 3: "red", 4: "gray",
  blue: "blue", gray: "gray", grey: "gray", red: "red",
  primary: "blue", normal: "gray", plain: "gray", danger: "red",
};

/**
 * Draws the card; `onTap(action, inputs, item)` runs when a button is tapped. In the text of an ActionCard a
 * dtmd link is alive too and comes with its address as the action; in a card's Markdown it is dead (§5.3).
 */
export function drawDingtalk(card, onTap = () => undefined) {
  const plain = card.kind === "actioncard";
  const node = el(`article.card.dt${plain ? ".dt-actioncard" : ""}`, {
    "data-kind": card.kind, "data-state": card.state ?? "live",
  });
  const tap = tapper(node, onTap);
  const say = plain ? (text, url) => tap({ text, url, action: url }) : null;
  const parts = [
    card.source ? el("p.dt-source", {}, card.source) : null,
    card.title ? el("h3.card-title", {}, withLamps(card.title)) : null,
    card.subtitle ? el("p.card-subtitle", {}, withLamps(card.subtitle)) : null,
    card.body ? renderMarkdown(card.body, DIALECTS.dingtalk, say) : null,
    facts(card.fields, (text, url) => (url ? link(withLamps(text), url) : el("span", {}, withLamps(text)))),
    (card.select ?? []).map(selection),
    card.tips ? el("p.dt-tips", {}, withLamps(card.tips)) : null,
    buttons(card, tap),
    card.replace_text ? el("p.dt-final", {}, withLamps(card.replace_text)) : null,
    warnings(card.warnings),
  ];
  node.append(...parts.flat().filter(Boolean));
  return node;
}

function buttons(card, tap) {
  const submit = typeof card.submit === "string" ? { text: card.submit, action: "submit" } : card.submit;
  const items = [...(card.buttons ?? []), ...(card.menu ?? []), ...(submit ? [{ style: "blue", ...submit }] : [])];
  if (!items.length) return null;
  const row = card.row ? ".row" : "";
  return el(`div.dt-buttons.of-${Math.min(items.length, 3)}${row}`, {}, items.map((item) => push(item, tap)));
}

function push(item, tap) {
  const spec = `.dt-button.dt-${STYLES[item.style] ?? "gray"}`;
  const href = webAddress(item.url);
  const leads = { href, target: "_blank", rel: "noopener noreferrer" };
  if (href && !item.disabled) return el(`a${spec}`, leads, item.text);
  return button(spec, item.text, () => tap(item), { disabled: item.disabled });
}
