// 店铺: the shops' own orders, and what a buyer does there.

import * as api from "./api.js";
import { button, el } from "./dom.js";
import { dayAndTime } from "./times.js";
import { attempt, inform } from "./toast.js";

const SHOWN = 60; // orders drawn at once; the search finds the others
const REFUNDS = {
  WAIT_SELLER_AGREE: "等卖家同意",
  WAIT_BUYER_RETURN_GOODS: "等买家退货",
  WAIT_SELLER_CONFIRM_GOODS: "等卖家收货",
  SELLER_REFUSE_BUYER: "卖家已拒绝",
  CLOSED: "已关闭",
  SUCCESS: "已退款",
};

/** `onPick(orderId)` puts an order number into the input of the chat in use. */
export function createShopsPanel({ onPick }) {
  const list = el("div.orders");
  const search = el("input.search", { type: "search", placeholder: "订单号、买家、商品、状态", "aria-label": "找订单" });
  let known = [];
  const show = () => {
    if (list.querySelector(".form")) return; // a refund is being filled in: do not pull the form away
    const found = known.filter((order) => JSON.stringify(order).includes(search.value.trim()));
    const drawn = found.slice(0, SHOWN).map((order) => draw(order, { onPick, load }));
    const rest = found.length > SHOWN ? el("p.empty", {}, `还有 ${found.length - SHOWN} 单，请搜索`) : null;
    list.replaceChildren(...(drawn.length ? drawn : [el("p.empty", {}, "没有这样的订单。")]), ...(rest ? [rest] : []));
  };
  const load = async () => {
    known = (await attempt(api.orders)) ?? known;
    show();
  };
  const receive = async () => {
    const made = await attempt(() => api.order({ count: 1 }));
    if (!made) return;
    inform("店铺收到一张新订单");
    await load();
  };
  search.addEventListener("input", show);
  const bar = el("div.bar", {}, search, button(".small", "来一单", receive), button(".small", "刷新", load));
  return { node: el("div.panel", {}, bar, list), load };
}

function draw(order, { onPick, load }) {
  const id = String(order.platform_order_id ?? "");
  const form = el("div");
  const ask = () => form.replaceChildren(...(form.childElementCount ? [] : [refundForm(order, form, load)]));
  const who = [order.shop, order.buyer, order.receiver, order.phone].filter(Boolean).join(" · ");
  const what = [money(order.amount), ...(order.items ?? [])].filter(Boolean).join(" · ");
  return el(
    "div.order",
    { "data-order": id },
    el(
      "div.order-head",
      {},
      button(".order-id", id, () => pick(id, onPick), { title: "复制并填入输入框", "aria-label": `复制订单号 ${id}` }),
      el("span.dim", {}, order.created ? dayAndTime(order.created) : ""),
      el("span.state", {}, order.status_text ?? order.status ?? ""),
    ),
    el("div", {}, what),
    el("div.dim", {}, who),
    order.waybill ? el("div.dim", {}, `运单 ${order.waybill}`) : null,
    order.memo ? el("div.dim", {}, `卖家备注：${order.memo}`) : null,
    order.refund ? el("div.bad", {}, `退款：${refundText(order.refund)}`) : null,
    button(".small", "买家申请退款…", ask, { "aria-label": `买家申请退款 ${id}` }),
    form,
  );
}

function pick(id, onPick) {
  onPick(id);
  navigator.clipboard?.writeText(id).catch(() => inform("浏览器不让复制，订单号已填入输入框"));
}

function refundForm(order, holder, load) {
  const amount = el("input", {
    type: "number", step: "0.01", min: "0", value: yuan(order.amount), "aria-label": "退款金额（元）",
  });
  const reason = el("input", { type: "text", value: "不想要了", "aria-label": "退款原因" });
  const send = async () => {
    const wish = { tid: order.platform_order_id, amount: amount.value, reason: reason.value };
    if (!(await attempt(() => api.buyer(order.platform ?? "taobao", wish)))) return;
    holder.replaceChildren();
    inform("买家已提交退款申请");
    await load();
  };
  return el("div.form", {}, amount, reason, button(".small.primary", "提交申请", send));
}

/** Amounts come in the shop's own yuan text, or in fen where they are whole numbers. */
const yuan = (amount) => (Number.isInteger(amount) ? (amount / 100).toFixed(2) : String(amount ?? ""));
const money = (amount) => (amount === undefined || amount === null || amount === "" ? "" : `¥${yuan(amount)}`);

function refundText(refund) {
  if (typeof refund !== "object") return String(refund);
  const status = REFUNDS[refund.status] ?? refund.status;
  return [status, money(refund.amount), refund.reason].filter(Boolean).join(" · ");
}
