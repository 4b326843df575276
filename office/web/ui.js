// ui.js - what all pages are made of: elements, numbers as people write them, tables, forms, dialogs, charts.
// Whatever comes from head office becomes text nodes, never markup.
//
//   el money points day time number badge stat section title tabs   small pieces
//   table(columns, rows, options)       sorting, filter, paging, CSV, print
//   form(fields, options)               labels, faults at their field, one submission at a time
//   confirm(options), dialog(...)       questions; toast(text) for what was done
//   chart(kind, options)                Chart.js, with the figures as a table below
//   progress(options)                   a long job: how far, and a way to end it
// SPDX-License-Identifier: Apache-2.0
import { locale, t } from './i18n.js';

let programme = { name: '', currency: 'GBP', digits: 2, today: '' };

/** What amounts are written in: { name, currency, digits, today }. */
export function setProgramme(p) {
    programme = { ...programme, ...p };
}

/** Today by head office's clock, "2026-11-22". */
export function today() {
    return programme.today || new Date().toISOString().slice(0, 10);
}

/* ---- elements ---- */

/** el('button.btn', { onclick: f, 'aria-label': 'x' }, 'text', child, [children]): an element. null is left out. */
export function el(what, attributes, ...children) {
    const [tag, ...classes] = what.split('.');
    const e = document.createElement(tag || 'div');
    if (classes.length)
        e.className = classes.join(' ');
    for (const [name, value] of Object.entries(attributes || {})) {
        if (value === null || value === undefined || value === false)
            continue;
        if (name.startsWith('on'))
            e.addEventListener(name.slice(2), value);
        else if (name === 'value' || name === 'checked' || name === 'disabled' || name === 'selected')
            e[name] = value;
        else
            e.setAttribute(name, value === true ? '' : value);
    }
    put(e, children);
    return e;
}

function put(e, children) {
    for (const c of children.flat(Infinity))
        if (c !== null && c !== undefined && c !== false)
            e.append(c instanceof Node ? c : String(c));
}

/** Empties an element and puts these in. */
export function fill(e, ...children) {
    e.replaceChildren();
    put(e, children);
    return e;
}

let last = 0;
/** An id no other element has. */
export function newId(stem) {
    return `${stem}-${++last}`;
}

/** A button.  kind: primary, secondary, danger, link ...; f may be async: it cannot be pressed twice meanwhile. */
export function button(text, f, kind = 'secondary', attributes = {}) {
    const outline = kind === 'secondary' ? 'outline-secondary' : kind;
    const b = el(`button.btn.btn-${outline}`, { type: 'button', ...attributes, onclick: async e => {
        b.disabled = true;
        try {
            await f(e);
        } catch (error) {
            toast(error.message, 'bad');
        } finally {
            b.disabled = false;
        }
    } }, text);
    return b;
}

/* ---- numbers, days and times as people write them ---- */

/** Minor units as text without any floating point: 12345 -> "123.45". */
function decimal(minor, digits) {
    const text = String(Math.abs(minor)).padStart(digits + 1, '0');
    return (minor < 0 ? '-' : '') + (digits ? text.slice(0, -digits) + '.' + text.slice(-digits) : text);
}

/** Money in minor units, in the programme's currency; '' for null. */
export function money(minor) {
    if (minor === null || minor === undefined)
        return '';
    const digits = programme.digits;
    return new Intl.NumberFormat(locale(), { style: 'currency', currency: programme.currency,
        minimumFractionDigits: digits, maximumFractionDigits: digits }).format(decimal(minor, digits));
}

/** "12.50" typed by a person -> 1250; null when it is no amount. */
export function moneyTyped(text) {
    const digits = programme.digits;
    const m = /^(-?)(\d{1,13})(?:[.](\d+))?$/.exec(text.trim().replace(/[,，\s]/g, ''));
    if (!m || (m[3] || '').length > digits)
        return null;
    return Number(m[1] + m[2] + (m[3] || '').padEnd(digits, '0')) || 0;
}

/** Minor units as a person would type them: 1250 -> "12.50". */
export function moneyToType(minor) {
    return minor === null || minor === undefined ? '' : decimal(minor, programme.digits);
}

