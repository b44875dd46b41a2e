// Keeps the page in step with the phones: swaps the parts that changed, marks changed values, and says them aloud.
"use strict";

const root = document.documentElement;
const message = document.getElementById("message");
const announcer = document.getElementById("announcer");
const applied = new Map();
const flipped = new Set();
const HIGHLIGHT_MS = 2600;

root.classList.replace("no-js", "js");

function part(name) {
  return document.querySelector(`[data-part="${name}"]`);
}

function say(text) {
  message.textContent = text;
  message.hidden = !text;
}

function writeTimes() {
  for (const time of document.querySelectorAll("time[data-clock]")) {
    const seconds = time.dataset.clock === "seconds" ? "2-digit" : undefined;
    const format = { hour: "2-digit", minute: "2-digit", second: seconds, hour12: false };
    time.textContent = new Date(time.dateTime).toLocaleTimeString("en-GB", format);
  }
}

function writeWallClock() {
  const format = { hour: "2-digit", minute: "2-digit", hour12: false };
  for (const clock of document.querySelectorAll("[data-wall-clock]")) {
    clock.textContent = new Date().toLocaleTimeString("en-GB", format);
  }
}

function showSides() {
  for (const card of document.querySelectorAll(".card:has(.back)")) {
    const back = flipped.has(card.dataset.serial);
    card.classList.toggle("flipped", back);
    card.querySelector(".front").inert = back;
    card.querySelector(".back").inert = !back;
    card.querySelector(".info").setAttribute("aria-expanded", String(back));
  }
}

function turn(card) {
  const serial = card.dataset.serial;
  if (!flipped.delete(serial)) flipped.add(serial);
  showSides();
  card.querySelector(flipped.has(serial) ? ".back [data-flip]" : ".front [data-flip]").focus();
}

function values() {
  const found = new Map();
  for (const field of document.querySelectorAll(".card [data-field]")) {
    found.set(`${field.closest(".card").dataset.serial} ${field.dataset.field}`, field.dataset.value);
  }
  return found;
}

function spoken(field) {
  const phone = field.closest("[data-phone]")?.dataset.phone;
  const words = field.textContent.replace(/\s+/g, " ").trim();
  return phone ? `${phone}: ${words}` : words;
}

// The phone that does not show in a narrow window has news.
function flag(place) {
  const other = document.querySelector(`[data-show="${place?.dataset.phone.toLowerCase()}"][aria-pressed="false"]`);
  other?.classList.add("news");
}

function markChanges(before) {
  const news = [];
  for (const field of document.querySelectorAll(".card [data-field]")) {
    const old = before.get(`${field.closest(".card").dataset.serial} ${field.dataset.field}`);
    if (old === undefined || old === field.dataset.value) continue;
    field.classList.add("changed");
    setTimeout(() => field.classList.remove("changed"), HIGHLIGHT_MS);
    flag(field.closest("[data-phone]"));
    if (field.closest(".front, .sheet")) news.push(spoken(field));
  }
  if (news.length) announcer.textContent = news.join(". ");
}

function swap(name, html) {
  if (applied.get(name) === html) return;
  applied.set(name, html);
  const place = part(name);
  if (!place) return;
  const focused = place.contains(document.activeElement) ? document.activeElement.id : "";
  place.innerHTML = html;
  if (focused) document.getElementById(focused)?.focus();
}

function showBanner(banner) {
  const at = banner.querySelector(".alert")?.dataset.at || "";
  const shown = at !== "" && at !== sessionStorage.getItem(`dismissed ${banner.id}`);
  banner.classList.toggle("shown", shown);
  banner.querySelector(".dismiss").inert = !shown;
  if (shown && at !== banner.dataset.at) {
    banner.classList.remove("arriving");
    void banner.offsetWidth; // Starts the animation over.
    banner.classList.add("arriving");
  }
  banner.dataset.at = at;
}

function showBanners() {
  document.querySelectorAll(".banner").forEach(showBanner);
}

function dismiss(banner) {
  sessionStorage.setItem(`dismissed ${banner.id}`, banner.dataset.at);
  showBanner(banner);
  const next = ".card:not(.flipped) .info, .card.flipped .back-bar .link, .card .link, .fill";
  banner.closest(".glass").querySelector(next)?.focus();
}

// In a narrow window one phone shows at a time.
function show(phone) {
  for (const button of document.querySelectorAll("[data-show]")) {
    button.setAttribute("aria-pressed", String(button.dataset.show === phone));
    if (button.dataset.show === phone) button.classList.remove("news");
  }
  document.querySelector("main").dataset.shown = phone;
}

function loadColors(url) {
  const old = document.getElementById("card-colors");
  if (old.getAttribute("href") === url) return;
  const link = old.cloneNode();
  link.href = url;
  link.addEventListener("load", () => old.remove());
  old.removeAttribute("id");
  old.after(link);
}

function apply(live) {
  const before = values();
  loadColors(live.colors);
  for (const [name, html] of Object.entries(live.parts)) swap(name, html);
  writeTimes();
  showSides();
  markChanges(before);
  showBanners();
}

async function send(form, button) {
  const data = new FormData(form, button);
  button.setAttribute("aria-busy", "true");
  say("");
  try {
    const answer = await fetch(form.action, { method: "POST", body: data, headers: { Accept: "application/json" } });
    const content = await answer.json().catch(() => ({}));
    if (!answer.ok) say(content.error || `The sandbox answered ${answer.status}.`);
  } catch {
    say("The sandbox does not answer. Is it still running?");
  }
  button.removeAttribute("aria-busy");
}

document.addEventListener("submit", (event) => {
  if (!event.target.matches("form[data-live]")) return;
  event.preventDefault();
  const button = event.submitter || event.target.querySelector("button");
  if (button.getAttribute("aria-busy") !== "true") send(event.target, button);
});

document.addEventListener("click", (event) => {
  const flip = event.target.closest("[data-flip]");
  if (flip) turn(flip.closest(".card"));
  const banner = event.target.closest(".dismiss")?.closest(".banner");
  if (banner) dismiss(banner);
  const choice = event.target.closest("[data-show]");
  if (choice) show(choice.dataset.show);
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  say("");
  const card = document.querySelector(".card.flipped");
  const banner = event.target.closest(".banner");
  if (banner) dismiss(banner);
  else if (card) turn(card);
});

const events = new EventSource(document.body.dataset.events);
events.addEventListener("phone", (event) => {
  const live = JSON.parse(event.data);
  if (String(live.version) === document.body.dataset.version) return;
  document.body.dataset.version = String(live.version);
  apply(live);
});
events.addEventListener("open", () => root.classList.remove("offline"));
events.addEventListener("error", () => root.classList.add("offline"));

writeTimes();
writeWallClock();
setInterval(writeWallClock, 10000);
showSides();
showBanners();
