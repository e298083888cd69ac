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
    const found = await attempt(() => (shown ? exchangesOf(shown) : api.exchanges({})));
    if (!found) return;
    const rows = shown ? found : found.slice(-LATEST).reverse();
    about.textContent = shown ? `消息 ${shown.id} 的收发，共 ${rows.length} 条` : `最近 ${rows.length} 条`;
    const nothing = shown ? "这条消息没有留下收发记录（沙箱重启后不保留）。" : "还没有收发。";
    const drawn = rows.map((exchange) => draw(exchange, Boolean(shown)));
    list.replaceChildren(...(drawn.length ? drawn : [el("p.empty", {}, nothing)]));
  };
  const showLatest = () => {
    shown = null;
    return load();
  };
  const bar = el("div.bar", {}, button(".small", "刷新", load), button(".small", "看最近的", showLatest));
  return {
    node: el("div.panel", {}, bar, about, list),
    load,
    showMessage: (message) => {
      shown = message;
    },
  };
}

/** Everything that made or changed the message: by the ids it carries, else by its own id. */
async function exchangesOf(message) {
  const ids = new Set(message.exchange_ids ?? []);
  if (!ids.size) return api.exchanges({ message_id: message.id });
  const since = await api.exchanges({ after: Math.min(...ids) - 1 });
  return since.filter((exchange) => ids.has(exchange.id) || exchange.message_id === message.id);
}

function draw(exchange, open) {
  const inward = exchange.direction === "in";
  const good = exchange.status >= 100 && exchange.status < 400;
  const took = `${Math.round((exchange.ms ?? 0) * 10) / 10} ms`;
  const facts = [systemName(exchange.system), withSeconds(exchange.at), took];
  const summary = el(
    "summary",
    {},
    el(`span.way.${inward ? "way-in" : "way-out"}`, {}, inward ? "机器人→平台" : "平台→机器人"),
    el("span.target", { title: exchange.target }, `${exchange.method ?? ""} ${exchange.target ?? ""}`),
    el(good ? "span.good" : "span.bad", {}, exchange.status ? String(exchange.status) : "没有应答"),
    el("span.dim", {}, facts.join(" · ")),
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
