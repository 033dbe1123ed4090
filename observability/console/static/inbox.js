// Shows times in the reader's own zone, and says when something arrived since the page was made.
for (const moment of document.querySelectorAll("time")) {
  const at = new Date(moment.dateTime);
  moment.title = moment.textContent;
  moment.textContent = at.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "medium" });
}

const news = document.getElementById("news");
const arrived = [];
const stream = new EventSource(`/api/inbox/stream?after=${news.dataset.last}`);
stream.addEventListener("notification", (event) => {
  const one = JSON.parse(event.data);
  arrived.push(one);
  const again = document.createElement("a");
  again.href = location.pathname;
  again.textContent = `${arrived.length} new: show`;
  news.replaceChildren(again, ` · ${one.status}: ${one.summary || one.name}`);
  document.title = `(${arrived.length}) ${document.title.replace(/^\(\d+\) /, "")}`;
});
addEventListener("pagehide", () => stream.close());
