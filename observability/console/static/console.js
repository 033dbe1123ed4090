/* What the console's pages need in the browser besides NiceGUI: colours, numbers, lazy parts. */
"use strict";

const root = document.documentElement;
const kept = localStorage.getItem("belfry-scheme");
if (kept) root.style.colorScheme = kept;

const belfry = {
  /* The colour that a variable of the style sheet has now, light or dark. */
  colour(name) {
    const probe = document.createElement("i");
    probe.style.color = `var(${name})`;
    document.body.append(probe);
    const found = getComputedStyle(probe).color;
    probe.remove();
    return found;
  },
  /* A value as the server's scale writes it. */
  number(value, factor, decimals, prefix, suffix) {
    if (value === null || value === undefined || Number.isNaN(value)) return "—";
    const scaled = value * factor;
    const places = scaled === 0 ? 0 : decimals;
    const text = scaled.toLocaleString("en-US", {
      minimumFractionDigits: 0,
      maximumFractionDigits: places,
    });
    return `${prefix}${text}${suffix}`;
  },
  /* A click on the dot of a trace opens the trace. */
  open(event) {
    if (event.data && event.data.trace) location.assign(`/traces/${event.data.trace}`);
  },
};
window.belfry = belfry;

/* Says `seen` when it comes into view, and again every so many seconds while it is in view. */
class Lazy extends HTMLElement {
  connectedCallback() {
    this.inView = false;
    this.last = -Infinity;
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
  look() {
    const every = Number(this.getAttribute("every")) || Infinity;
    const due = performance.now() - this.last >= every * 1000 - 100 || this.last === -Infinity;
    if (!this.inView || document.hidden || !due) return;
    this.last = performance.now();
    this.dispatchEvent(new CustomEvent("seen"));
  }
}
customElements.define("belfry-lazy", Lazy);

document.addEventListener("DOMContentLoaded", () => {
  document.getElementById("scheme")?.addEventListener("click", () => {
    const dark =
      (root.style.colorScheme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
    localStorage.setItem("belfry-scheme", dark ? "light" : "dark");
    location.reload();
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

/* The place that the address or the content points out, once it has been loaded. */
new MutationObserver(() => {
  const target = document.querySelector(".lines .here") || (location.hash && document.getElementById(location.hash.slice(1)));
  if (!target || belfry.shown === target.id) return;
  belfry.shown = target.id;
  target.querySelector("details")?.setAttribute("open", "");
  target.scrollIntoView({ block: "center" });
}).observe(root, { childList: true, subtree: true });

/* Coming back by the browser's button, fields that were left out must be usable again. */
addEventListener("pageshow", () => {
  for (const field of document.querySelectorAll("form.toolbar :disabled")) field.disabled = false;
});