/** A whole number with separators; '' for null. */
export function number(n) {
    return n === null || n === undefined ? '' : new Intl.NumberFormat(locale()).format(n);
}

/** Points; signed: with + before what is added. */
export function points(n, signed) {
    return (signed && n > 0 ? '+' : '') + number(n);
}

/** "2026-11-22" -> as the language writes a day; for null: the word for never, or ''. */
export function day(text, never = '') {
    if (!text)
        return never;
    const d = new Date(text.slice(0, 10) + 'T00:00:00Z');
    return new Intl.DateTimeFormat(locale(), { dateStyle: 'medium', timeZone: 'UTC' }).format(d);
}

/** The same without the year, for charts. */
export function dayShort(text) {
    return new Intl.DateTimeFormat(locale(), { day: 'numeric', month: 'short', timeZone: 'UTC' }).format(new Date(text + 'T00:00:00Z'));
}

/** "2026-11-22T13:05:00" -> day and time.  Business time: as it was on the clock of the shop. */
export function time(text, never = '') {
    if (!text)
        return never;
    const d = new Date(text.replace(' ', 'T').slice(0, 19) + 'Z');
    return new Intl.DateTimeFormat(locale(), { dateStyle: 'medium', timeStyle: 'short', timeZone: 'UTC' }).format(d);
}

/** A ratio a/b as percent with one place: percent(1, 3) -> "33.3%". */
export function percent(a, b = 100) {
    return b ? new Intl.NumberFormat(locale(), { style: 'percent', maximumFractionDigits: 1 }).format(a / b) : '–';
}

/** A value by its type, as tables and definition lists show it. */
export function shown(type, value) {
    switch (type) {
    case 'money': return money(value);
    case 'points': return points(value);
    case 'int': return number(value);
    case 'day': return day(value);
    case 'time': return time(value);
    case 'bool': return value ? t('yes') : t('no');
    default: return value === null || value === undefined ? '' : String(value);
    }
}

/* ---- small pieces ---- */

const badgeColours = { ok: 'success', info: 'primary', warn: 'warning', bad: 'danger', off: 'secondary' };

/** A word on a colour; kind: ok, info, warn, bad, off. */
export function badge(text, kind = 'off') {
    const colour = badgeColours[kind] || 'secondary';
    return el(`span.badge.text-bg-${colour}`, {}, text);
}

/** A figure with its name.  options: note, href, kind. */
export function stat(name, value, options = {}) {
    const body = el('div.card-body.py-2', {}, el('div.small.text-muted', {}, name),
        el(`div.stat${options.kind ? '.text-' + badgeColours[options.kind] : ''}`, {}, value),
        options.note ? el('div.small.text-muted', {}, options.note) : null);
    return el('div.col', {}, options.href ? el('a.card.h-100.text-decoration-none.text-reset', { href: options.href }, body)
        : el('div.card.h-100', {}, body));
}

/** Figures side by side: stats(stat(...), stat(...)). */
export function stats(...children) {
    return el('div.row.row-cols-2.row-cols-md-3.row-cols-xl-4.g-2.mb-3', {}, ...children);
}

/** A part of a page with its heading; more children follow. */
export function section(heading, ...children) {
    return el('section.mb-4', {}, heading ? el('h2.h5.mb-2', {}, heading) : null, ...children);
}

/** Names and values: facts([[t('Tier'), 'Gold'], ...]). */
export function facts(pairs) {
    return el('dl.row.facts.mb-2', {}, pairs.filter(Boolean).map(([name, value]) =>
        [el('dt.col-5.col-sm-4', {}, name), el('dd.col-7.col-sm-8', {}, value === '' || value === null || value === undefined ? '–' : value)]));
}

/** A sentence that wants to be seen; kind: ok, info, warn, bad. */
export function notice(text, kind = 'info', ...children) {
    return el(`div.alert.alert-${badgeColours[kind]}`, { role: kind === 'bad' ? 'alert' : 'status' }, text, ...children);
}

