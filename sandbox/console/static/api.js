// The control API (relative to /sandbox). Every refusal becomes an ApiError with the server's own words.

const BASE = new URL("..", import.meta.url);

export class ApiError extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

async function call(method, path, { query = {}, body } = {}) {
  const url = new URL(path, BASE);
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== null && value !== "") url.searchParams.set(name, value);
  }
  const request = { method, headers: { Accept: "application/json" } };
  if (body !== undefined) {
    request.body = JSON.stringify(body);
    request.headers["Content-Type"] = "application/json";
  }
  return answer(await send(url, request));
}

async function send(url, request) {
  try {
    return await fetch(url, request);
  } catch (error) {
    throw new ApiError(`连不上沙箱（${error.message}），请确认它仍在运行`, 0);
  }
}

async function answer(response) {
  const text = await response.text();
  const doc = parsed(text);
  if (response.ok && doc !== undefined) return doc;
  if (response.ok) throw new ApiError(`沙箱的回答不是 JSON：${text.slice(0, 80)}`, response.status);
  throw new ApiError(doc?.error || text.slice(0, 200) || `沙箱拒绝（HTTP ${response.status}）`, response.status);
}

function parsed(text) {
  if (text === "") return {};
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // the caller reports it together with the status
  }
}

/** Lists come bare or wrapped in an object: `[…]` or `{"people": […]}`. */
export function listOf(doc, key) {
  if (Array.isArray(doc)) return doc;
  const list = doc?.[key] ?? doc?.items;
  return Array.isArray(list) ? list : [];
}

export const people = async () => listOf(await call("GET", "people"), "people");
export const credentials = () => call("GET", "credentials");
export const messages = async (query) => listOf(await call("GET", "messages", { query }), "messages");
export const chats = async (query) => listOf(await call("GET", "chats", { query }), "chats");
export const say = (body) => call("POST", "say", { body });
export const tap = (body) => call("POST", "tap", { body });
export const exchanges = async (query) => listOf(await call("GET", "exchanges", { query }), "exchanges");
export const effects = async () => listOf(await call("GET", "effects"), "effects");
export const orders = async () => listOf(await call("GET", "shops"), "orders");
export const order = (body) => call("POST", "orders", { body });
export const buyer = (platform, wish) => call("POST", `shops/${encodeURIComponent(platform)}/buyer`, { body: wish });
export const faults = () => call("GET", "faults");
export const plant = (body) => call("POST", "faults", { body });
export const clearFaults = (system) => call("DELETE", "faults", { query: { system } });
export const clock = () => call("GET", "clock");
export const moveClock = (body) => call("POST", "clock", { body });
export const switches = () => call("GET", "switches");
export const turn = (body) => call("POST", "switches", { body });

/** Live changes. The browser reconnects by itself; `onOpen` runs after every (re)connection. */
export function listen({ onEvent, onOpen, onLost }) {
  const source = new EventSource(new URL("events", BASE));
  const take = (event) => onEvent(event.data ? JSON.parse(event.data) : { event: event.type });
  for (const name of ["message", "effect", "order", "shop", "fault", "clock", "switch", "warning"]) {
    source.addEventListener(name, take);
  }
  source.addEventListener("open", onOpen);
  source.addEventListener("error", onLost);
  return source;
}
