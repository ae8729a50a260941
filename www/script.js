// Asks the server for this very page, twice, and shows the headers of both answers.
// The second request carries the validator of the first, so an unchanged page is a 304.

const page = location.href.split("#")[0];
const path = location.pathname + location.search;
const button = document.querySelector("#again");
const status = document.querySelector("#status");
const exchanges = document.querySelector("#exchanges");

// Shown first and in this order; the starred ones are named even when they are missing.
const usual = ["Server*", "Content-Type*", "Content-Length", "Last-Modified*", "ETag*", "Cache-Control"];

// "no-store" keeps the browser's own cache out of it: we see what the server sends.
const ask = (method, headers = {}) => fetch(page, { method, headers, cache: "no-store" });

function element(name, className, ...children) {
  const node = document.createElement(name);
  if (className) node.className = className;
  node.append(...children);
  return node;
}

function row(name, value) {
  const shown = value === null ? element("dd", "absent", "not sent") : element("dd", "", value);
  return element("div", "", element("dt", "", name), shown);
}

// Header names arrive in lower case: content-type becomes Content-Type again.
const titled = (name) =>
  name === "etag" ? "ETag" : name.replace(/(^|-)[a-z]/g, (letters) => letters.toUpperCase());

function rows(headers, nameMissing) {
  const rest = new Map(headers);
  const list = [];
  for (const entry of usual) {
    const name = entry.replace("*", "");
    const value = rest.get(name.toLowerCase()) ?? null;
    rest.delete(name.toLowerCase());
    if (value !== null || (nameMissing && entry !== name)) list.push(row(name, value));
  }
  for (const [name, value] of rest) list.push(row(titled(name), value));
  return list;
}

function exchange(asked, response, expected, explanation, nameMissing) {
  const code = element("span", "code", `${response.status} ${response.statusText}`.trim());
  if (response.status !== expected) code.classList.add("other");
  return element("article", "exchange",
    element("h3", "", element("span", "asked", asked), code),
    element("p", "note", explanation),
    element("dl", "", ...rows(response.headers, nameMissing)));
}

// The strongest validator there is, as the request header that sends it back.
function condition(headers) {
  if (headers.has("etag")) return ["If-None-Match", headers.get("etag")];
  if (headers.has("last-modified")) return ["If-Modified-Since", headers.get("last-modified")];
  return null;
}

async function run() {
  if (button.getAttribute("aria-disabled") === "true") return;
  button.setAttribute("aria-disabled", "true");
  status.textContent = "Asking…";
  try {
    const first = await ask("HEAD");
    const shown = [exchange(`HEAD ${path}`, first, 200, "The headers alone, without the page.", true)];

    const sent = first.ok ? condition(first.headers) : null;
    if (sent) {
      const second = await ask("GET", Object.fromEntries([sent]));
      const explanation = second.status === 304
        ? `Asked again with ${sent[0]}. The page has not changed, so it is not sent again.`
        : `Asked again with ${sent[0]}. The server sent an answer other than 304.`;
      shown.push(exchange(`GET ${path}`, second, 304, explanation, false));
      await second.body?.cancel();
    }

    exchanges.replaceChildren(...shown);
    const time = new Date().toLocaleTimeString("en-GB");
    status.textContent = sent
      ? `Two requests for this page, made at ${time}.`
      : `One request for this page, made at ${time}. ${first.ok
        ? "The answer has no validator to ask again with."
        : "It did not succeed, so there is no second one."}`;
  } catch {
    exchanges.replaceChildren();
    status.textContent = "The server did not answer. Is it still running?";
  }
  button.removeAttribute("aria-disabled");
}

button.hidden = false;
button.addEventListener("click", run);
run();
