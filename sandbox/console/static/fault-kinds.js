// Planted faults in the words of the console; which system knows which kind comes from GET /faults.

const SYSTEMS = { wecom: "企业微信", dingtalk: "钉钉", taobao: "淘宝店铺" };

const KINDS = {
  429: "限流",
  "5xx": "服务端 5xx",
  token_revoked: "令牌突然失效",
  lost_answer: "做完了但没有回答",
  slow: "回答很慢",
  reset: "没做完就断线",
  truncated: "回答只有一半",
  html: "回答是网页",
  isp: "平台内部出错",
  doubled: "一行出现两次",
  bad_row: "一行读不懂",
  push_lost: "推送丢了",
  push_doubled: "推送两次",
  push_late: "推送迟到",
  busy: "系统繁忙",
  concurrency: "并发超限",
  duplicate: "重复投递",
  late: "投递迟到",
  reorder: "投递乱序",
  half_dead: "Stream 连接半死",
  disconnect: "Stream 断线",
  open_refused: "Stream 建连被拒",
  permission: "缺少接口权限",
  quota: "本月额度用完",
  deliver_failed: "卡片投放失败",
  template_missing: "卡片模板不存在",
  session_expired: "会话 Webhook 过期",
};

/** What can be planted where the server does not list it. */
const USUAL = { wecom: ["429", "5xx", "duplicate"], dingtalk: ["429", "5xx", "half_dead"], taobao: ["429", "5xx"] };

/** What the 故障 menu plants with one click: [system, kind, count]. */
export const QUICK = [
  ["wecom", "duplicate", 1],
  ["wecom", "late", 1],
  ["wecom", "reorder", 1],
  ["wecom", "429", 3],
  ["wecom", "token_revoked", 1],
  ["dingtalk", "half_dead", 1],
  ["dingtalk", "duplicate", 1],
  ["dingtalk", "429", 3],
  ["taobao", "lost_answer", 1],
  ["taobao", "5xx", 3],
];

export const systemName = (system) => SYSTEMS[system] ?? system;
export const kindName = (kind) => KINDS[kind] ?? kind;

/** The systems and their kinds with meanings: `{wecom: [["429", "限流", meaning], …], …}`. */
export function catalogue(known) {
  const systems = Object.keys({ ...USUAL, ...known });
  return Object.fromEntries(systems.map((system) => [system, kindsOf(known?.[system] ?? USUAL[system])]));
}

function kindsOf(listed) {
  const pairs = Array.isArray(listed) ? listed.map((kind) => [kind, ""]) : Object.entries(listed ?? {});
  return pairs.map(([kind, meaning]) => [kind, kindName(kind), String(meaning ?? "")]);
}

/** How a planted fault still stands: counted down, or by chance. */
export function remaining(fault) {
  if (fault.count > 0) return `还有 ${fault.count} 次`;
  return fault.rate > 0 ? `${Math.round(fault.rate * 100)}% 的几率` : "已用完";
}
