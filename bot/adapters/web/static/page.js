// Shows trimtab.status/1 and gives commands. Holds no data of its own; whatever comes from the bot is written as
// text, never as markup. The token lives in sessionStorage and leaves only in the Authorization header.
"use strict";

const TOKEN_KEY = "trimtab-token";
const REFRESH_MS = 5000;
const element = (id) => document.getElementById(id);
let timer = 0;
let isAsking = false;

// ---- the token ----------------------------------------------------------------------------------------------------

function takeTokenFromFragment() {
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  if (given) {
    sessionStorage.setItem(TOKEN_KEY, given.trim());
  }
  if (location.hash) {
    history.replaceState(null, "", location.pathname);
  }
}

function forgetToken(sentence) {
  clearTimeout(timer);
  sessionStorage.removeItem(TOKEN_KEY);
  element("board").hidden = true;
  element("actions").hidden = true;
  element("chips").replaceChildren();
  element("gate").hidden = false;
  say(sentence);
  element("token").focus();
}

// ---- asking the bot -----------------------------------------------------------------------------------------------

async function ask(path, body) {
  const headers = {
    "Authorization": `Bearer ${sessionStorage.getItem(TOKEN_KEY) || ""}`,
    "X-Trimtab-Client": "page",
  };
  const options = { headers, cache: "no-store", credentials: "omit", redirect: "error" };
  if (body !== undefined) {
    options.method = "POST";
    options.body = JSON.stringify(body);
    headers["Content-Type"] = "application/json";
  }
  let response;
  try {
    response = await fetch(`/api/v1/${path}`, options);
  } catch {
    throw new Error("The bot does not answer. It may have stopped.");
  }
  const answer = await response.json().catch(() => ({}));
  if (response.status === 401) {
    forgetToken("This token is not the right one.");
    throw new Error("This token is not the right one.");
  }
  if (!response.ok) {
    throw new Error(answer.message || `The bot answered ${response.status}.`);
  }
  return answer;
}

async function refresh() {
  clearTimeout(timer);
  if (isAsking || !sessionStorage.getItem(TOKEN_KEY)) {
    return;
  }
  isAsking = true;
  try {
    show(await ask("status"));
    say("");
    element("board").classList.remove("stale");
  } catch (failure) {
    say(failure.message);
    element("board").classList.add("stale");
  } finally {
    isAsking = false;
    if (sessionStorage.getItem(TOKEN_KEY) && !document.hidden) {
      timer = setTimeout(refresh, REFRESH_MS);
    }
  }
}

// ---- figures: exact text becomes a float here, for the eye alone --------------------------------------------------

const NOTHING = "–";
const formats = new Map();

function format(value, places, sign = "auto") {
  const key = `${places}/${sign}`;
  if (!formats.has(key)) {
    formats.set(key, new Intl.NumberFormat("en-US", {
      minimumFractionDigits: places, maximumFractionDigits: places, signDisplay: sign,
    }));
  }
  return formats.get(key).format(value);
}

const percent = (text, sign) => (text === null ? NOTHING : `${format(Number(text) * 100, 2, sign)} %`);
const money = (text, sign) => (text === null ? NOTHING : format(Number(text), 2, sign));

function figure(text) {
  return text === null ? NOTHING : new Intl.NumberFormat("en-US", { maximumSignificantDigits: 8 }).format(Number(text));
}

function moment(text) {
  return text === null ? NOTHING : `${text.slice(0, 10)} ${text.slice(11, 19)}`;
}

// ---- building elements --------------------------------------------------------------------------------------------

function make(tag, className, ...content) {
  const node = document.createElement(tag);
  if (className) {
    node.className = className;
  }
  node.append(...content);
  return node;
}

function say(sentence) {
  element("trouble").textContent = sentence;
  element("trouble").hidden = !sentence;
}

