// Building DOM nodes. Data only ever becomes text nodes and attributes: no markup is parsed anywhere.

/**
 * Makes an element: `el("button.primary", { type: "button", onclick: f, "data-id": 1 }, "文字", node)`.
 * `on…` are listeners; true sets a bare attribute; null, undefined and false leave it away.
 */
export function el(spec, props = {}, ...children) {
  const [tag, ...classes] = spec.split(".");
  const node = document.createElement(tag || "div");
  if (classes.length) node.className = classes.join(" ");
  for (const [name, value] of Object.entries(props)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) {
      node.setAttribute(name, value === true ? "" : String(value));
    }
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

/** A push button; `name` is what a screen reader (and a test) calls it when the text is not enough. */
export function button(spec, text, onclick, props = {}, ...children) {
  return el(`button${spec}`, { type: "button", onclick, ...props }, text, ...children);
}

const LAMPS = { "🟢": "green", "🟡": "yellow", "🔴": "red", "⚪": "grey" };
const LAMP = /(🟢|🟡|🔴|⚪\uFE0F?)/u;

/** The text's nodes; lamps are drawn as dots of one look on every machine, and stay in the text. */
export function withLamps(text) {
  return String(text ?? "")
    .split(LAMP)
    .filter(Boolean)
    .map((part) => {
      const colour = LAMPS[part.replace("\uFE0F", "")];
      return colour ? el(`span.lamp.lamp-${colour}`, {}, part) : part;
    });
}

/** An http(s) address as it stands, else "" (script addresses and unknown apps are not followed). */
export function webAddress(url) {
  const unwrapped = unwrap(String(url ?? ""));
  return /^https?:\/\//i.test(unwrapped) ? unwrapped : "";
}

/** `dingtalk://dingtalkclient/page/link?url=…` asks the client to open the page inside (dingtalk.md §5.3). */
function unwrap(url) {
  if (!url.startsWith("dingtalk://dingtalkclient/page/link?")) return url;
  return new URLSearchParams(url.slice(url.indexOf("?"))).get("url") ?? "";
}

/** What a `dtmd://…/sendMessage?content=` link makes the user say, else "" (dingtalk.md §5.3). */
export function saidByLink(url) {
  const match = /^dtmd:\/\/dingtalkclient\/sendMessage\?(.*)$/i.exec(String(url ?? ""));
  if (!match) return "";
  const content = /(?:^|&)content=([^&]*)/.exec(match[1]);
  try {
    return content ? decodeURIComponent(content[1]) : "";
  } catch (error) {
    if (error instanceof URIError) return content[1]; // a bare % in the text: said as it stands
    throw error;
  }
}

/** An image of the sandbox itself, by its path, so that the page's own host serves it; else "". */
export function ownImage(url) {
  if (/^data:image\/(png|jpeg|gif|webp);base64,/.test(String(url ?? ""))) return url;
  const path = /^(?:https?:\/\/[^/]+)?(\/sandbox\/.*)$/.exec(String(url ?? ""));
  return path ? path[1] : "";
}
