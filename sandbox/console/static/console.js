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
  wecom: pane("wecom", "企业微信", (self) => [
    ...commonChips(self),
    { text: "进入应用", title: "像打开应用那样触发 enter_agent", run: () => enter(self) },
  ]),
  dingtalk: pane("dingtalk", "钉钉", commonChips),
};
let typing = panes.wecom; // the window whose input was used last
const people = createPeople(byId("people"), (person) => {
  for (const each of Object.values(panes)) each.setPerson(person);
});

function pane(platform, label, chips) {
  return new ChatPane(byId(platform), {
    platform,
    label,
    chips,
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

function commonChips(self) {
  return [
    { text: "帮助", title: "发送：帮助", run: () => self.say({ text: "帮助" }) },
    { text: "查单", title: "填入：查单", run: (fill) => fill("查单 ") },
  ];
}

function enter(self) {
  return self.say({ text: "", attachments: [{ type: "event", event: "enter_agent" }] });
}

function pickOrder(id) {
  typing.composer.fill(id);
  inform(`已填入${typing.options.label}的输入框`);
}

/** The groups a platform's first app knows, from its credentials. */
function groupsOf(credentials, platform) {
  const app = [credentials?.[platform] ?? []].flat()[0] ?? {};
  const groups = [app.groups ?? app.group ?? []].flat();
  return groups.map((group) =>
    typeof group === "string"
      ? { id: group, name: app.group_name ?? "订单协同群" }
      : { id: group.id ?? group.chat ?? group.cid ?? group.openConversationId, name: group.name ?? "订单协同群" },
  );
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
  if (event.event === "clock") clock.load();
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
  for (const each of Object.values(panes)) each.setGroups(groupsOf(credentials, each.platform));
  people.set(everyone);
  api.listen({ onEvent: take, onOpen: connected, onLost: disconnected });
  await Promise.all([clock.load(), faults.load(), drawer.start("shops")]);
}

start().catch(complain);
