// As much of a browser as a login needs: cookies, redirects, forms. Scripts are
// not run; where a page would submit its form by one, the test does.
import assert from 'node:assert/strict';

const ENTITIES = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };
const unescape = (text) =>
  text.replace(/&(?:#x([0-9a-f]+)|#(\d+)|(\w+));/gi, (whole, hex, decimal, name) =>
    hex || decimal ? String.fromCodePoint(hex ? parseInt(hex, 16) : Number(decimal)) : (ENTITIES[name] ?? whole),
  );

/** The attributes of a tag; one without a value is ''. */
function attributes(tag) {
  const found = tag.matchAll(/([^\s"'<>/=]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+)))?/g);
  return Object.fromEntries([...found].map(([, name, a, b, c]) => [name.toLowerCase(), unescape(a ?? b ?? c ?? '')]));
}

class Page {
  constructor(url, response, html) {
    Object.assign(this, { url, status: response.status, headers: response.headers, html });
    this.forms = [...html.matchAll(/<form\b([^>]*)>(.*?)<\/form>/gis)].map(([, tag, inside]) => {
      const { action = '', method = 'get' } = attributes(tag);
      const controls = [...inside.matchAll(/<(?:input|button|select)\b([^>]*)>/gi)].map(([, tag]) => attributes(tag));
      // The fields that a browser would send: no buttons, and no boxes that are not ticked.
      const fields = controls.filter(
        ({ name, type, checked }) =>
          name && !['submit', 'button'].includes(type) && (!['radio', 'checkbox'].includes(type) || checked !== undefined),
      );
      return {
        action: new URL(action, url),
        method: method.toUpperCase(),
        names: controls.map(({ name }) => name).filter(Boolean),
        fields: Object.fromEntries(fields.map(({ name, value = '' }) => [name, value])),
      };
    });
  }

  /** The form that is sent to this path and has these controls. */
  form(path, ...names) {
    const form = this.forms.find((it) => it.action.pathname === path && names.every((name) => it.names.includes(name)));
    assert.ok(form, `${this.url} (${this.status}) has no form to ${path} with ${names}:\n${this.html}`);
    return form;
  }

  /** Where the link with these words leads. */
  link(words) {
    const links = [...this.html.matchAll(/<a\b([^>]*)>(.*?)<\/a>/gis)];
    const found = links.find(([, , inside]) => unescape(inside).trim() === words);
    assert.ok(found, `${this.url} (${this.status}) has no link "${words}":\n${this.html}`);
    return new URL(attributes(found[1]).href, this.url);
  }

  json() {
    assert.equal(this.status, 200, `${this.url}: ${this.html}`);
    return JSON.parse(this.html);
  }
}

export class Browser {
  // By host name: a browser does not tell ports apart, nor http from https on loopback.
  #cookies = new Map();
  /** Every address that was asked for. */
  visited = [];

  #jar(url) {
    if (!this.#cookies.has(url.hostname)) this.#cookies.set(url.hostname, new Map());
    return this.#cookies.get(url.hostname);
  }

  forget(name) {
    for (const jar of this.#cookies.values()) for (const key of [...jar.keys()]) if (key.startsWith(name)) jar.delete(key);
  }

  /** Goes there, and on to wherever it is sent. */
  async visit(address, body) {
    let url = new URL(address);
    for (let hop = 0; hop < 20; hop++) {
      this.visited.push(url.href);
      const jar = this.#jar(url);
      const response = await fetch(url, {
        method: body ? 'POST' : 'GET',
        body: body && new URLSearchParams(body),
        redirect: 'manual',
        // As browsers do with a page that lets its own origin be known.
        headers: { ...(body && { origin: url.origin }), accept: 'text/html', cookie: [...jar].map(([name, value]) => `${name}=${value}`).join('; ') },
      });
      for (const line of response.headers.getSetCookie()) {
        const [pair, ...rest] = line.split(';');
        const { expires, 'max-age': age } = attributes(rest.join(' ').replace(/expires=([^;]*?GMT)/i, 'expires="$1"'));
        const gone = age !== undefined ? Number(age) <= 0 : expires !== undefined && Date.parse(expires) <= Date.now();
        const [name, ...value] = pair.trim().split('=');
        if (gone) jar.delete(name);
        else jar.set(name, value.join('='));
      }
      const location = response.headers.get('location');
      if (!location || response.status < 300 || response.status > 399) {
        return new Page(url, response, await response.text());
      }
      await response.body?.cancel();
      url = new URL(location, url);
      if (![307, 308].includes(response.status)) body = undefined;
    }
    throw new Error(`redirected without end: ${this.visited.slice(-5).join('\n')}`);
  }

  submit(form, fields = {}) {
    const all = { ...form.fields, ...fields };
    if (form.method === 'POST') return this.visit(form.action, all);
    return this.visit(Object.assign(new URL(form.action), { search: String(new URLSearchParams(all)) }));
  }
}
