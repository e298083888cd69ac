// Times as staff in China read them: Asia/Shanghai, whatever the browser's own zone.

const ZONE = "Asia/Shanghai";
const format = (options) => new Intl.DateTimeFormat("zh-CN", { timeZone: ZONE, hour12: false, ...options });
const HOURS = format({ hour: "2-digit", minute: "2-digit" });
const SECONDS = format({ hour: "2-digit", minute: "2-digit", second: "2-digit" });
const DAY = format({ month: "numeric", day: "numeric" });
const DATE = { year: "numeric", month: "2-digit", day: "2-digit" };
const FULL = format({ ...DATE, hour: "2-digit", minute: "2-digit", second: "2-digit" });

function written(formatter, when) {
  const date = new Date(when);
  return Number.isNaN(date.getTime()) ? String(when ?? "") : formatter.format(date);
}

export const hourMinute = (when) => written(HOURS, when);
export const withSeconds = (when) => written(SECONDS, when);
export const fullTime = (when) => written(FULL, when);
export const dayAndTime = (when) => `${written(DAY, when)} ${written(HOURS, when)}`;
export const minutesBetween = (from, to) => (new Date(to) - new Date(from)) / 60000;