function table(columns, rows) {
  const heads = columns.map(([label, kind]) => make("th", kind, label));
  const body = rows.map((row) => make("tr", "", ...row.map((cell, index) => {
    const [text, mark] = Array.isArray(cell) ? cell : [cell, ""];
    const node = make("td", `${columns[index][1]} ${mark}`.trim(), text);
    node.dataset.label = columns[index][0];
    return node;
  })));
  return make("table", "wide", make("thead", "", make("tr", "", ...heads)), make("tbody", "", ...body));
}

const nothing = (sentence) => make("p", "nothing", sentence);

// ---- the board ----------------------------------------------------------------------------------------------------

function show(status) {
  element("gate").hidden = true;
  element("board").hidden = false;
  element("actions").hidden = false;
  element("halt").disabled = status.trading_state === "halted";
  element("reduce-only").disabled = status.trading_state !== "normal";
  element("resume").disabled = status.trading_state === "normal";
  showChips(status);
  showAlerts(status.alerts);
  showFigures(status);
  showWeights(status.assets);
  showPositions(status.positions);
  showMargin(status.margin);
  showWaiting(status);
  element("foot").textContent =
    `Trimtab ${status.version} · market time ${moment(status.at)} UTC · journal ${status.journal.epoch} at ${status.journal.sequence}`;
}

function showChips(status) {
  const state = { normal: "good", reduce_only: "warn", halted: "bad" }[status.trading_state] || "";
  const why = status.trading_state_why ? `: ${status.trading_state_why}` : "";
  element("chips").replaceChildren(
    make("span", `chip ${state}`, status.trading_state.replaceAll("_", " ") + why),
    make("span", `chip ${status.is_ready ? "good" : "warn"}`, status.readiness),
    make("span", "chip", status.mode),
  );
  document.title = `${status.alerts.length ? `(${status.alerts.length}) ` : ""}Trimtab · ${status.trading_state.replaceAll("_", " ")}`;
}

function showAlerts(alerts) {
  element("alerts").hidden = alerts.length === 0;
  element("alerts").replaceChildren(...alerts.map((alert) => make(
    "div", `alert ${alert.severity === "critical" ? "critical" : ""}`,
    make("b", "", alert.severity), make("span", "", alert.sentence), make("span", "", `since ${moment(alert.since)}`),
  )));
}

function showFigures(status) {
  const card = (label, value, note, mark) =>
    make("div", `figure ${mark || ""}`, make("span", "", label), make("strong", "", value), make("small", "", note));
  const isShort = Number(status.capacity_short_quote || 0) > 0;
  const open = status.positions.filter((position) => position.is_protected).length;
  element("figures").replaceChildren(
    card("Portfolio value", money(status.portfolio_value_quote), "USD"),
    card("Collateral missing", money(status.capacity_short_quote), "USD to hold the targets", isShort ? "warn" : ""),
    card("Stops in place", `${open} of ${status.positions.length}`, "positions", open < status.positions.length ? "warn" : ""),
    card("Last look", moment(status.last_look_at).slice(11) || NOTHING, moment(status.last_look_at).slice(0, 10)),
    card("Next look", moment(status.next_look_at).slice(11) || NOTHING, moment(status.next_look_at).slice(0, 10)),
  );
}

function showWeights(assets) {
  if (assets.length === 0) {
    element("weights").replaceChildren(nothing("No look has been taken yet."));
    return;
  }
  const ends = assets.flatMap((row) => [
    Number(row.weight), Number(row.target_weight) + Number(row.band), Number(row.target_weight) - Number(row.band),
  ]);
  const low = Math.min(0, ...ends) * 1.08;
  const high = Math.max(0.1, ...ends) * 1.08;
  const place = (value) => `${Math.max(0, Math.min(100, ((value - low) / (high - low)) * 100))}%`;
  element("weights").replaceChildren(...assets.map((row) => assetRow(row, place, low < 0)));
}

