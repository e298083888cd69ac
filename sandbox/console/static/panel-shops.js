// 店铺: the shops' own orders, and what a buyer does there.

import * as api from "./api.js";
import { button, el } from "./dom.js";
import { attempt, inform } from "./toast.js";

/** `onPick(orderId)` puts an order number into the input of the chat in use. */
export function createShopsPanel({ onPick }) {
  const list = el("div.orders");
  const load = async () => {
    const found = await attempt(api.orders);
    if (!found) return;
    const empty = el("p.empty", {}, "店里还没有订单。");
    list.replaceChildren(...(found.length ? found.map((order) => draw(order, { onPick, load })) : [empty]));
  };
  const receive = async () => {
    const made = await attempt(() => api.order({ count: 1 }));
    if (!made) return;
    inform("店铺收到一张新订单");
    await load();
  };
  const head = el("div.bar", {}, button(".small", "刷新", load), button(".small", "来一张新订单", receive));
  return { node: el("div.panel", {}, head, list), load };
}

function draw(order, { onPick, load }) {
  const id = String(order.platform_order_id ?? "");
  const pick = () => {
    navigator.clipboard?.writeText(id).catch(() => inform("浏览器不让复制，已填入输入框"));
    onPick(id);
  };
  const refund = refundText(order.refund);
  const form = el("div", { hidden: true });
  const ask = () => {
    form.hidden = !form.hidden;
    if (!form.hidden) form.replaceChildren(refundForm(order, load));
  };
  return el(
    "div.order",
    { "data-order": id },
    el(
      "div.order-head",
      {},
      button(".order-id", id, pick, { title: "复制并填入输入框", "aria-label": `复制订单号 ${id}` }),
      el("span.state", {}, order.status ?? ""),
    ),
    el("div.dim", {}, [order.shop, order.buyer, money(order.amount), order.title].filter(Boolean).join(" · ")),
    refund ? el("div.bad", {}, `退款：${refund}`) : null,
    button(".small", "买家申请退款…", ask, { "aria-label": `买家申请退款 ${id}` }),
    form,
  );
}

function refundForm(order, load) {
  const amount = el("input", { type: "number", step: "0.01", min: "0", value: yuan(order.amount), "aria-label": "退款金额（元）" });
  const reason = el("input", { type: "text", value: "不喜欢/不想要", "aria-label": "退款原因" });
  const send = async () => {
    const refund = { platform_order_id: order.platform_order_id, amount: amount.value, reason: reason.value };
    const made = await attempt(() => api.order({ shop: order.shop, refund }));
    if (!made) return;
    inform("买家已提交退款申请");
    await load();
  };
  return el("div.form", {}, amount, reason, button(".small.primary", "提交申请", send));
}

/** Amounts come as fen (whole numbers) or as the shop's own text in yuan. */
const yuan = (amount) => (Number.isInteger(amount) ? (amount / 100).toFixed(2) : String(amount ?? ""));
const money = (amount) => (amount === undefined || amount === null || amount === "" ? "" : `¥${yuan(amount)}`);

function refundText(refund) {
  if (!refund) return "";
  if (typeof refund !== "object") return String(refund);
  return [refund.status, money(refund.amount), refund.reason].filter(Boolean).join(" · ");
}