/** The page's heading, and buttons at its side. */
export function title(text, ...actions) {
    document.title = text + ' – ' + (programme.name || 'patron');
    const h = document.getElementById('title');
    if (h)
        h.textContent = text;
    const a = document.getElementById('actions');
    if (a)
        fill(a, ...actions);
}

/** Draws the page anew, after something was changed. */
export function redraw() {
    window.dispatchEvent(new HashChangeEvent('hashchange'));
}

/** Parts of a page, one shown at a time: tabs([{ title, show: async panel => ... }], first). */
export function tabs(list, first = 0) {
    const panel = el('div.pt-3', { role: 'tabpanel', tabindex: '0' });
    const links = list.map((p, i) => el('button.nav-link', { type: 'button', role: 'tab', id: newId('tab'),
        onclick: () => choose(i) }, p.title));
    const bar = el('ul.nav.nav-tabs', { role: 'tablist', onkeydown: e => {
        const step = { ArrowRight: 1, ArrowLeft: -1 }[e.key];
        if (step) {
            const next = (links.indexOf(document.activeElement) + step + links.length) % links.length;
            links[next].focus();
            choose(next);
        }
    } }, links.map(l => el('li.nav-item', { role: 'presentation' }, l)));
    async function choose(i) {
        links.forEach((l, n) => {
            l.classList.toggle('active', n === i);
            l.setAttribute('aria-selected', n === i);
            l.tabIndex = n === i ? 0 : -1;
        });
        panel.setAttribute('aria-labelledby', links[i].id);
        const inside = el('div', { 'data-state': 'loading' });
        fill(panel, inside);
        try {
            await list[i].show(inside);
            inside.dataset.state = 'ready';
        } catch (e) {
            inside.append(notice(e.message, 'bad'));
            inside.dataset.state = 'failed';
        }
    }
    choose(first);
    return el('div', {}, bar, panel);
}

/* ---- tables ---- */

const rightAligned = new Set(['money', 'points', 'int']);

function cell(column, row) {
    const value = row[column.key];
    const inside = column.show ? column.show(row) : shown(column.type, value);
    return el(rightAligned.has(column.type) ? 'td.text-end.text-nowrap' : ['day', 'time'].includes(column.type) ? 'td.text-nowrap' : column.wide ? 'td.wide' : 'td',
        {}, inside);
}