function assetRow(row, place, hasZero) {
  const weight = Number(row.weight);
  const target = Number(row.target_weight);
  const band = Number(row.band);
  const mark = (name, left) => {
    const node = make("i", name);
    node.style.left = left;
    return node;
  };
  const shade = mark("band", place(target - band));
  shade.style.width = `calc(${place(target + band)} - ${place(target - band)})`;
  const bar = make("div", "bar", make("i", "track"), shade, mark("target", place(target)), mark("dot", place(weight)));
  if (hasZero) {
    bar.append(mark("zero", place(0)));
  }
  bar.setAttribute("role", "img");
  bar.setAttribute("aria-label", `${row.asset}: ${percent(row.weight)}, target ${percent(row.target_weight)} ± ${percent(row.band)}`);
  const gap = make("span", "gap", `${percent(row.gap, "always")}${row.is_outside_band ? " outside its band" : ""}`);
  return make(
    "div", `asset ${row.is_outside_band ? "outside" : ""}`,
    make(
      "div", "asset-head",
      make("b", "", row.asset), make("span", "price", figure(row.index_price)),
      make("span", "weight", make("strong", "", percent(row.weight)), ` of ${percent(row.target_weight)} ± ${percent(row.band)}`),
      gap,
    ),
    bar,
    make("p", "reason", row.reason),
  );
}

function stopCell(position) {
  const triggers = position.stops.map((stop) => figure(stop.trigger_price)).join(", ");
  return position.is_protected ? triggers : [triggers ? `${triggers} · unprotected` : "unprotected", "bad"];
}

function showPositions(positions) {
  element("positions").replaceChildren(positions.length === 0 ? nothing("No positions.") : table(
    [["Symbol", ""], ["Side", ""], ["Contracts", "number"], ["Notional USD", "number"], ["Mark", "number"],
      ["Stop at mark", "number"], ["Liquidation", "number"]],
    positions.map((position) => [
      position.symbol, position.side, figure(position.amount_contracts), money(position.notional_quote),
      figure(position.mark_price), stopCell(position),
      position.liquidation_price === null ? ["unknown", "warn"] : figure(position.liquidation_price),
    ]),
  ));
}

function showMargin(margins) {
  element("margin").replaceChildren(...(margins.length === 0 ? [nothing("No futures wallet was read yet.")] : margins.map(walletRow)));
}

function walletRow(line) {
  const usage = line.usage_frac === null ? 1 : Number(line.usage_frac);
  const fill = make("i", "");
  fill.style.width = `${Math.max(1, Math.min(100, usage * 100))}%`;
  const mark = usage >= 0.8 ? "bad" : usage >= 0.5 ? "warn" : "";
  const leverage = line.leverage_after === null ? NOTHING : format(Number(line.leverage_after), 2);
  return make(
    "div", "asset",
    make("div", "wallet", make("b", "", `${line.venue} · ${line.wallet.replaceAll("_", " ")}`),
      make("span", "", `${money(line.margin_balance)} ${line.currency}`)),
    make("div", `meter ${mark}`, fill),
    make("p", "reason", `${percent(line.usage_frac)} used · leverage ${leverage} · ${money(line.stress_surplus)} left after stress`),
  );
}

function showWaiting(status) {
  const notes = [
    ...status.ceilings.map((row) => [row.asset, `ceiling of ${figure(row.max_delta_base)}: ${row.why}`]),
    ...status.flows.map((row) => [row.asset, `holdings went from ${figure(row.from_base)} to ${figure(row.to_base)}; increases wait`]),
    ...status.locks.map((row) => [row.symbol, `locked: ${row.why}`]),
    ...status.working_orders.filter((row) => row.purpose !== "stop")
      .map((row) => [row.symbol, `${row.side} ${figure(row.amount_contracts)}: ${row.state}`]),
    ...status.refusals.map((row) => [row.asset, row.reason]),
    ...status.warnings.map((sentence) => ["", sentence]),
  ];
  element("waiting").replaceChildren(notes.length === 0 ? nothing("Nothing waits, nothing is refused.") : make(
    "ul", "notes", ...notes.map(([subject, sentence]) => make("li", "", make("b", "", subject), sentence)),
  ));
}

