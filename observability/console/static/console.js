/* What the console's pages need in the browser: light and dark, lazy parts, tooltips, forms. */
"use strict";

const root = document.documentElement;
const kept = localStorage.getItem("belfry-scheme");
if (kept) root.style.colorScheme = kept;

/* What the reader has opened, and where the focus is, outlives a refresh. */
const FOCUSABLE = "a[href], summary, button, input, select, [tabindex]";
function refill(part, html) {
  const open = [...part.querySelectorAll("details")].map((one) => one.open);
  const focused = [...part.querySelectorAll(FOCUSABLE)].indexOf(document.activeElement);
  part.innerHTML = html;
  part.querySelectorAll("details").forEach((one, number) => {
    if (open[number]) one.open = true;
  });
  if (focused >= 0) part.querySelectorAll(FOCUSABLE)[focused]?.focus({ preventScroll: true });
}

/* Loads its content when it comes into view, and again every so many seconds while it is in view. */
class Lazy extends HTMLElement {
  connectedCallback() {
    this.inView = false;
    this.last = this.hasAttribute("drawn") ? performance.now() : -Infinity;
    this.observer = new IntersectionObserver(
      (entries) => {
        this.inView = entries.some((entry) => entry.isIntersecting);
        this.look();
      },
      { rootMargin: "120px" },
    );
    this.observer.observe(this);
    this.timer = setInterval(() => this.look(), 1000);
  }
  disconnectedCallback() {
    this.observer.disconnect();
    clearInterval(this.timer);
  }
  async look() {
    const every = Number(this.getAttribute("every")) || Infinity;
    const due = this.last === -Infinity || performance.now() - this.last >= every * 1000 - 100;
    if (!this.inView || document.hidden || this.busy || !due) return;
    this.busy = true;
    this.last = performance.now();
    try {
      const answer = await fetch(this.address());
      if (!answer.ok) throw new Error(`it answers ${answer.status}`);
      this.show(await answer.text());
      this.failures = 0;
    } catch (error) {
      /* Asked again in a second: one connection that breaks is not worth a word. */
      this.last = -Infinity;
      this.failures = (this.failures ?? 0) + 1;
      if (this.failures > 1) this.failed(error);
    }
    this.busy = false;
    if (this.failures !== 1) this.setAttribute("aria-busy", "false");
  }
  address() {
    return this.getAttribute("src");
  }
  show(html) {
    refill(this, html);
    pointOut();
  }
  failed(error) {
    const said = document.createElement("p");
    said.className = "down";
    said.setAttribute("role", "alert");
    said.textContent = `The console does not answer (${error.message}). This part fills itself again once it is back.`;
    this.replaceChildren(said);
  }
}
customElements.define("belfry-lazy", Lazy);

/* Log lines as they come: the new ones above those that are there. */
const MOST_LINES = 2000;
class Tail extends Lazy {
  address() {
    const looked = this.looked ? `&since=${this.looked}` : "";
    return super.address() + looked;
  }
  show(html) {
    const [said, list] = this.children;
    const batch = document.createElement("template");
    batch.innerHTML = html;
    const there = new Set([...list.querySelectorAll("li[data-key]")].map((line) => line.dataset.key));
    for (const line of batch.content.querySelectorAll("li[data-key]")) if (there.has(line.dataset.key)) line.remove();
    this.looked = batch.content.firstElementChild.dataset.looked ?? this.looked;
    const lines = batch.content.querySelector("ol");
    if (lines?.children.length) list.prepend(lines);
    const all = list.querySelectorAll("li[data-key]");
    for (const line of [...all].slice(MOST_LINES)) line.remove();
    said.textContent = all.length ? "following" : "no line yet; following";
    if (!lines) said.replaceWith(batch.content);
  }
}
customElements.define("belfry-tail", Tail);

/* A value as the server's scale writes it. */
function written(value, [factor, decimals, prefix, suffix]) {
  const scaled = value * factor;
  const text = scaled.toLocaleString("en-US", { maximumFractionDigits: scaled === 0 ? 0 : decimals });
  return `${prefix}${text}${suffix}`;
}

/* The values beside the pointer, highest first. */
function tip(chart, plot, event) {
  const { series, scale } = JSON.parse(chart.dataset.points);
  const length = Number(chart.dataset.length);
  const box = plot.getBoundingClientRect();
  const share = Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
  const at = share * length;
  const near = ([, , points]) => points.reduce((a, b) => (Math.abs(b[0] - at) < Math.abs(a[0] - at) ? b : a), [Infinity]);
  const found = series.map((one) => [one, near(one)]).filter(([, point]) => Math.abs(point[0] - at) < length / 40);
  found.sort((a, b) => b[1][1] - a[1][1]);
  const shown = document.createElement("div");
  shown.className = "tip";
  shown.append(new Date((Number(chart.dataset.from) + at) * 1000).toISOString().slice(11, 19) + " UTC");
  for (const [[name, colour], point] of found.slice(0, 12)) {
    const row = document.createElement("div");
    row.style.setProperty("--shade", colour);
    row.append(`${name}: `, Object.assign(document.createElement("b"), { textContent: written(point[1], scale) }));
    shown.append(row);
  }
  plot.querySelector(".tip")?.remove();
  plot.append(shown);
  shown.style.left = `${share * 100}%`;
  shown.classList.toggle("left", share > 0.5);
}
document.addEventListener("pointermove", (event) => {
  const plot = event.target.closest?.(".chart[data-points] .plot");
  for (const other of document.querySelectorAll(".tip")) if (other.parentElement !== plot) other.remove();
  if (plot) tip(plot.parentElement, plot, event);
});

/* A click on a name of the legend shows this series alone, and all of them again. */
document.addEventListener("click", (event) => {
  const name = event.target.closest?.(".legend li");
  if (!name) return;
  const alone = name.classList.toggle("alone");
  for (const other of name.parentElement.children) if (other !== name) other.classList.remove("alone");
  const part = name.closest("belfry-lazy");
  for (const shape of part.querySelectorAll(".plot path[data-series]"))
    shape.classList.toggle("away", alone && shape.dataset.series !== name.dataset.series);
});

/* The place that the address or the content points out, once it has been loaded. */
let pointed = "";
function pointOut() {
  const target = document.querySelector(".lines .here") || (location.hash && document.getElementById(location.hash.slice(1)));
  if (!target || pointed === target.id) return;
  pointed = target.id;
  (target.matches("details") ? target : target.querySelector("details"))?.setAttribute("open", "");
  target.scrollIntoView({ block: "center" });
}

document.addEventListener("DOMContentLoaded", () => {
  pointOut();
  document.getElementById("scheme")?.addEventListener("click", () => {
    const dark =
      (root.style.colorScheme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
    root.style.colorScheme = dark ? "light" : "dark";
    localStorage.setItem("belfry-scheme", root.style.colorScheme);
  });
  /* A choice takes effect at once; empty fields stay out of the address. */
  for (const form of document.querySelectorAll("form.toolbar[method=get]")) {
    form.addEventListener("change", (event) => {
      if (event.target.matches("select, input[type=checkbox]")) form.requestSubmit();
    });
    form.addEventListener("submit", () => {
      for (const field of form.elements) if (field.name && !field.value && field.name !== "refresh") field.disabled = true;
    });
  }
});

/* Coming back by the browser's button, fields that were left out must be usable again. */
addEventListener("pageshow", () => {
  for (const field of document.querySelectorAll("form.toolbar :disabled")) field.disabled = false;
});
