// 故障: plant, see and clear faults of the far systems; and the same as a quick menu of the top bar.

import * as api from "./api.js";
import { button, el } from "./dom.js";
import { QUICK, catalogue, kindName, remaining, systemName } from "./fault-kinds.js";
import { attempt, inform } from "./toast.js";

const told = (fault) => `${systemName(fault.system)}：${kindName(fault.kind)}`;

/** `onCount(n)` hears how many faults stand planted. */
export function createFaultsPanel({ onCount }) {
  const list = el("div.faults", { "aria-label": "已种下的故障" });
  const form = plantForm((fault) => plant(fault));
  const load = async () => {
    const doc = await attempt(api.faults);
    if (!doc) return;
    const found = api.listOf(doc, "faults");
    form.offer(doc.known);
    onCount(found.length);
    list.replaceChildren(...(found.length ? found.map(draw) : [el("p.empty", {}, "没有故障，一切正常。")]));
  };
  const plant = async (fault) => {
    if (!(await attempt(() => api.plant(fault)))) return;
    inform(`已种下 ${told(fault)}`);
    await load();
  };
  const clear = async () => {
    if (!(await attempt(() => api.clearFaults()))) return;
    inform("故障已清除");
    await load();
  };
  const bar = el("div.bar", {}, button(".small", "刷新", load), button(".small", "全部清除", clear));
  return { node: el("div.panel", {}, form.node, bar, list), load, plant, clear };
}

function draw(fault) {
  const args = Object.entries(fault.args ?? {}).map(([name, value]) => `${name}=${value}`);
  const facts = [remaining(fault), fault.fired ? `已发作 ${fault.fired} 次` : "", ...args].filter(Boolean);
  return el("div.fault", {}, el("strong", {}, told(fault)), el("span.dim", {}, facts.join(" · ")));
}

/** The form; `offer(known)` fills in what the server says it understands. */
function plantForm(plant) {
  const system = el("select", { "aria-label": "系统" });
  const kind = el("select", { "aria-label": "故障种类" });
  const meaning = el("div.dim");
  const how = el("select", { "aria-label": "怎样发作" }, options([["count", "次数"], ["rate", "几率 %"]]));
  const amount = el("input", { type: "number", min: "1", value: "1", "aria-label": "次数或几率" });
  const path = el("input", { type: "text", placeholder: "只在含此字样的接口（可空）", "aria-label": "限定接口" });
  let kinds = {};
  const explain = () => {
    meaning.textContent = (kinds[system.value] ?? []).find(([name]) => name === kind.value)?.[2] ?? "";
  };
  const offerKinds = () => {
    kind.replaceChildren(...options(kinds[system.value] ?? []));
    explain();
  };
  const offer = (known) => {
    const fresh = catalogue(known);
    if (JSON.stringify(fresh) === JSON.stringify(kinds)) return;
    kinds = fresh;
    system.replaceChildren(...options(Object.keys(kinds).map((name) => [name, systemName(name)])));
    offerKinds();
  };
  system.addEventListener("change", offerKinds);
  kind.addEventListener("change", explain);
  const submit = () => {
    const value = Number(amount.value);
    const size = how.value === "rate" ? { rate: value / 100 } : { count: value };
    const args = path.value.trim() ? { args: { path: path.value.trim() } } : {};
    return plant({ system: system.value, kind: kind.value, ...size, ...args });
  };
  const rows = [system, kind, meaning, el("div.pair", {}, how, amount), path];
  return { node: el("div.form", {}, rows, button(".small.primary", "种下故障", submit)), offer };
}

const options = (rows) => rows.map(([value, text]) => el("option", { value }, text));

/** The 故障 menu of the top bar: one click plants a common fault. */
export function quickFaults(panel, openPanel) {
  const line = (text, run) => button("", text, run, { role: "menuitem" });
  return [
    ...QUICK.map(([system, kind, count]) =>
      line(`${told({ system, kind })} ×${count}`, () => panel.plant({ system, kind, count })),
    ),
    el("hr"),
    line("全部清除", panel.clear),
    line("更多与列表…", openPanel),
  ];
}
