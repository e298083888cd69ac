// The console: one person's two phones, live, with the world around them in the drawer.

import * as api from "./api.js";
import { ChatPane } from "./chat.js";
import { createDrawer } from "./drawer.js";
import { createEffectsPanel } from "./panel-effects.js";
import { createFaultsPanel, quickFaults } from "./panel-faults.js";
import { createRawPanel } from "./panel-raw.js";
import { createShopsPanel } from "./panel-shops.js";
import { createSwitchesPanel } from "./panel-switches.js";
import { complain, inform } from "./toast.js";
import { createClock, createMenu, createPeople } from "./topbar.js";

const SEED_GROUP = "订单协同群"; // the group every sandbox starts with
const SETTLED = 250; // ms without events before the drawer reads again
const byId = (id) => document.getElementById(id);

const names = new Map(); // "wecom/linxiaoman" -> 林小满
const raw = createRawPanel();
const shops = createShopsPanel({ onPick: (id) => pickOrder(id) });
const effects = createEffectsPanel();
const faults = createFaultsPanel({ onCount: (n) => faultMenu.setCount(n) });
const switches = createSwitchesPanel();
const tabs = [
  ["raw", "原始收发", raw],
  ["shops", "店铺", shops],
  ["effects", "外部效果", effects],
  ["faults", "故障", faults],
  ["switches", "开关", switches],
];
const drawer = createDrawer(byId("drawer"), tabs, (open) => {
  byId("drawer-toggle").setAttribute("aria-expanded", String(open));
});
const faultMenu = createMenu(byId("fault-menu"), "故障", quickFaults(faults, () => drawer.show("faults")));
const clock = createClock(byId("clock"));
const panes = {
  wecom: pane("wecom", "企业微信"),
  dingtalk: pane("dingtalk", "钉钉"),
};
let typing = panes.wecom; // the window whose input was used last
const people = createPeople(byId("people"), (person) => {
  for (const each of Object.values(panes)) each.setPerson(person);
});

function pane(platform, label) {
  return new ChatPane(byId(platform), {
    platform,
    label,
    nameOf: (id) => names.get(`${platform}/${id}`) ?? id,
    onRaw: (message) => {
      raw.showMessage(message);
      drawer.show("raw");
    },
    onFocus: (self) => {
      typing = self;
    },
  });
}

function pickOrder(id) {
  typing.composer.fill(id);
  inform(`已填入${typing.options.label}的输入框`);
}

/** A platform's first app is the one people talk to; its group stands beside the one-to-one chat. */
function introduce(each, credentials) {
  const app = [credentials[each.platform] ?? []].flat()[0];
  each.setApp(app, app?.group ? [{ id: app.group, name: app.group_name ?? SEED_GROUP }] : []);
}

let later = null;
function renewDrawer() {
  clearTimeout(later);
  later = setTimeout(() => {
    for (const id of ["shops", "effects", "faults"]) drawer.renew(id);
  }, SETTLED);
}

function take(event) {
  if (event.event === "message" && panes[event.platform]) {
    panes[event.platform].take(event);
    if (event.user && !event.chat) people.mark(event.platform, event.user);
  }
  if (event.event === "chat") panes[event.platform]?.readGroups();
  if (event.event === "clock") clock.load();
  if (event.event === "warning") complain(new api.ApiError(event.text ?? "沙箱有一条警告", 0));
  renewDrawer();
}

let lost = false;
function connected() {
  byId("link").textContent = "已连接";
  byId("link").className = "link on";
  if (!lost) return;
  lost = false;
  for (const each of Object.values(panes)) each.refresh();
  clock.load();
  renewDrawer();
}

function disconnected() {
  lost = true;
  byId("link").textContent = "已断开，正在重连…";
  byId("link").className = "link off";
}

async function start() {
  byId("drawer-toggle").addEventListener("click", () => drawer.toggle());
  const [everyone, credentials] = await Promise.all([api.people(), api.credentials()]);
  for (const person of everyone) {
    names.set(`wecom/${person.wecom}`, person.name);
    names.set(`dingtalk/${person.dingtalk}`, person.name);
  }
  for (const each of Object.values(panes)) introduce(each, credentials);
  people.set(everyone);
  api.listen({ onEvent: take, onOpen: connected, onLost: disconnected });
  await Promise.all([clock.load(), faults.load(), drawer.start("shops")]);
}

start().catch(complain);
