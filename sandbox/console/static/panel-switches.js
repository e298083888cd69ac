// 开关: what the reference leaves open or lets one turn; the default is the reference's own.

import * as api from "./api.js";
import { button, el } from "./dom.js";
import { attempt, inform } from "./toast.js";

export function createSwitchesPanel() {
  const list = el("div.switches");
  const load = async () => {
    const doc = await attempt(api.switches);
    if (!doc) return;
    const rows = rowsOf(doc);
    const empty = el("p.empty", {}, "没有可调的开关。");
    list.replaceChildren(...(rows.length ? rows.map((row) => draw(row, load)) : [empty]));
  };
  return { node: el("div.panel", {}, el("div.bar", {}, button(".small", "刷新", load)), list), load };
}

/** `{name: {value, default, meaning}}`, or the same as a list with `name`. */
function rowsOf(doc) {
  const body = doc.switches ?? doc;
  if (Array.isArray(body)) return body;
  return Object.entries(body).map(([name, row]) => ({ name, ...(typeof row === "object" ? row : { value: row }) }));
}

function draw(row, load) {
  const value = String(row.value ?? row.default ?? "");
  const input = el("input", { type: "text", value, "aria-label": row.name, spellcheck: "false" });
  const change = async () => {
    if (!(await attempt(() => api.turn({ [row.name]: input.value.trim() || null })))) return;
    inform(input.value.trim() ? `${row.name} = ${input.value.trim()}` : `${row.name} 回到默认`);
    await load();
  };
  input.addEventListener("change", change);
  const changed = row.default !== undefined && value !== String(row.default);
  return el(
    `label.switch${changed ? ".changed" : ""}`,
    {},
    el("code", {}, row.name),
    input,
    el("span.dim", {}, [row.meaning, changed ? `默认 ${row.default || "空"}` : ""].filter(Boolean).join("；")),
  );
}
