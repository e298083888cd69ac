// Short notices under the top bar. They catch no clicks; an error stays longer and is read out at once.

import { el } from "./dom.js";

const SECONDS = { error: 8, info: 3 };

function show(kind, text) {
  const note = el(`div.toast.toast-${kind}`, { role: kind === "error" ? "alert" : "status" }, text);
  document.getElementById("toasts").append(note);
  setTimeout(() => note.remove(), SECONDS[kind] * 1000);
}

export const inform = (text) => show("info", text);

/** Shows what went wrong; the console also gets the trace of anything that is not the server's refusal. */
export function complain(error) {
  if (!("status" in error)) console.error(error);
  show("error", error.message || String(error));
}

/** Runs an action a person asked for; its failure is shown, and the answer is undefined. */
export async function attempt(action) {
  try {
    return await action();
  } catch (error) {
    complain(error);
    return undefined;
  }
}
