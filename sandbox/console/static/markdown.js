// The small Markdown both clients draw, as DOM nodes (wecom.md §4.2, dingtalk.md §5.3).

import { button, el, ownImage, saidByLink, webAddress, withLamps } from "./dom.js";

const INLINE = new RegExp(
  [
    "`([^`\\n]+)`",
    "!\\[([^\\]\\n]*)\\]\\(([^)\\s]+)\\)",
    "\\[([^\\]\\n]+)\\]\\(([^)\\s]+)\\)",
    "\\*\\*(?![\\s*])([^\\n]+?)(?<!\\s)\\*\\*(?!\\*)",
    "<font color=[\"']?(#?\\w+)[\"']?>([^\\n]*?)</font>",
    "<a href=[\"']([^\"'\\n]+)[\"'][^>\\n]*>([^\\n]*?)</a>",
    "<br\\s*/?>",
  ].join("|"),
  "gi",
);
const WORDS = { info: "md-info", comment: "md-comment", warning: "md-warning" };

/**
 * What each client draws: WeCom keeps every line break and knows no lists or images; DingTalk joins lines
 * unless two spaces or an empty line part them. `onSay(text, url)` runs when a dtmd link is tapped.
 */
export const DIALECTS = {
  wecom: { lists: false, images: false, hardBreaks: true },
  dingtalk: { lists: true, images: true, hardBreaks: false },
};

/** A `div.md` with the drawn text. */
export function renderMarkdown(text, dialect = DIALECTS.dingtalk, onSay = null) {
  const root = el("div.md");
  const how = { ...dialect, onSay };
  const lines = String(text ?? "").replace(/\r\n?/g, "\n").split("\n");
  for (let at = 0; at < lines.length; ) at = block(root, lines, at, how);
  return root;
}

/** Draws the block that starts at line `at`; answers the line after it. */
function block(root, lines, at, how) {
  const heading = /^(#{1,6})\s+(.*)$/.exec(lines[at]);
  if (heading) {
    root.append(el(`h${heading[1].length}`, {}, inline(heading[2], how)));
    return at + 1;
  }
  if (lines[at].trim() === "") return at + 1;
  if (/^\s*(-{3,}|\*{3,})\s*$/.test(lines[at])) {
    root.append(el("hr"));
    return at + 1;
  }
  if (/^\s*>/.test(lines[at])) return quote(root, lines, at, how);
  if (how.lists && itemOf(lines[at])) return list(root, lines, at, how);
  return paragraph(root, lines, at, how);
}

function run(lines, at, belongs) {
  let end = at;
  while (end < lines.length && belongs(lines[end], end)) end += 1;
  return end;
}

function quote(root, lines, at, how) {
  const end = run(lines, at, (line) => /^\s*>/.test(line));
  const inner = lines.slice(at, end).map((line) => line.replace(/^\s*>\s?/, ""));
  const node = el("blockquote");
  for (let from = 0; from < inner.length; ) from = paragraphOrGap(node, inner, from, how);
  root.append(node);
  return end;
}

function paragraphOrGap(node, lines, at, how) {
  return lines[at].trim() === "" ? at + 1 : paragraph(node, lines, at, how);
}

const itemOf = (line) => /^\s*(?:([-*+])|(\d+)[.)])\s+(.*)$/.exec(line);

function list(root, lines, at, how) {
  const ordered = Boolean(itemOf(lines[at])[2]);
  const end = run(lines, at, (line) => itemOf(line) && Boolean(itemOf(line)[2]) === ordered);
  const items = lines.slice(at, end).map((line) => el("li", {}, inline(itemOf(line)[3], how)));
  root.append(el(ordered ? "ol" : "ul", ordered ? { start: itemOf(lines[at])[2] } : {}, items));
  return end;
}

function paragraph(root, lines, at, how) {
  const starts = (line) => /^(#{1,6}\s|\s*>)/.test(line) || (how.lists && itemOf(line));
  const end = run(lines, at, (line, n) => line.trim() !== "" && (n === at || !starts(line)));
  const node = el("p");
  lines.slice(at, end).forEach((line, n, all) => {
    node.append(...inline(line.trimEnd(), how));
    if (n < all.length - 1) node.append(how.hardBreaks || line.endsWith("  ") ? el("br") : " ");
  });
  root.append(node);
  return end;
}

/** The nodes of one line of text. */
export function inline(text, how) {
  const nodes = [];
  let from = 0;
  for (const match of text.matchAll(INLINE)) {
    nodes.push(...withLamps(text.slice(from, match.index)), span(match, how));
    from = match.index + match[0].length;
  }
  nodes.push(...withLamps(text.slice(from)));
  return nodes;
}

function span(match, how) {
  const [whole, code, alt, image, label, target, bold, colour, coloured, href, anchor] = match;
  if (code !== undefined) return el("code", {}, code);
  if (image !== undefined) return picture(whole, alt, image, how);
  if (target !== undefined) return link(inline(label, how), target, how);
  if (bold !== undefined) return el("strong", {}, inline(bold, how));
  if (colour !== undefined) return tinted(colour, inline(coloured, how));
  if (href !== undefined) return link(inline(anchor, how), href, how);
  return el("br");
}

function picture(whole, alt, url, how) {
  if (!how.images) return document.createTextNode(whole);
  const own = ownImage(url);
  return own ? el("img", { src: own, alt }) : el("span.md-image", { title: url }, `[图片${alt ? ` ${alt}` : ""}]`);
}

function tinted(colour, children) {
  const known = WORDS[colour.toLowerCase()];
  const node = el(known ? `span.${known}` : "span", {}, children);
  if (!known) node.style.color = colour; // an invalid colour is ignored by the browser
  return node;
}

/** A web link, a "say this" link, or (any other address) plain text that shows where it would lead. */
export function link(children, url, how = {}) {
  const said = saidByLink(url);
  if (said && how.onSay) {
    return button(".md-say", "", () => how.onSay(said, url), { title: `发送：${said}` }, children);
  }
  const href = webAddress(url);
  if (!href) return el("span.md-dead", { title: url }, children);
  return el("a", { href, target: "_blank", rel: "noopener noreferrer" }, children);
}
