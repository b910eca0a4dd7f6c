"use strict";
// Only what a page without it says as well: instants on the reader's own clock, and countdowns that move.
(() => {
  const chosen = document.documentElement.dataset.zone;
  const zone = chosen || Intl.DateTimeFormat().resolvedOptions().timeZone;
  const clock = new Intl.DateTimeFormat("en-GB", {
    timeZone: zone, weekday: "short", day: "numeric", month: "short", year: "numeric", hour: "2-digit",
    minute: "2-digit", hourCycle: "h23", timeZoneName: "longOffset",
  });
  const page = document.documentElement, tongue = page.lang === "en" ? "en" : `${page.lang}-u-nu-latn`;
  const day = new Intl.DateTimeFormat(tongue, {
    timeZone: zone, weekday: "short", day: "numeric", month: "short", year: "numeric", hour: "2-digit",
    minute: "2-digit", hourCycle: "h23",
  });
  const written = (at) => {
    const part = Object.fromEntries(clock.formatToParts(at).map(({ type, value }) => [type, value]));
    const offset = part.timeZoneName.replace("GMT", "UTC").replace("+00:00", "");
    if (tongue !== "en") return `${day.format(at)} ${offset}`;
    return `${part.weekday} ${part.day} ${part.month.slice(0, 3)} ${part.year}, ${part.hour}:${part.minute} ${offset}`;
  };
  const some = (count, unit) => new Intl.NumberFormat(tongue, { style: "unit", unit, unitDisplay: "long" }).format(count);
  const rest = (...parts) => page.dataset.left.replace("TIME", parts.filter(Boolean).join(" "));
  const left = (seconds) => {
    if (seconds <= 0) return page.dataset.over;
    const days = Math.floor(seconds / 86400), hours = Math.floor(seconds / 3600) % 24;
    const minutes = Math.floor(seconds / 60) % 60;
    if (days + hours === 0) return rest(minutes && some(minutes, "minute"), some(seconds % 60, "second"));
    return rest(days && some(days, "day"), hours && some(hours, "hour"), !days && minutes && some(minutes, "minute"));
  };
  for (const time of document.querySelectorAll("time")) time.textContent = written(new Date(time.dateTime));
  for (const name of document.querySelectorAll("[data-zone-name]")) name.textContent = zone;
  // The reader's clock may be wrong; what counts is the server's.
  const ahead = Date.now() - new Date(document.documentElement.dataset.now);
  const counted = document.querySelectorAll("[data-until]");
  const tick = () => {
    for (const one of counted) one.textContent = left(Math.ceil((new Date(one.dataset.until) - Date.now() + ahead) / 1000));
  };
  if (counted.length) { tick(); setInterval(tick, 1000); }
  const summary = document.querySelector(".summary");
  if (summary) summary.focus();
})();