// ---- commands -----------------------------------------------------------------------------------------------------

function question(title, text, { body = [], yes = "Confirm", kind = "primary", asksWhy = false } = {}) {
  const dialog = element("question");
  element("question-title").textContent = title;
  element("question-text").textContent = text;
  element("question-body").replaceChildren(...body);
  element("why").value = "";
  element("why").hidden = element("why-label").hidden = !asksWhy;
  element("question-yes").textContent = yes;
  element("question-yes").className = kind;
  element("question-no").hidden = yes === "Close";
  dialog.showModal();
  return new Promise((resolve) => {
    const end = (answer) => {
      dialog.onclose = null;
      dialog.close();
      resolve(answer);
    };
    element("question-yes").onclick = () => end(true);
    element("question-no").onclick = () => end(false);
    dialog.onclose = () => end(false);
  });
}

function orderTable(plan) {
  const orders = [...plan.reductions, ...plan.orders];
  return orders.length === 0 ? nothing("No orders.") : table(
    [["Side", ""], ["Symbol", ""], ["Contracts", "number"], ["Notional USD", "number"], ["Why", ""]],
    orders.map((row) => [row.side, row.symbol, figure(row.amount_contracts), money(row.notional_quote), row.why || row.reason]),
  );
}

async function command(action) {
  try {
    await action();
  } catch (failure) {
    say(failure.message);
    return;
  }
  await refresh();
}

async function halt() {
  const isSure = await question(
    "Halt?", "Working hedge orders are cancelled and nothing is rebalanced until you resume. Stops stay in place.",
    { yes: "Halt", kind: "danger primary", asksWhy: true },
  );
  if (isSure) {
    const why = element("why").value.trim();
    await ask("halt", why ? { why } : {});
  }
}

async function reduceOnly() {
  const isSure = await question(
    "Reduce only?", "Positions may only get smaller until you resume. Working orders that increase one are cancelled. Stops stay in place.",
    { yes: "Reduce only", asksWhy: true },
  );
  if (isSure) {
    const why = element("why").value.trim();
    await ask("reduce-only", why ? { why } : {});
  }
}

async function resume() {
  const resuming = await ask("resume-plan");
  const notes = [...resuming.clears.map((text) => ["Clears", text]), ...resuming.keeps.map((text) => ["Keeps", text])];
  const list = make("ul", "notes", ...notes.map(([word, text]) => make("li", "", make("b", "", word), text)));
  const isSure = await question(
    "Resume?", "The bot goes back to normal and looks at once. This is what it would do now.",
    { body: [list, orderTable(resuming.plan)], yes: "Resume" },
  );
  if (isSure) {
    await ask("resume", {});
  }
}

async function showPlan() {
  const plan = await ask("plan");
  await question("Plan", `What a look would do now, ${moment(plan.at)} UTC. Nothing is sent.`, { body: [orderTable(plan)], yes: "Close" });
}

// ---- start --------------------------------------------------------------------------------------------------------

element("halt").addEventListener("click", () => command(halt));
element("reduce-only").addEventListener("click", () => command(reduceOnly));
element("resume").addEventListener("click", () => command(resume));
element("show-plan").addEventListener("click", () => command(showPlan));
element("forget").addEventListener("click", () => forgetToken(""));
element("token-form").addEventListener("submit", (event) => {
  event.preventDefault();
  sessionStorage.setItem(TOKEN_KEY, element("token").value.trim());
  element("token").value = "";
  refresh();
});
document.addEventListener("visibilitychange", () => (document.hidden ? clearTimeout(timer) : refresh()));
window.addEventListener("hashchange", () => {
  takeTokenFromFragment();
  refresh();
});

takeTokenFromFragment();
if (sessionStorage.getItem(TOKEN_KEY)) {
  refresh();
} else {
  forgetToken("");
}
