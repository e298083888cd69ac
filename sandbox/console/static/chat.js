// One platform's window: conversations as tabs, the messages, the input. Reads and writes the control API.

import * as api from "./api.js";
import { drawMessage } from "./bubble.js";
import { createComposer } from "./composer.js";
import { button, el, saidByLink } from "./dom.js";
import { minutesBetween } from "./times.js";
import { attempt, complain } from "./toast.js";

const KEPT = 300; // messages drawn at most; older ones leave the page
const GAP = 5; // minutes of silence after which a time line is drawn

/** `options`: platform, label, chips, nameOf(id), onRaw(message), onFocus(pane). */
export class ChatPane {
  constructor(root, options) {
    this.options = options;
    this.platform = options.platform;
    this.user = "";
    this.groups = [];
    this.unread = new Set();
    this.list = el("ol.messages", { "aria-label": `${options.label}消息`, tabindex: "0" });
    this.tabs = el("div.tabs", { role: "tablist", "aria-label": `${options.label}会话` });
    this.owner = el("span.owner");
    this.composer = createComposer({
      label: options.label,
      chips: options.chips(this),
      onSend: (text) => this.say({ text }),
      onFocus: () => options.onFocus(this),
    });
    const head = el("header.pane-head", {}, el("h2", {}, options.label), this.owner, this.tabs);
    root.replaceChildren(head, this.list, this.composer.node);
  }

  /** Shows this person's own phone. */
  setPerson(person) {
    this.user = person[this.platform] ?? "";
    this.owner.textContent = `${person.name} 的${this.options.label}`;
    this.open("");
  }

  setGroups(groups) {
    this.groups = groups;
    this.drawTabs();
  }

  /** Opens a conversation: "" is the person's own chat with the bot, else a group's id. */
  open(chat) {
    this.unread.delete(chat);
    this.view = { chat, last: 0, shown: new Map(), first: true };
    this.list.replaceChildren();
    this.drawTabs();
    return this.refresh();
  }

  drawTabs() {
    const chats = [{ id: "", name: "单聊" }, ...this.groups];
    this.tabs.replaceChildren(
      ...chats.map(({ id, name }) =>
        button(`.tab${this.unread.has(id) ? ".unread" : ""}`, name, () => this.open(id), {
          role: "tab",
          "aria-selected": String(id === this.view?.chat),
        }),
      ),
    );
  }

  /** A live event of this platform: read news, or mark the conversation it belongs to. */
  take(event) {
    const chat = event.chat ?? "";
    if (chat && !this.groups.some((group) => group.id === chat)) {
      this.setGroups([...this.groups, { id: chat, name: event.chat_name || `群 ${chat.slice(-6)}` }]);
    }
    const mine = chat ? true : !event.user || event.user === this.user;
    if (!mine) return;
    if (chat === this.view?.chat || !event.user) this.refresh();
    if (chat !== this.view?.chat && (chat || event.user)) {
      this.unread.add(chat);
      this.drawTabs();
    }
  }

  /** Fetches what is newer than the last seq; calls that come meanwhile are answered by one more round. */
  refresh() {
    this.again = true;
    this.running ??= this.readAll().finally(() => {
      this.running = null;
    });
    return this.running;
  }

  async readAll() {
    while (this.again) {
      this.again = false;
      const view = this.view;
      if (!view || (!this.user && !view.chat)) return;
      try {
        const who = view.chat ? { chat: view.chat, user: this.user } : { user: this.user };
        const news = await api.messages({ platform: this.platform, ...who, after: view.last });
        if (view === this.view) this.show(news);
      } catch (error) {
        complain(error);
      }
    }
  }

  show(news) {
    const view = this.view;
    const atEnd = this.list.scrollHeight - this.list.scrollTop - this.list.clientHeight < 80;
    const ordered = [...news].sort((a, b) => before(a, b));
    for (const message of ordered.slice(-KEPT)) this.put(message);
    for (const message of ordered) view.last = Math.max(view.last, message.seq ?? 0);
    while (this.list.childElementCount > KEPT) this.forgetOldest();
    if (news.length && (view.first || atEnd)) this.list.scrollTop = this.list.scrollHeight;
    view.first = false;
  }

  /** Draws a message: a known one in its own place, a new one after everything older. */
  put(message) {
    const { shown, first } = this.view;
    const old = shown.get(message.id);
    const node = drawMessage(message, this.sight(), this.gapBefore(message, old?.node));
    node.dataset.at = message.at ?? "";
    if (old) {
      node.classList.add("flash");
      old.node.replaceWith(node);
    } else {
      if (!first) node.classList.add("fresh");
      this.list.insertBefore(node, this.follower(message));
    }
    shown.set(message.id, { node });
  }

  follower(message) {
    let next = null;
    for (let node = this.list.lastElementChild; node; node = node.previousElementSibling) {
      if ((node.dataset.at ?? "") <= (message.at ?? "")) break;
      next = node;
    }
    return next;
  }

  gapBefore(message, old) {
    const next = old ?? this.follower(message);
    const previous = next ? next.previousElementSibling : this.list.lastElementChild;
    return !previous || minutesBetween(previous.dataset.at, message.at) >= GAP;
  }

  forgetOldest() {
    const node = this.list.firstElementChild;
    this.view.shown.delete(node.dataset.id);
    node.remove();
  }

  sight() {
    return {
      platform: this.platform,
      user: this.user,
      group: Boolean(this.view.chat),
      nameOf: this.options.nameOf,
      onTap: (message, action, inputs, item) => this.tap(message, action, inputs, item),
      onSay: (text) => this.say({ text }),
      onRaw: this.options.onRaw,
    };
  }

  /** The person types (or an event like entering the app happens); true when the sandbox took it. */
  async say(said) {
    const place = this.view.chat ? { chat: this.view.chat } : {};
    const taken = await attempt(async () => {
      await api.say({ platform: this.platform, user: this.user, ...place, ...said });
      return true;
    });
    if (taken) {
      this.list.scrollTop = this.list.scrollHeight;
      await this.refresh();
    }
    return taken === true;
  }

  async tap(message, action, inputs, item) {
    const said = action ? "" : saidByLink(item?.url);
    if (said) return this.say({ text: said });
    const body = { platform: this.platform, user: this.user, message_id: message.id, action, inputs };
    await attempt(() => api.tap(body));
    return this.refresh();
  }
}

function before(a, b) {
  if (a.at !== b.at) return (a.at ?? "") < (b.at ?? "") ? -1 : 1;
  return (a.seq ?? 0) - (b.seq ?? 0);
}
