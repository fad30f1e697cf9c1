// Shows decisions as they are made. Rows are HTML of this server, in which foreign text is escaped.
'use strict';
(() => {
  const MOST_ROWS = 200;
  const rows = document.getElementById('rows');
  const state = document.getElementById('state');
  const after = rows.dataset.after;
  const source = new EventSource('/console/live/events' + (after ? '?after=' + encodeURIComponent(after) : ''));
  const say = (words) => {
    state.textContent = words;
  };
  source.addEventListener('open', () => say('Waiting for decisions.'));
  source.addEventListener('decision', (event) => {
    const row = document.createElement('template');
    row.innerHTML = JSON.parse(event.data);
    rows.prepend(row.content);
    while (rows.children.length > MOST_ROWS) rows.lastElementChild.remove();
    say('Waiting for decisions.');
  });
  source.addEventListener('end', () => {
    source.close();
    say('Your session has ended. Log in again to go on.');
  });
  source.addEventListener('error', () => {
    say(source.readyState === EventSource.CLOSED ? 'Decisions cannot be shown live now: there may be too many viewers, or your session has ended.' : 'The connection is lost; trying again.');
  });
})();
