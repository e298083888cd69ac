// The top bar: who holds the phones, what time it is there, and the fault menu.

import * as api from "./api.js";
import { button, el } from "./dom.js";
import { fullTime } from "./times.js";
import { attempt, inform } from "./toast.js";

const STEPS = [["10 分钟", 600], ["1 小时", 3600], ["1 天", 86400]];

/** The person switcher; `onPick(person)` runs for the first person too. */
export function createPeople(root, onPick) {
  const chips = new Map();
  let current = null;
  const pick = (person) => {
    current = person;
    for (const [known, chip] of chips) chip.setAttribute("aria-checked", String(known === person));
    chips.get(person).classList.remove("unread");
    onPick(person);
  };
  const chipOf = (person) =>
    el(
      "button.person",
      {
        type: "button",
        role: "radio",
        "aria-checked": "false",
        "aria-label": `${person.name} ${person.role ?? ""}`.trim(),
        "data-user": person.wecom,
        onclick: () => pick(person),
      },
      el("strong", {}, person.name),
      el("span", {}, person.role ?? ""),
    );
  const set = (people) => {
    chips.clear();
    for (const person of people) chips.set(person, chipOf(person));
    root.replaceChildren(...chips.values());
    if (people.length) pick(people[0]);
  };
  /** Somebody else got a message: a dot on their name. */
  const mark = (platform, user) => {
    for (const [person, chip] of chips) {
      if (person !== current && person[platform] === user) chip.classList.add("unread");
    }
  };
  return { set, mark };
}

/** The sandbox's clock; it ticks on its own between answers unless it is frozen. */
export function createClock(root) {
  const face = el("time.clock-face", { title: "沙箱时间（北京时间）" });
  const state = { offset: 0, frozenAt: null };
  const draw = () => {
    const now = state.frozenAt ?? Date.now() + state.offset;
    face.textContent = fullTime(now) + (state.frozenAt === null ? "" : " 已停住");
  };
  const set = (doc) => {
    const now = new Date(doc.now).getTime();
    if (Number.isNaN(now)) return;
    state.offset = now - Date.now();
    state.frozenAt = doc.frozen ? now : null;
    draw();
  };
  const load = async () => set((await attempt(api.clock)) ?? {});
  const advance = async (name, seconds) => {
    const doc = await attempt(() => api.moveClock({ advance: seconds }));
    if (!doc) return;
    inform(`时间已推进 ${name}`);
    await (doc.now ? set(doc) : load());
  };
  const reset = async () => {
    const doc = await attempt(() => api.moveClock({ reset: true }));
    if (doc) await load();
  };
  const steps = STEPS.map(([name, seconds]) =>
    button(".small", `+${name}`, () => advance(name, seconds), { "aria-label": `推进 ${name}` }),
  );
  const back = button(".small", "复位", reset, { title: "回到真实时间", "aria-label": "时间回到现在" });
  root.replaceChildren(face, ...steps, back);
  setInterval(draw, 1000);
  return { load };
}

/** A button with a sheet of menu lines under it; a click anywhere closes it. */
export function createMenu(root, name, items) {
  const count = el("span.count", { hidden: true });
  const sheet = el("div.sheet", { role: "menu", "aria-label": name, hidden: true }, items);
  const toggle = el("button.small", { type: "button", "aria-haspopup": "menu", "aria-expanded": "false" }, `${name} `, count);
  const turn = (open) => {
    sheet.hidden = !open;
    toggle.setAttribute("aria-expanded", String(open));
  };
  toggle.addEventListener("click", () => turn(sheet.hidden));
  document.addEventListener("click", (event) => {
    if (!toggle.contains(event.target)) turn(false);
  });
  root.replaceChildren(toggle, sheet);
  return {
    setCount: (n) => {
      count.hidden = n === 0;
      count.textContent = String(n);
    },
  };
}
