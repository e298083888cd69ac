// What both platforms' cards are made of: selections, busy state, and the notes of the sandbox.

import { el } from "./dom.js";

/** A selection: a drop-down for one answer, check boxes for several. */
export function selection(question) {
  const chosen = new Set([question.selected ?? []].flat());
  return question.multiple ? boxes(question, chosen) : dropDown(question, chosen);
}

function dropDown(question, chosen) {
  const options = (question.options ?? []).map((option) =>
    el("option", { value: option.id, selected: chosen.has(option.id) }, option.text),
  );
  const props = { "data-key": question.key, "aria-label": question.title || question.key, disabled: question.disabled };
  return el("label.selection", {}, el("span", {}, question.title ?? ""), el("select", props, options));
}

function boxes(question, chosen) {
  const rows = (question.options ?? []).map((option) =>
    el(
      "label.tick",
      {},
      el("input", {
        type: "checkbox",
        value: option.id,
        checked: chosen.has(option.id),
        disabled: question.disabled,
      }),
      option.text,
    ),
  );
  const props = { "data-key": question.key, "data-multiple": "1", "aria-label": question.title || "选择" };
  return el("fieldset.ticks", props, question.title ? el("legend", {}, question.title) : null, rows);
}

/** What stands chosen on the card now: `{question key: option id}`, or a list of ids where several may be. */
export function readInputs(card) {
  const inputs = {};
  for (const node of card.querySelectorAll("[data-key]")) {
    inputs[node.dataset.key] = node.dataset.multiple
      ? [...node.querySelectorAll("input:checked")].map((box) => box.value)
      : node.value;
  }
  return inputs;
}

/** A card drawn again while its tap is on the way keeps what the person had chosen. */
export function keepChoices(from, to) {
  const chosen = readInputs(from);
  for (const node of to.querySelectorAll("select[data-key]")) {
    if (chosen[node.dataset.key] !== undefined) node.value = chosen[node.dataset.key];
  }
  for (const node of to.querySelectorAll("fieldset[data-key]")) {
    for (const box of node.querySelectorAll("input")) box.checked = chosen[node.dataset.key]?.includes(box.value);
  }
}

/**
 * Makes `tap(item)` for a card: hands `onTap(action, inputs, item)` what was tapped (by its text where it
 * has no action of its own) and keeps every button of the card quiet until the tap is answered.
 */
export function tapper(card, onTap) {
  return async (item) => {
    if (card.getAttribute("aria-busy") === "true") return;
    card.setAttribute("aria-busy", "true");
    try {
      await onTap(item.action || item.text || "", readInputs(card), item);
    } finally {
      card.removeAttribute("aria-busy");
    }
  };
}

/** A fact table: label and value, the value a link where the card gives one. */
export function facts(fields, linkTo) {
  if (!fields?.length) return null;
  const rows = fields.map((field) =>
    el("div.fact", {}, el("dt", {}, field.label ?? ""), el("dd", {}, linkTo(field.value ?? "", field.url))),
  );
  return el("dl.facts", {}, rows);
}

/** What the sandbox noticed about this card: strings a phone cuts, values over a limit. */
export function warnings(list) {
  if (!list?.length) return null;
  return el(
    "details.warnings",
    {},
    el("summary", {}, `沙箱提示 ${list.length} 条`),
    el("ul", {}, list.map((text) => el("li", {}, String(text)))),
  );
}