function csvText(columns, rows) {
    const quote = v => {
        let s = v === null || v === undefined ? '' : String(v);
        if (typeof v === 'string' && /^[=+\-@\t\r]/.test(s)) // or a spreadsheet would compute it
            s = "'" + s;
        return /[",\r\n]/.test(s) ? '"' + s.replaceAll('"', '""') + '"' : s;
    };
    const lines = [columns.map(c => quote(c.title)), ...rows.map(r => columns.map(c => quote(
        typeof r[c.key] === 'object' && r[c.key] !== null ? JSON.stringify(r[c.key]) : r[c.key])))];
    return '\ufeff' + lines.map(l => l.join(',')).join('\r\n') + '\r\n';
}

/** A table.
 *  columns: [{ key, title, type: text|int|points|money|day|time|bool, show: row => text or node, sort: row => value,
 *             wide: sentences stand in it }]
 *  options: name (of the CSV file), caption, empty (sentence), sort ('key' or '-key'), pageSize (25), filter (true),
 *           csv (address of head office's own file; else one is made of the rows), tools (more buttons),
 *           link: row => '#/...' (on the first column), actions: row => [buttons], rowKind: row => 'warning' ...
 *  The element has setRows(rows). */
export function table(columns, rows, options = {}) {
    const pageSize = options.pageSize || 25;
    let order = options.sort || '', page = 0, wanted = '', all = false;
    const body = el('tbody');
    const pager = el('nav.d-flex.align-items-center.gap-2.noprint', { 'aria-label': t('Pages of the table') });
    const search = options.filter === false ? null : el('input.form-control.form-control-sm.filter', { type: 'search',
        placeholder: t('Filter'), 'aria-label': t('Filter the table'), oninput: () => {
            wanted = search.value.toLowerCase();
            page = 0;
            draw();
        } });
    const heads = columns.map(c => {
        const sorter = c.title && c.sort !== false ? el('button.sorter', { type: 'button', onclick: () => {
            order = order === c.key ? '-' + c.key : c.key;
            draw();
        } }, c.title) : c.title;
        return el(rightAligned.has(c.type) ? 'th.text-end' : 'th', { scope: 'col' }, sorter);
    });
    const save = el('a.btn.btn-sm.btn-outline-secondary', { href: options.csv || '#',
        download: (options.name || 'table') + '.csv', onclick: e => {
            if (options.csv)
                return;
            e.preventDefault();
            const url = URL.createObjectURL(new Blob([csvText(columns.filter(c => c.key), chosenRows())], { type: 'text/csv' }));
            const a = el('a', { href: url, download: (options.name || 'table') + '.csv' });
            a.click();
            setTimeout(() => URL.revokeObjectURL(url), 1000);
        } }, 'CSV');
    const print = button(t('Print'), () => {
        all = true; // every page of it, on paper
        draw();
        window.print();
        all = false;
        draw();
    }, 'secondary', { class: 'btn btn-sm btn-outline-secondary' });
    const caption = el('caption.visually-hidden', {}, options.caption || document.getElementById('title')?.textContent || '');

    function text(row) {
        return columns.map(c => {
            const s = c.show ? c.show(row) : shown(c.type, row[c.key]);
            return s instanceof Node ? s.textContent : s;
        }).join(' ').toLowerCase();
    }
    function chosenRows() {
        const found = wanted ? rows.filter(r => text(r).includes(wanted)) : [...rows];
        const key = order.replace(/^-/, ''), column = columns.find(c => c.key === key), sign = order[0] === '-' ? -1 : 1;
        if (!column)
            return found;
        const value = r => column.sort ? column.sort(r) : r[key];
        return found.sort((a, b) => {
            const x = value(a), y = value(b);
            if (x === y)
                return 0;
            if (x === null || x === undefined || x === '')
                return 1; // what is missing comes last, either way
            if (y === null || y === undefined || y === '')
                return -1;
            return sign * (typeof x === 'number' && typeof y === 'number' ? x - y : String(x).localeCompare(String(y), locale(), { numeric: true }));
        });
    }
    function draw() {
        const found = chosenRows(), pages = Math.max(1, Math.ceil(found.length / pageSize));
        page = Math.min(page, pages - 1);
        const here = all ? found : found.slice(page * pageSize, (page + 1) * pageSize);
        columns.forEach((c, i) => heads[i].setAttribute('aria-sort', order === c.key ? 'ascending' : order === '-' + c.key ? 'descending' : 'none'));
        fill(body, here.map(r => {
            const cells = columns.map(c => cell(c, r));
            if (options.link) {
                const href = options.link(r);
                if (href)
                    fill(cells[0], el('a', { href }, ...cells[0].childNodes));
            }
            const kind = options.rowKind?.(r);
            return el(kind ? `tr.table-${kind}` : 'tr', {}, cells, options.actions
                ? el('td.text-end.noprint', {}, el('div.d-flex.flex-wrap.gap-1.justify-content-end', {}, options.actions(r))) : null);
        }), here.length ? null : el('tr', {}, el('td.text-muted', { colspan: columns.length + (options.actions ? 1 : 0) },
            wanted ? t('Nothing matches.') : options.empty || t('Nothing here yet.'))));
        fill(pager, el('span.small.text-muted', { 'aria-live': 'polite' }, pages > 1
            ? t('{from} to {to} of {n}', { from: number(page * pageSize + 1), to: number(page * pageSize + here.length), n: number(found.length) })
            : t('{n} rows', { n: number(found.length) })),
        pages > 1 ? [
            el('button.btn.btn-sm.btn-outline-secondary', { type: 'button', disabled: page === 0, 'aria-label': t('Page before'),
                onclick: () => turn(-1) }, '‹'),
            el('button.btn.btn-sm.btn-outline-secondary', { type: 'button', disabled: page >= pages - 1, 'aria-label': t('Next page'),
                onclick: () => turn(1) }, '›')] : null);
    }
    function turn(by) {
        page += by;
        draw();
    }
    const whole = el('div.mb-3', {},
        el('div.d-flex.flex-wrap.gap-2.mb-2.noprint', {}, search, el('div.ms-auto.d-flex.flex-wrap.gap-2', {}, options.tools, save, print)),
        el('div.table-responsive', { tabindex: '0', role: 'region', 'aria-label': options.caption || t('Table') },
            el('table.table.table-sm.table-hover.align-middle.mb-1', {}, caption, el('thead', {}, el('tr', {}, heads,
                options.actions ? el('th.noprint', { scope: 'col' }, el('span.visually-hidden', {}, t('Actions'))) : null)), body)),
        pager);
    whole.setRows = r => {
        rows = r;
        draw();
    };
    draw();
    return whole;
}

/* ---- forms ---- */

function inputOf(f, id) {
    const common = { id, name: f.name, required: f.required, 'aria-describedby': `${id}-help ${id}-fault`, disabled: f.disabled,
        autocomplete: f.autocomplete || 'off' };
    const value = f.value ?? null;
    switch (f.type) {
    case 'select':
        return el('select.form-select', common, f.required && value === null ? el('option', { value: '' }, '') : null,
            (f.options || []).map(([v, label]) => el('option', { value: String(v), selected: String(v) === String(value) }, label)));
    case 'bool':
        return el('input.form-check-input', { ...common, required: null, type: 'checkbox', checked: Boolean(value) });
    case 'many': // several of the options: a list of values
        return el('div', { id, role: 'group', 'aria-labelledby': `${id}-label` }, (f.options || []).map(([v, label]) =>
            el('label.form-check.form-check-inline', {}, el('input.form-check-input', { type: 'checkbox', name: f.name, value: String(v),
                checked: (value || []).includes(v) }), el('span.form-check-label', {}, label))));
    case 'textarea':
        return el('textarea.form-control', { ...common, rows: f.rows || 4, maxlength: f.maxLength, value: value ?? '',
            spellcheck: f.spellcheck === false ? 'false' : null });
    case 'file':
        return el('input.form-control', { ...common, type: 'file', accept: f.accept });
    case 'int': case 'points':
        return el('input.form-control', { ...common, type: 'text', inputmode: 'numeric', value: value ?? '', placeholder: f.placeholder });
    case 'money':
        return el('input.form-control', { ...common, type: 'text', inputmode: 'decimal', value: moneyToType(value), placeholder: f.placeholder });
    case 'day':
        return el('input.form-control', { ...common, type: 'date', value: value ?? '', min: f.min, max: f.max });
    case 'time':
        return el('input.form-control', { ...common, type: 'datetime-local', step: '1', value: value ?? '' });
    default:
        return el('input.form-control', { ...common, type: f.type || 'text', value: value ?? '', maxlength: f.maxLength,
            inputmode: f.inputmode, placeholder: f.placeholder, list: f.suggest ? `${id}-list` : null });
    }
}

/** What was typed as the API wants it, or a fault: [value, sentence]. */
function valueOf(f, input) {
    if (f.type === 'bool')
        return [input.checked, ''];
    if (f.type === 'many')
        return [[...input.querySelectorAll('input:checked')].map(i => (f.options.find(([v]) => String(v) === i.value) || [i.value])[0]), ''];
    if (f.type === 'file')
        return [input.files[0] || null, f.required && !input.files[0] ? t('A file is needed.') : ''];
    const text = f.type === 'textarea' || f.type === 'password' ? input.value : input.value.trim();
    if (text === '')
        return [null, f.required ? t('This is needed.') : ''];
    switch (f.type) {
    case 'int': case 'points': {
        const n = /^[-+]?\d{1,15}$/.test(text.replace(/[,，\s]/g, '')) ? Number(text.replace(/[,，\s]/g, '')) : null;
        if (n === null)
            return [null, t('A whole number is needed.')];
        return range(f, n, n, number);
    }
    case 'money': {
        const m = moneyTyped(text);
        return m === null ? [null, t('An amount is needed, such as {example}.', { example: moneyToType(1250) })] : range(f, m, m, money);
    }
    case 'select': {
        const o = f.options.find(([v]) => String(v) === text);
        return [o ? o[0] : text, ''];
    }
    case 'time': return [text.length === 16 ? text + ':00' : text, ''];
    default: return [text, f.check?.(text) || ''];
    }
}

function range(f, n, value, show) {
    if (f.min !== undefined && f.min !== null && n < f.min)
        return [null, t('At least {n}.', { n: show(f.min) })];
    if (f.max !== undefined && f.max !== null && n > f.max)
        return [null, t('At most {n}.', { n: show(f.max) })];
    return [value, ''];
}

/** A form.
 *  fields: [{ name, label, type: text|password|int|points|money|day|time|select|bool|many|textarea|file, required, value,
 *             options: [[value, label]], suggest: [texts], min, max, maxLength, help, width (1..12 columns), check: text => fault,
 *             when: values => shown? }]; null entries are left out
 *  options: submit (word on the button), danger, cancel (f), onSubmit: async (values, form) => ..., onChange: values => ...
 *  Values: what is empty is left out (a bool never).  A fault from head office (ApiError) is shown at its field, else
 *  above the buttons.  The element has values() (null when there are faults), fault(name, sentence), set(values). */
export function form(fields, options = {}) {
    fields = fields.filter(Boolean);
    const parts = new Map();
    const general = el('div.alert.alert-danger', { role: 'alert', hidden: true });
    const groups = fields.map(f => {
        const id = newId(f.name);
        const input = inputOf(f, id);
        const fault = el('div.invalid-feedback', { id: `${id}-fault`, 'aria-live': 'polite' });
        const help = el('div.form-text', { id: `${id}-help` }, f.help);
        const label = el(f.type === 'bool' ? 'label.form-check-label' : 'label.form-label.mb-1',
            { for: f.type === 'many' ? null : id, id: `${id}-label` }, f.label,
            f.required && f.type !== 'bool' ? el('span.text-danger', { 'aria-hidden': 'true' }, ' *') : null);
        const list = f.suggest ? el('datalist', { id: `${id}-list` }, f.suggest.map(s => el('option', { value: s }))) : null;
        const group = el(`div.col-12.col-md-${f.width || 12}`, {}, f.type === 'bool' ? el('div.form-check', {}, input, label, help, fault)
            : [label, input, list, help, fault]);
        parts.set(f.name, { f, input, fault, group });
        return group;
    });
    const go = el(`button.btn.btn-${options.danger ? 'danger' : 'primary'}`, { type: 'submit' }, options.submit || t('Save'));
    const whole = el('form.row.g-3.mb-3', { novalidate: true, onsubmit: submit, oninput: changed, onchange: changed, onkeydown: e => {
        if (e.key === 'Enter' && e.ctrlKey)
            whole.requestSubmit();
    } }, groups, el('div.col-12', {}, general, options.onSubmit ? el('div.d-flex.flex-wrap.gap-2', {}, go,
        options.cancel ? el('button.btn.btn-outline-secondary', { type: 'button', onclick: options.cancel }, t('Cancel')) : null) : null));

    function raw() {
        const v = {};
        for (const [name, p] of parts) {
            const [value] = valueOf(p.f, p.input);
            if (value !== null)
                v[name] = value;
        }
        return v;
    }
    function changed(e) {
        const p = e && parts.get(e.target.name);
        if (p)
            mark(p, '');
        const v = raw();
        for (const q of parts.values())
            if (q.f.when)
                q.group.hidden = !q.f.when(v);
        options.onChange?.(v, whole);
    }
    function mark(p, sentence) {
        p.fault.textContent = sentence;
        p.fault.classList.toggle('d-block', Boolean(sentence));
        p.input.classList.toggle('is-invalid', Boolean(sentence));
        p.input.setAttribute('aria-invalid', Boolean(sentence));
    }
    whole.fault = (name, sentence) => {
        const p = parts.get(name) || parts.get(String(name).split(/[.[]/)[0]);
        if (p && !p.group.hidden) {
            mark(p, sentence);
            p.input.focus();
        } else {
            general.textContent = sentence;
            general.hidden = !sentence;
        }
    };
    whole.values = () => {
        const v = {};
        let first = null;
        for (const [name, p] of parts) {
            if (p.group.hidden)
                continue;
            const [value, fault] = valueOf(p.f, p.input);
            mark(p, fault);
            if (fault)
                first ||= p;
            else if (value !== null)
                v[name] = value;
        }
        first?.input.focus();
        return first ? null : v;
    };
    whole.set = values => {
        for (const [name, value] of Object.entries(values)) {
            const p = parts.get(name);
            if (!p)
                continue;
            if (p.f.type === 'bool')
                p.input.checked = Boolean(value);
            else if (p.f.type === 'many')
                p.input.querySelectorAll('input').forEach(i => { i.checked = (value || []).map(String).includes(i.value); });
            else
                p.input.value = p.f.type === 'money' ? moneyToType(value) : value ?? '';
        }
        changed();
    };
    async function submit(e) {
        e.preventDefault();
        general.hidden = true;
        const v = whole.values();
        if (!v || go.disabled)
            return;
        go.disabled = true;
        try {
            await options.onSubmit?.(v, whole);
        } catch (error) {
            whole.fault(error.field || '', error.message);
        } finally {
            go.disabled = false;
        }
    }
    changed();
    return whole;
}

/* ---- dialogs ---- */

/** A dialog with this inside; Escape closes it.  Gives { element, close(), closed: a promise of what close was given }. */
export function dialog(heading, inside, options = {}) {
    const id = newId('dialog');
    let result = null, ended;
    const closed = new Promise(f => { ended = f; });
    const before = document.activeElement;
    const element = el(`dialog.patron-dialog${options.wide ? '.wide' : ''}`, { 'aria-labelledby': id, onclose: () => {
        document.getElementById('toasts')?.append(...element.querySelectorAll('.toast')); // what was said in it stays a while
        element.remove();
        before?.focus?.();
        ended(result);
    } }, el('div.d-flex.align-items-start.mb-3', {}, el('h2.h5.me-auto.mb-0', { id }, heading),
        el('button.btn-close', { type: 'button', 'aria-label': t('Close'), onclick: () => close(null) })), inside);
    function close(r = null) {
        result = r;
        element.close();
    }
    document.body.append(element);
    element.showModal();
    return { element, close, closed };
}

/** Asks.  options: title, text, action (word on the button), danger, fields (of form), onSubmit: async values => ... (done
 *  while the dialog is open, so that a fault is seen in it).  Gives the values, {} without fields; null: given up. */
export async function confirm(options) {
    const f = form(options.fields || [], { submit: options.action || t('Yes'), danger: options.danger, cancel: () => d.close(null),
        onSubmit: async v => {
            const r = await options.onSubmit?.(v);
            d.close(r ?? v);
        } });
    const d = dialog(options.title, [options.text ? el('p', {}, options.text) : null, f]);
    if (!options.fields?.length && options.danger)
        d.element.querySelector('form .btn-outline-secondary').focus(); // Enter alone does no harm
    else
        f.querySelector('input,select,textarea,button')?.focus();
    return d.closed;
}

/** Says briefly what was done; kind: ok, bad. */
export function toast(text, kind = 'ok') {
    let place = document.getElementById('toasts');
    if (!place)
        document.body.append(place = el('div.toasts.noprint', { id: 'toasts', 'aria-live': 'polite' }));
    const box = el(`div.toast.show.text-bg-${badgeColours[kind]}.border-0`, { role: kind === 'bad' ? 'alert' : 'status' },
        el('div.d-flex', {}, el('div.toast-body', {}, text),
            el('button.btn-close.btn-close-white.me-2.m-auto', { type: 'button', 'aria-label': t('Close'), onclick: () => box.remove() })));
    // Above an open dialog, or it would not be seen.
    (document.querySelector('dialog[open]') || place).append(box);
    setTimeout(() => box.remove(), kind === 'bad' ? 12000 : 5000);
}

/* ---- charts, long work ---- */

const colours = ['#0d6efd', '#fd7e14', '#198754', '#dc3545', '#6f42c1', '#20c997', '#6c757d', '#ffc107'];

/** A chart and its figures as a table.  kind: bar, line, doughnut.  options: heading, labels: [texts],
 *  series: [{ label, values }], format: n => text, stacked, height (rem, 16). */
export function chart(kind, { heading, labels, series, format = number, stacked = false, height = 16 }) {
    const canvas = el('canvas', { role: 'img', 'aria-label': heading });
    const box = el('div.chart', {}, canvas);
    box.style.height = height + 'rem';
    const round = kind === 'doughnut' || kind === 'pie';
    const axes = { x: { stacked, grid: { display: false } },
        y: { stacked, beginAtZero: true, ticks: { callback: v => Number.isInteger(v) ? format(v) : '' } } };
    // Drawn once it is in the page, when its size is known.
    requestAnimationFrame(() => {
        if (!canvas.isConnected || !window.Chart)
            return;
        const made = new window.Chart(canvas, { type: kind, data: { labels, datasets: series.map((s, i) => ({ label: s.label, data: s.values,
            backgroundColor: round ? colours : colours[i % colours.length], borderColor: round ? '#fff' : colours[i % colours.length],
            borderWidth: kind === 'line' ? 2 : 0, pointRadius: 2, tension: 0 })) },
        options: { animation: false, maintainAspectRatio: false, locale: locale(), scales: round ? {} : axes,
            plugins: { legend: { display: round || series.length > 1, position: 'bottom' },
                tooltip: { callbacks: { label: c => `${round ? c.label : c.dataset.label}: ${format(round ? c.parsed : c.parsed.y)}` } } } } });
        new MutationObserver((_, o) => {
            if (!canvas.isConnected) {
                made.destroy();
                o.disconnect();
            }
        }).observe(document.getElementById('view') || document.body, { childList: true });
    });
    const figures = el('details.small.mb-2', {}, el('summary', {}, t('Figures')), el('div.table-responsive', {}, el('table.table.table-sm', {},
        el('thead', {}, el('tr', {}, el('th', { scope: 'col' }), series.map(s => el('th.text-end', { scope: 'col' }, s.label)))),
        el('tbody', {}, labels.map((l, i) => el('tr', {}, el('th', { scope: 'row' }, l), series.map(s => el('td.text-end', {}, format(s.values[i])))))))));
    return el('figure.mb-3', {}, heading ? el('figcaption.h6', {}, heading) : null, box, figures);
}

/** A long job.  options: text, poll: async () => ({ done, total, text, ended, failed }), cancel: async () => ..., every (ms).
 *  The element has finished: a promise of the last answer of poll. */
export function progress({ text, poll, cancel, every = 500 }) {
    const bar = el('div.progress-bar');
    const name = newId('job');
    const outer = el('div.progress.mb-1', { role: 'progressbar', 'aria-labelledby': name, 'aria-valuemin': '0', 'aria-valuemax': '100' }, bar);
    const said = el('div.small.text-muted', { 'aria-live': 'polite' });
    const whole = el('div.mb-3', {}, el('div', { id: name }, text), outer, el('div.d-flex.align-items-center.gap-2', {}, said,
        cancel ? button(t('Cancel'), cancel, 'secondary', { class: 'btn btn-sm btn-outline-secondary ms-auto' }) : null));
    whole.finished = (async () => {
        for (;;) {
            const s = await poll();
            const share = s.total ? Math.floor(100 * s.done / s.total) : s.ended ? 100 : 0;
            bar.style.width = share + '%';
            outer.setAttribute('aria-valuenow', share);
            said.textContent = s.text || (s.total ? t('{n} of {total}', { n: number(s.done), total: number(s.total) }) : '');
            bar.classList.toggle('bg-danger', Boolean(s.failed));
            if (s.ended || s.failed || !(await wait(every, whole)))
                return s;
        }
    })();
    return whole;
}

/** False when the element was taken out of the page meanwhile. */
function wait(ms, e) {
    return new Promise(f => { setTimeout(() => f(e.isConnected), ms); });
}
