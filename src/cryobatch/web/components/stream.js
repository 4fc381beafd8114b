// The event stream itself: kept open, again after a loss from the event that was seen last.

const AGAIN_MS = 3000;

/** The number in an event's id; the rest of the id tells one run of the server from the next. */
export const numberOf = (id) => Number(id.split("-")[1]);

/**
 * Open the stream.
 * @param {string} after id of the last event that is known
 * @param {(news: {kind: "live"|"lost"|"change"|"reset", id?: string, data?: string}) => void} tell
 * @returns {() => void} closes it
 */
export function openStream(after, tell) {
  let last = after;
  let source = null;
  let timer = null;

  function open() {
    source = new EventSource(`/api/v1/events?after=${encodeURIComponent(last)}`);
    source.addEventListener("open", () => tell({ kind: "live" }));
    source.addEventListener("error", () => {
      tell({ kind: "lost" });
      if (source.readyState === EventSource.CLOSED) timer = setTimeout(open, AGAIN_MS);
    });
    for (const kind of ["change", "reset"]) {
      source.addEventListener(kind, ({ lastEventId: id, data }) => {
        last = id;
        tell({ kind, id, data });
      });
    }
  }

  open();
  return () => {
    clearTimeout(timer);
    source.close();
  };
}
