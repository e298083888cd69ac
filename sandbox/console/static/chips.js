// The quick words over each input, and the app's own menu as far as the platform tells it.

const HELP = "帮助";
const LOOK_UP = "查单 ";

/** `pane` is the ChatPane the chips stand in; `app` its first app as GET /credentials describes it. */
export function chipsOf(pane, app) {
  const common = [
    { text: HELP, title: `发送：${HELP}`, run: () => pane.say({ text: pane.addressed(HELP) }) },
    { text: "查单", title: `填入：${LOOK_UP}`, run: () => pane.composer.fill(pane.addressed(LOOK_UP)) },
  ];
  return pane.platform === "wecom" ? [...common, enter(pane), ...menu(pane, app)] : [...common, mention(pane)];
}

const enter = (pane) => ({
  text: "进入应用",
  title: "像点开应用那样触发 enter_agent",
  run: () => pane.say({ event: "enter_agent" }),
});

const mention = (pane) => ({
  text: "@前哨",
  title: "群里要 @ 机器人它才听得到",
  run: () => pane.composer.fill(`@前哨 ${pane.composer.text().replace(/^@前哨\s*/, "")}`),
});

/** Menu entries that report a click (wecom.md §7.2); sub-buttons stand beside the others. */
function menu(pane, app) {
  const buttons = (app?.menu?.button ?? []).flatMap((entry) => (entry.sub_button?.length ? entry.sub_button : [entry]));
  return buttons
    .filter((entry) => entry.type === "click")
    .map((entry) => ({
      text: entry.name,
      title: `应用菜单：${entry.name}`,
      run: () => pane.say({ event: "click", key: entry.key }),
    }));
}
