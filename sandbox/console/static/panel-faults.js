// 故障: plant, see and clear faults of the far systems; and the same as a quick menu of the top bar.

import * as api from "./api.js";
import { button, el } from "./dom.js";
import { KINDS, QUICK, SYSTEMS, kindName, remaining, systemName } from "./fault-kinds.js";
import { attempt, inform } from "./toast.js";

/** `onCount(n)` hears how many faults stand planted. */
export function createFaultsPanel({ onCount }) {
  const list = el("div.faults", { "aria-label": "已种下的故障" });
  const load = async () => {
    const found = await attempt(api.faults);
    if (!found) return;
    onCount(found.length);
    const empty = el("p.empty", {}, "没有故障，一切正常。");
    list.replaceChildren(...(found.length ? found.map(draw) : [empty]));
  };
  const plant = async (fault) => {
    if (!(await attempt(() => api.plant(fault)))) return;
    inform(`已种下：${systemName(fault.system)} ${kindName(fault.system, fault.kind)}`);
    await load();
  };
  const clear = async (system) => {
    if (!(await attempt(() => api.clearFaults(system)))) return;
    inform("故障已清除");
    await load();
  };
  const node = el(
    "div.panel",
    {},
    plantForm(plant),
    el("div.bar", {}, button(".small", "刷新", load), button(".small", "全部清除", () => clear(undefined))),
    list,
  );
  return { node, load, plant, clear };
}

function draw(fault) {
  const args = Object.entries(fault.args ?? {}).map(([name, value]) => `${name}=${value}`);
  const told = [remaining(fault), fault.fired ? `已发作 ${fault.fired} 次` : "", ...args].filter(Boolean).join(" · ");
  return el(
    "div.fault",
    {},
    el("strong", {}, systemName(fault.system)),
    el("span", {}, kindName(fault.system, fault.kind)),
    el("span.dim", {}, told),
  );
}

function plantForm(plant) {
  const system = el("select", { "aria-label": "系统" }, options(Object.entries(SYSTEMS)));
  const kind = el("select", { "aria-label": "故障种类" });
  const own = el("input", { type: "text", hidden: true, placeholder: "种类的英文名", "aria-label": "其他种类" });
  const how = el("select", { "aria-label": "怎样发作" }, options([["count", "次数"], ["rate", "几率 %"]]));
  const amount = el("input", { type: "number", min: "1", value: "1", "aria-label": "次数或几率" });
  const path = el("input", { type: "text", placeholder: "只在含此字样的接口（可空）", "aria-label": "限定接口" });
  const offer = () => {
    kind.replaceChildren(...options([...(KINDS[system.value] ?? []), ["", "其他…"]]));
    own.hidden = kind.value !== "";
  };
  system.addEventListener("change", offer);
  kind.addEventListener("change", () => {
    own.hidden = kind.value !== "";
  });
  offer();
  const submit = () => {
    const value = Number(amount.value);
    const size = how.value === "rate" ? { rate: value / 100 } : { count: Math.round(value) };
    const args = path.value.trim() ? { args: { path: path.value.trim() } } : {};
    return plant({ system: system.value, kind: kind.value || own.value.trim(), ...size, ...args });
  };
  const rows = [system, kind, own, el("div.pair", {}, how, amount), path];
  return el("div.form", {}, rows, button(".small.primary", "种下故障", submit));
}

const options = (pairs) => pairs.map(([value, text]) => el("option", { value }, text));

/** The 故障 menu of the top bar: one click plants a common fault. */
export function quickFaults(panel, openPanel) {
  const rows = QUICK.map(([system, kind, count]) =>
    button("", `${systemName(system)}：${kindName(system, kind)} ×${count}`, () => panel.plant({ system, kind, count }), {
      role: "menuitem",
    }),
  );
  return [
    ...rows,
    el("hr"),
    button("", "全部清除", () => panel.clear(undefined), { role: "menuitem" }),
    button("", "更多与列表…", openPanel, { role: "menuitem" }),
  ];
}
