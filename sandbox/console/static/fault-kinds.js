// The faults each simulated system understands, in the words of the console.

const CHAT = [
  ["429", "限流（429 / 45009 / Qps）"],
  ["5xx", "服务端 5xx"],
  ["token_revoked", "令牌突然失效"],
  ["lost_answer", "做完了但没有回答"],
  ["slow", "回答很慢"],
  ["duplicate", "回调重复投递"],
  ["late", "回调迟到"],
  ["reorder", "回调乱序"],
];

export const SYSTEMS = { wecom: "企业微信", dingtalk: "钉钉", taobao: "淘宝店铺" };

export const KINDS = {
  wecom: [...CHAT, ["busy", "系统繁忙（-1）"], ["concurrency", "并发超限（45033）"]],
  dingtalk: [
    ...CHAT,
    ["half_dead", "Stream 连接半死（不关也不收）"],
    ["disconnect", "Stream 断线"],
    ["permission", "缺少接口权限（403）"],
    ["quota", "本月额度用完"],
    ["deliver_failed", "卡片投放失败"],
    ["template_missing", "卡片模板不存在"],
    ["session_expired", "会话 Webhook 过期"],
  ],
  taobao: [
    ["429", "限流"],
    ["5xx", "服务端 5xx"],
    ["token_revoked", "授权失效"],
    ["lost_answer", "做完了但没有回答"],
    ["slow", "回答很慢"],
  ],
};

/** What the 故障 menu plants with one click: [system, kind, count]. */
export const QUICK = [
  ["wecom", "duplicate", 1],
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

export function kindName(system, kind) {
  const found = (KINDS[system] ?? []).find(([name]) => name === kind);
  return found ? found[1] : kind;
}

/** How a planted fault still stands: counted down, or by chance. */
export function remaining(fault) {
  if (fault.count > 0) return `还有 ${fault.count} 次`;
  return fault.rate > 0 ? `${Math.round(fault.rate * 100)}% 的几率` : "已用完";
}
