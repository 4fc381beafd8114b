// The event stream: one for a page; what was missed while the connection was lost is sent again.

const HIDDEN_MS = 60_000;

/**
 * Listen for changes.
 * @param {string} first id of the last event that the page knows of
 * @param {(change: {topics: string[], images: number[]|null, log: number}|null, number: number) =>
 *   void} hear gets each change with its number, or null when some were missed: then everything is
 *   asked for anew
 * @param {(live: boolean) => void} show is told whether the connection stands
 */
export function listen(first, hear, show) {
  let last = first;
  let source = null;
  let timer = null;

  function open() {
    source = new EventSource(`/api/v1/events?after=${encodeURIComponent(last)}`);
    source.addEventListener("open", () => show(true));
    source.addEventListener("error", () => {
      show(false);
      if (source.readyState === EventSource.CLOSED) {
        close();
        timer = setTimeout(open, 3000);
      }
    });
    source.addEventListener("change", (event) => {
      last = event.lastEventId;
      hear(JSON.parse(event.data), number(last));
    });
    source.addEventListener("reset", (event) => {
      last = event.lastEventId;
      hear(null, number(last));
    });
  }

  const number = (id) => Number(id.split("-")[1]);

  function close() {
    clearTimeout(timer);
    source?.close();
    source = null;
  }

  // A page that nobody sees costs nothing; when it is seen again it hears what it has missed.
  document.addEventListener("visibilitychange", () => {
    clearTimeout(timer);
    if (document.hidden) timer = setTimeout(close, HIDDEN_MS);
    else if (source === null) open();
  });
  open();
}
