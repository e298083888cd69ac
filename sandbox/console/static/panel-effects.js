// 外部效果: what reached a far system and cannot be taken back.

import * as api from "./api.js";
import { button, el } from "./dom.js";
import { systemName } from "./fault-kinds.js";
import { dayAndTime } from "./times.js";
import { attempt } from "./toast.js";

const LATEST = 200;
const NAMES = {
  refund: "退款",
  ship: "发货",
  shipment: "发货",
  message: "消息",
  sms: "短信",
  group: "建群",
  card: "卡片",
};

export function createEffectsPanel() {
  const list = el("div.effects");
  const everything = el("input", { type: "checkbox", "aria-label": "也看聊天消息" });
  const load = async () => {
    const found = await attempt(api.effects);
    if (!found) return;
    const wanted = found.filter((effect) => everything.checked || effect.kind !== "message");
    const kept = wanted.slice(-LATEST).reverse();
    const empty = el("p.empty", {}, "还没有任何退款、发货之类的效果。");
    list.replaceChildren(...(kept.length ? kept.map(draw) : [empty]));
  };
  const tick = el("label.tick", {}, everything, "也看聊天消息");
  everything.addEventListener("change", load);
  const head = el("div.bar", {}, button(".small", "刷新", load), tick);
  return { node: el("div.panel", {}, head, list), load };
}

function draw(effect) {
  const name = NAMES[effect.kind] ?? effect.kind;
  return el(
    "details.effect",
    { "data-effect": effect.key },
    el(
      "summary",
      {},
      el("strong", {}, name),
      el("span.target", { title: effect.key }, effect.key ?? ""),
      el("span.dim", {}, `${systemName(effect.system)} · ${dayAndTime(effect.at)}`),
    ),
    el("pre", {}, JSON.stringify(effect.details ?? {}, null, 2)),
  );
}
