// 原始收发: what really went over the wire for one message, or lately.

import * as api from "./api.js";
import { button, el } from "./dom.js";
import { systemName } from "./fault-kinds.js";
import { withSeconds } from "./times.js";
import { attempt } from "./toast.js";

const LATEST = 50;

export function createRawPanel() {
  const about = el("p.hint");
  const list = el("div.exchanges");
  let shown = null; // the message whose exchanges stand here, null: the newest of all
  const load = async () => {
    const found = await attempt(() => api.exchanges(shown ? { message_id: shown.id } : {}));
    if (!found) return;
    about.textContent = shown ? `消息 ${shown.id} 的收发，共 ${found.length} 条` : `最近 ${Math.min(found.length, LATEST)} 条`;
    const rows = shown ? found : found.slice(-LATEST).reverse();
    const nothing = el("p.empty", {}, shown ? "这条消息没有留下收发记录（沙箱重启后不保留）。" : "还没有收发。");
    list.replaceChildren(...(rows.length ? rows.map((exchange) => draw(exchange, Boolean(shown))) : [nothing]));
  };
  const showLatest = () => {
    shown = null;
    return load();
  };
  const head = el("div.bar", {}, button(".small", "刷新", load), button(".small", "看最近的", showLatest));
  return {
    node: el("div.panel", {}, head, about, list),
    load,
    showMessage: (message) => {
      shown = message;
    },
  };
}

function draw(exchange, open) {
  const inward = exchange.direction === "in";
  const good = exchange.status >= 100 && exchange.status < 400;
  const summary = el(
    "summary",
    {},
    el(`span.way.${inward ? "way-in" : "way-out"}`, {}, inward ? "机器人→平台" : "平台→机器人"),
    el("span.target", { title: exchange.target }, `${exchange.method ?? ""} ${exchange.target ?? ""}`),
    el(good ? "span.good" : "span.bad", {}, String(exchange.status ?? "")),
    el("span.dim", {}, `${systemName(exchange.system)} · ${withSeconds(exchange.at)} · ${Math.round((exchange.ms ?? 0) * 10) / 10} ms`),
  );
  const bodies = [side("请求", exchange.request), side("回答", exchange.response)];
  return el("details.exchange", { open, "data-exchange": exchange.id }, summary, bodies);
}

const side = (name, body) => el("section", {}, el("h4", {}, name), el("pre", {}, pretty(body)));

/** JSON indented (JSON inside JSON strings too, as DingTalk nests it), XML broken at its elements. */
export function pretty(body) {
  if (body === null || body === undefined || body === "") return "（空）";
  if (typeof body !== "string") return JSON.stringify(unfold(body), null, 2);
  const doc = parsed(body);
  if (doc !== undefined) return JSON.stringify(unfold(doc), null, 2);
  return body.trimStart().startsWith("<") ? body.replace(/></g, ">\n<") : body;
}

function parsed(text) {
  if (!/^\s*[[{]/.test(text)) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // not JSON: shown as it stands
  }
}

function unfold(value) {
  if (typeof value === "string") {
    const inner = parsed(value);
    return inner === undefined ? value : unfold(inner);
  }
  if (Array.isArray(value)) return value.map(unfold);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, unfold(item)]));
}
