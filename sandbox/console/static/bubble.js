// One message of a conversation, as a list item that can be drawn again in place.

import { drawDingtalk } from "./card-dingtalk.js";
import { drawWecom } from "./card-wecom.js";
import { button, el, ownImage, webAddress, withLamps } from "./dom.js";
import { DIALECTS, inline, renderMarkdown } from "./markdown.js";
import { dayAndTime, hourMinute } from "./times.js";

const REASONS = {
  file: "企业微信没有写会把文件送给应用，开关 wecom.deliver_files 可以试",
  failed: "机器人没有应答",
  undelivered: "机器人没有连上",
  unaddressed: "群里要 @前哨 它才听得到",
  not_delivered: "机器人收不到这里的消息",
};
const TEXT = { lists: false, images: false, hardBreaks: true };

/**
 * `view` is the conversation as one person sees it: `{platform, user, group, nameOf(id), onRaw(message),
 * onTap(message, action, inputs)}`; `gap` puts a time line above.
 */
export function drawMessage(message, view, gap) {
  const side = message.from === "bot" ? "bot" : message.from === view.user ? "me" : "other";
  const name = message.from === "bot" ? "前哨" : view.nameOf(message.from);
  return el(
    `li.msg.${side}`,
    { "data-id": message.id, "data-seq": message.seq, "data-type": message.type, class: classes(message, side) },
    gap ? el("div.when", {}, dayAndTime(message.at)) : null,
    el("span.avatar", { "aria-hidden": "true" }, side === "bot" ? "哨" : name.slice(0, 1)),
    el(
      `div.stack${message.card ? ".wide" : ""}`,
      {},
      view.group && side !== "me" ? el("span.who", {}, name) : null,
      content(message, view),
      meta(message, view),
    ),
  );
}

const classes = (message, side) => `msg ${side}${message.dropped ? " dropped" : ""}`;

function content(message, view) {
  if (message.card) {
    const draw = view.platform === "wecom" ? drawWecom : drawDingtalk;
    return draw(cardOf(message), (action, inputs) => view.onTap(message, action, inputs));
  }
  if (message.type === "image") return el("div.bubble.media", {}, image(message));
  if (message.type === "file") return el("div.bubble.media", {}, file(message));
  if (message.type === "markdown") {
    const onSay = (_text, url) => view.onTap(message, url, {});
    return el("div.bubble", {}, renderMarkdown(message.text, DIALECTS[view.platform], onSay));
  }
  const links = view.platform === "wecom" && message.from === "bot";
  const words = links ? anchored(message.text) : String(message.text ?? "");
  return el("div.bubble.plain", {}, words, ownImage(message.url) && message.file_name ? image(message) : null);
}

const cardOf = (message) => (message.type === "actioncard" ? { kind: "actioncard", ...message.card } : message.card);

/** WeCom text messages may hold `<a href>`; nothing else in them is markup (wecom.md §4.2). */
function anchored(text) {
  return String(text ?? "")
    .split(/(<a href=["'][^"'\n]+["'][^>\n]*>[^\n]*?<\/a>)/gi)
    .flatMap((part) => (/^<a /i.test(part) ? inline(part, TEXT) : withLamps(part)));
}

function image(message) {
  const own = ownImage(message.url);
  const name = message.file_name || message.text || "图片";
  return own ? el("img", { src: own, alt: name }) : `[图片] ${name}`;
}

function file(message) {
  const name = message.file_name || message.text || message.media_id || "文件";
  const own = ownImage(message.url); // served by this very host, so the browser saves it under its name
  const href = own || webAddress(message.url);
  const leads = { href, download: own ? name : null, target: "_blank", rel: "noopener" };
  return el("span", {}, "文件 ", href ? el("a", leads, name) : name);
}

function meta(message, view) {
  const notes = [
    message.dropped ? el("span.bad", {}, "被平台丢弃，对方看不到") : null,
    undelivered(message),
    message.cut ? el("span.bad", {}, "超长被截断") : null,
    message.recalled ? el("span", {}, "已撤回") : null,
    message.updates ? el("span", {}, `已更新 ${message.updates} 次`) : null,
  ];
  const raw = button(".raw", "原文", () => view.onRaw(message), { title: "看这条消息的原始收发" });
  return el("div.meta", {}, el("time", { datetime: message.at }, hourMinute(message.at)), notes, raw);
}

/** A message of a person which the bot's server did not take. */
function undelivered(message) {
  if (message.delivery === "pending" || message.delivery === "sent") return el("span", {}, "送达中…");
  const known = message.type === "file" && message.delivery === "not_delivered" && !message.chat ? "file" : message.delivery;
  const why = typeof message.undelivered === "string" ? message.undelivered : REASONS[known];
  return message.undelivered || why ? el("span.bad", {}, `未送达${why ? `：${why}` : ""}`) : null;
}
