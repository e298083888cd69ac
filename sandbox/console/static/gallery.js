// Draws every card of /console/gallery.json with the same functions the chat panes use.

import { drawDingtalk } from "./card-dingtalk.js";
import { drawWecom } from "./card-wecom.js";
import { el } from "./dom.js";

const answer = await fetch("/console/gallery.json");
const main = document.getElementById("cards");
if (answer.ok) {
  main.append(...(await answer.json()).map(row));
} else {
  main.append(el("p", {}, `卡片没有取到（${answer.status}）：陈列页只在 make demo 里有。`));
}

function row({ name, wecom, dingtalk }) {
  const title = el("h2", {}, name);
  return el("section.gallery-row", { "data-name": name }, title, drawWecom(wecom), drawDingtalk(dingtalk));
}
