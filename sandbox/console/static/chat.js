// One platform's window: conversations as tabs, the messages, the input. Reads and writes the control API.

import * as api from "./api.js";
import { drawMessage } from "./bubble.js";
import { keepChoices } from "./card-parts.js";
import { chipsOf } from "./chips.js";
import { createComposer } from "./composer.js";
import { button, el } from "./dom.js";
import { attachmentOf } from "./files.js";
import { minutesBetween } from "./times.js";
import { attempt, complain } from "./toast.js";

const KEPT = 300; // messages drawn at most; older ones leave the page
const GAP = 5; // minutes of silence after which a time line is drawn

/** `options`: platform, label, nameOf(id), onRaw(message), onFocus(pane). */
export class ChatPane {
  constructor(root, options) {
    this.options = options;
    this.platform = options.platform;
    this.user = "";
    this.app = "";
    this.seeded = []; // the group of the credentials
    this.groups = [];
    this.unread = new Set();
    this.view = null;
    this.list = el("ol.messages", { "aria-label": `${options.label}消息`, tabindex: "0" });
    this.tabs = el("div.tabs", { role: "tablist", "aria-label": `${options.label}会话` });
    this.owner = el("span.owner");
    this.composer = createComposer({
      label: options.label,
      onSend: (text) => this.say({ text }),
      onFiles: (files) => this.sendFiles(files),
      onFocus: () => options.onFocus(this),
    });
    const head = el("header.pane-head", {}, el("h2", {}, options.label), this.owner, this.tabs);
    root.replaceChildren(head, this.list, this.composer.node);
  }

  /** The app people talk to here, and the group it stands in, as GET /credentials tells. */
  setApp(app, groups) {
    this.app = app?.app ?? "";
    this.seeded = groups;
    this.composer.setChips(chipsOf(this, app));
  }

  /** Shows this person's own phone. */
  setPerson(person) {
    this.user = person[this.platform] ?? "";
    this.owner.textContent = `${person.name}的手机`;
    this.groups = this.seeded;
    this.unread.clear();
    this.readGroups();
    return this.open("");
  }

  /** The groups this person is in now: new ones appear, renamed ones change, left ones go. */
  async readGroups() {
    const user = this.user;
    const found = await attempt(() => api.chats({ platform: this.platform, user }));
    if (!found || user !== this.user) return;
    const here = new Set([this.view?.chat, ...this.seeded.map(({ id }) => id), ...found.map(({ chat }) => chat)]);
    this.groups = this.groups.filter(({ id }) => here.has(id));
    for (const { chat, name, members } of found) this.addGroup(chat, name, members);
    this.drawTabs();
  }

  addGroup(id, name, members = null) {
    const known = this.groups.find((group) => group.id === id);
    if (known && !members && (known.name === name || !name)) return;
    const who = members ? `${members.length} 人：${members.map(this.options.nameOf).join("、")}` : known?.who;
    const group = { id, name: name || known?.name || `群 ${id.slice(-6)}`, who };
    this.groups = known ? this.groups.map((each) => (each === known ? group : each)) : [...this.groups, group];
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
      ...chats.map(({ id, name, who }) =>
        button(`.tab${this.unread.has(id) ? ".unread" : ""}`, name, () => this.open(id), {
          role: "tab",
          "aria-selected": String(id === this.view?.chat),
          title: who ?? null,
        }),
      ),
    );
  }

  /** A live event of this platform: read news, and mark the conversation it belongs to. */
  take(event) {
    const chat = event.chat ?? "";
    if (!chat && event.user && event.user !== this.user) return;
    if (chat && !this.groups.some((group) => group.id === chat)) this.readGroups();
    if (chat !== this.view?.chat && (chat || event.user)) {
      this.unread.add(chat);
      this.drawTabs();
    }
    this.refresh();
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
      if (!view || !this.user) return;
      try {
        const news = await api.messages(this.query(view.last));
        if (view === this.view) this.show(news);
      } catch (error) {
        complain(error);
      }
    }
  }

  query(after) {
    const { chat } = this.view;
    return { platform: this.platform, user: this.user, dropped: 1, after, ...(chat ? { chat } : { app: this.app }) };
  }

  show(news) {
    const view = this.view;
    const atEnd = this.list.scrollHeight - this.list.scrollTop - this.list.clientHeight < 80;
    const here = news.filter((message) => (message.chat ?? "") === view.chat).sort(order);
    for (const message of here.slice(-KEPT)) this.put(message);
    for (const message of news) {
      view.last = Math.max(view.last, message.seq ?? 0);
      if (message.chat) this.addGroup(message.chat, "");
    }
    while (this.list.childElementCount > KEPT) this.forgetOldest();
    if (here.length && (view.first || atEnd)) this.list.scrollTop = this.list.scrollHeight;
    view.first = false;
  }

  /** Draws a message: a known one in its own place, a new one after everything older. */
  put(message) {
    const { shown, first } = this.view;
    const old = shown.get(message.id);
    const node = drawMessage(message, this.sight(), this.gapBefore(message, old));
    node.dataset.at = message.at ?? "";
    if (old) {
      node.classList.toggle("flash", message.from === "bot" && message.card?.state !== "pending");
      if (message.card?.state === "pending") keepChoices(old, node);
      old.replaceWith(node);
    } else {
      node.classList.toggle("fresh", !first);
      this.list.insertBefore(node, this.follower(message));
    }
    shown.set(message.id, node);
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
      onTap: (message, action, inputs) => this.tap(message, action, inputs),
      onRaw: (message) => this.showRaw(message),
    };
  }

  /** In a DingTalk group only what mentions the robot reaches it. */
  addressed(text) {
    return this.platform === "dingtalk" && this.view?.chat ? `@前哨 ${text}` : text;
  }

  /** The person types, or something happens (`event`); true when the sandbox took it. */
  async say(said) {
    const place = this.view?.chat ? { chat: this.view.chat } : {};
    const taken = await attempt(() => api.say({ platform: this.platform, user: this.user, ...place, ...said }));
    if (!taken) return false;
    this.list.scrollTop = this.list.scrollHeight;
    await this.refresh();
    return true;
  }

  /** Each file is a message of its own, sent after the one before. */
  async sendFiles(files) {
    for (const file of files) {
      const attachment = await attempt(() => attachmentOf(file));
      if (attachment) await this.say({ attachments: [attachment] });
    }
  }

  async tap(message, action, inputs) {
    const body = { platform: this.platform, user: this.user, message_id: message.id, action, inputs };
    const answer = await attempt(() => api.tap(body));
    if (answer?.toast) complain(new api.ApiError(answer.toast, 0));
    return this.refresh();
  }

  /** Reads the message once more: an exchange may have been tied to it after it was last drawn. */
  async showRaw(message) {
    const news = await attempt(() => api.messages(this.query(Math.max(0, (message.seq ?? 0) - 1))));
    this.options.onRaw((news ?? []).find((each) => each.id === message.id) ?? message);
  }
}

function order(a, b) {
  if (a.at !== b.at) return (a.at ?? "") < (b.at ?? "") ? -1 : 1;
  return (a.seq ?? 0) - (b.seq ?? 0);
}
