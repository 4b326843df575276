// tills.js - the tills as a map of health, orders to them, and who works at them.
// SPDX-License-Identifier: Apache-2.0
import { get, hasRole, post } from '../api.js';
import { t } from '../i18n.js';
import { badge, button, confirm, dialog, el, facts, fill, notice, number, percent, points, section, stat, stats, table, tabs, time, title, toast, today } from '../ui.js';

export const page = { name: 'tills', title: 'Tills', roles: ['clerk', 'marketer', 'controller', 'approver', 'auditor', 'admin'], order: 80 };

const mayChange = () => hasRole('admin');

export async function show(view, args) {
    if (args[0] === 'staff')
        return showStaff(view, 1);
    if (args[0])
        return showTill(view, args[0]);
    return showStaff(view, 0);
}

function showStaff(view, first) {
    const list = [{ title: t('Tills'), show: showTills }, { title: t('People at the tills'), show: showPeople }];
    if (hasRole('controller', 'auditor', 'admin'))
        list.push({ title: t('What they did'), show: showReport });
    view.append(tabs(list, first));
}

/* ---- the map ---- */

const states = () => ({ enrolled: [t('in use'), 'ok'], 'code given': [t('waits for its code'), 'warn'], 'no code': [t('no code yet'), 'warn'],
    revoked: [t('shut out'), 'off'] });
const deviceWords = () => ({ none: t('none'), there: t('there'), away: t('away') });
const journalWords = () => ({ sound: t('sound'), damaged: t('damaged'), 'disk full': t('disk full') });
const orderWords = () => ({ upload: t('send all'), lock: t('lock'), wipe: t('wipe') });

/** How a till is, in one colour. */
function kindOf(x) {
    return x.state !== 'enrolled' ? 'off' : x.alarms.some(a => a.bad) ? 'bad' : x.alarms.length || !x.contact ? 'warn' : 'ok';
}

function tile(x) {
    const kind = kindOf(x), colour = { ok: 'success', warn: 'warning', bad: 'danger', off: 'secondary' }[kind];
    return el('div.col', {}, el(`a.card.h-100.text-reset.text-decoration-none.border-${colour}.border-2`, { href: '#/tills/' + x.till },
        el('div.card-body.p-2', {}, el('div.d-flex.gap-2.align-items-center', {}, el('span.fw-semibold', {}, x.till), el('span.me-auto', {}, x.shop),
            badge(x.state === 'enrolled' ? { ok: t('well'), warn: t('look soon'), bad: t('act now') }[kind] : states()[x.state][0], kind)),
        el('div.small.text-muted', {}, t('Last heard of'), ' ', time(x.contact, t('never'))),
        x.alarms.slice(0, 3).map(a => el('div.small', {}, a.text)))));
}

async function showTills(view) {
    const rows = (await get('/api/tills')).rows;
    const bad = rows.filter(x => kindOf(x) === 'bad').length, warn = rows.filter(x => kindOf(x) === 'warn').length;
    view.append(stats(
        stat(t('Tills in use'), number(rows.filter(x => x.state === 'enrolled').length)),
        stat(t('Act now'), number(bad), { kind: bad ? 'bad' : 'ok' }),
        stat(t('Look soon'), number(warn), { kind: warn ? 'warn' : 'ok' }),
        stat(t('Entries that had not been sent'), number(rows.reduce((n, x) => n + x.waiting, 0)))));
    view.append(el('div.row.row-cols-1.row-cols-sm-2.row-cols-xl-4.g-2.mb-3', {}, rows.map(tile)));
    view.append(table([
        { key: 'till', title: t('Till') },
        { key: 'shop', title: t('Shop') },
        { key: 'state', title: t('State'), show: x => badge(...states()[x.state]) },
        { key: 'contact', title: t('Last heard of'), type: 'time', show: x => time(x.contact, t('never')) },
        { key: 'waiting', title: t('Waiting'), type: 'int' },
        { key: 'rules', title: t('Rules'), type: 'int' },
        { key: 'hot_list', title: t('Hot list'), type: 'int' },
        { key: 'clock_off_s', title: t('Clock off, s'), type: 'int' },
        { key: 'reader', title: t('Reader'), show: x => deviceWords()[x.reader] },
        { key: 'printer', title: t('Printer'), show: x => deviceWords()[x.printer] },
        { key: 'journal', title: t('Journal'), show: x => journalWords()[x.journal] },
        { key: 'disk_free_mb', title: t('Disk, MB free'), type: 'int' },
        { key: 'program', title: t('Version'), wide: true },
    ], rows, { name: 'tills', csv: '/api/tills?format=csv', link: x => '#/tills/' + x.till,
        rowKind: x => ({ bad: 'danger', warn: 'warning' })[kindOf(x)],
        tools: mayChange() ? button(t('Add a till'), () => addTill(), 'primary', { class: 'btn btn-sm btn-primary' }) : null }));
}

/** The code is seen once; who adds the till types or copies it there. */
function showCode(made) {
    const d = dialog(t('Code of till {till}', { till: made.till }), [
        el('p', {}, t('It works once, and is shown now only. On the till:')),
        el('pre.p-2.bg-light.border.text-wrap', {}, `patron-terminal enrol --home DIR --office HOST:PORT --code ${made.code}`),
        el('div', {}, button(t('Copy the code'), async () => {
            await navigator.clipboard.writeText(made.code);
            toast(t('Copied.'));
        }), ' ', button(t('Done'), () => d.close(), 'primary'))]);
    return d.closed;
}

async function addTill() {
    const made = await confirm({ title: t('Add a till'), action: t('Add'), fields: [
        { name: 'shop', label: t('Code of the shop'), required: true, maxLength: 15 }], onSubmit: v => post('/api/tills', v) });
    if (made) {
        await showCode(made);
        location.hash = '#/tills/' + made.till;
    }
}

/* ---- one till ---- */

async function showTill(view, name) {
    const x = await get('/api/tills/' + encodeURIComponent(name));
    const again = async () => { fill(view); await showTill(view, name); };
    title(t('Till {till}', { till: x.till }), el('a.btn.btn-outline-secondary', { href: '#/tills' }, t('All tills')));
    x.alarms.forEach(a => view.append(notice(a.text, a.bad ? 'bad' : 'warn')));
    if (!x.alarms.length)
        view.append(x.state === 'enrolled' && x.contact ? notice(t('Nothing is wrong with it.'), 'ok') : notice(t('It has not been heard of yet.'), 'info'));
    view.append(section(t('How it is'), facts([
        [t('Shop'), x.shop], [t('State'), badge(...states()[x.state])], [t('Last heard of'), time(x.contact, t('never'))],
        [t('Version'), x.program], [t('Newest entry'), number(x.last_entry)], [t('Entries it still had to send'), number(x.waiting)],
        [t('Entries in its journal'), number(x.entries)],
        [t('Rules'), t('{n}, the newest are {newest}', { n: x.rules, newest: x.rules_newest })],
        [t('Hot list'), t('{n}, the newest is {newest}', { n: x.hot_list, newest: x.hot_list_newest })],
        [t('Clock'), x.clock_off_s === 0 ? t('right') : t('{n} seconds off', { n: number(x.clock_off_s) })],
        [t('Reader'), deviceWords()[x.reader]], [t('Printer'), deviceWords()[x.printer]],
        [t('Receipts that wait'), number(x.receipts_waiting)], [t('Journal'), journalWords()[x.journal]],
        [t('Disk, MB free'), number(x.disk_free_mb)], [t('Orders it has not carried out'), x.orders.map(o => orderWords()[o]).join(', ') || t('none')]])));
    if (mayChange() && x.state !== 'revoked')
        view.append(section(t('Orders'), el('p.text-muted', {}, t('It carries them out when it next reaches head office.')), orders(x, again)));
}

function orders(x, again) {
    const order = (o, said) => post(`/api/tills/${x.till}/order`, { order: o }).then(() => { toast(said); return again(); });
    return el('div.d-flex.flex-wrap.gap-2', {},
        button(t('Send all'), () => order('upload', t('It will send all it owes.'))),
        x.orders.includes('lock') || x.orders.includes('wipe') ? button(t('Unlock'), () => order('unlock', t('It will go on.')))
            : button(t('Lock'), () => confirm({ title: t('Lock {till}?', { till: x.till }), danger: true, action: t('Lock'),
                text: t('It sells nothing with points until it is unlocked.') }).then(v => v && order('lock', t('It will be locked.')))),
        button(t('New code'), () => confirm({ title: t('A new code for {till}?', { till: x.till }), action: t('Make one'),
            text: t('For a till that keeps its journal: its old certificate is good until the code is used.'),
            onSubmit: () => post(`/api/tills/${x.till}/code`) }).then(made => made && showCode(made).then(again))),
        button(t('Wipe'), () => confirm({ title: t('Wipe {till}?', { till: x.till }), danger: true, action: t('Wipe'),
            text: t('It sends what it owes, then forgets its keys for good: it cannot be used any more. Type its number to say that you mean it.'),
            fields: [{ name: 'till', label: t('Number of the till'), required: true, check: v => v === x.till ? '' : t('This is not its number.') }] })
            .then(v => v && order('wipe', t('It will be wiped.'))), 'outline-danger'),
        button(t('Shut out'), () => confirm({ title: t('Shut {till} out?', { till: x.till }), danger: true, action: t('Shut out'),
            text: t('Head office answers it no more, for good. What it had sent stays in the books; what it had not is lost. Better wipe one that still works.'),
            fields: [{ name: 'reason', label: t('Reason'), required: true, maxLength: 79 }],
            onSubmit: v => post(`/api/tills/${x.till}/revoke`, v) }).then(v => { if (v) { toast(t('It is shut out.')); return again(); } }), 'outline-danger'));
}

/* ---- who works there ---- */

const roleWords = () => [['cashier', t('Cashier')], ['supervisor', t('Supervisor')]];

function staffFields(p = {}) {
    return [
        { name: 'name', label: t('Name'), required: true, value: p.name, maxLength: 63 },
        { name: 'role', label: t('Role'), type: 'select', required: true, options: roleWords(), value: p.role || 'cashier', width: 6 },
        { name: 'language', label: t('Language'), type: 'select', options: [['', t('as the till')], ['en', 'English'], ['zh', '中文']], value: p.language || '', width: 6 },
        { name: 'gift', label: t('Goodwill points in one gift'), type: 'points', min: 0, max: 1000000000, value: p.gift ?? 0, width: 6,
            help: t('On their own; more wants a supervisor.') },
        { name: 'gifts_a_day', label: t('... on one day'), type: 'points', min: 0, max: 1000000000, value: p.gifts_a_day ?? 0, width: 6 },
        { name: 'badge', label: t('Number of the badge'), value: p.badge, maxLength: 14, help: t('14 figures and letters a to f; empty: none.') },
    ];
}
const pinField = required => ({ name: 'pin', label: t('PIN'), type: 'password', required, maxLength: 8, autocomplete: 'new-password', help: t('4 to 8 figures.'),
    check: v => /^\d{4,8}$/.test(v) ? '' : t('A PIN has 4 to 8 figures.') });

async function showPeople(view) {
    const rows = (await get('/api/staff')).rows;
    const again = () => { fill(view); return showPeople(view); };
    const add = () => confirm({ title: t('Somebody new at the tills'), action: t('Add'), fields: [...staffFields(), pinField(false)],
        onSubmit: async ({ pin, ...v }) => {
            const made = await post('/api/staff', v);
            if (pin)
                await post(`/api/staff/${made.number}/pin`, { pin });
            return made;
        } }).then(v => { if (v) { toast(t('Each till knows when it next reaches head office.')); return again(); } });
    view.append(table([
        { key: 'number', title: t('No.'), type: 'int' },
        { key: 'name', title: t('Name') },
        { key: 'role', title: t('Role'), show: p => Object.fromEntries(roleWords())[p.role] },
        { key: 'language', title: t('Language'), show: p => ({ en: 'English', zh: '中文' })[p.language] || t('as the till') },
        { key: 'pin', title: t('PIN'), type: 'bool' },
        { key: 'badge', title: t('Badge') },
        { key: 'gift', title: t('One gift'), type: 'points' },
        { key: 'gifts_a_day', title: t('Gifts a day'), type: 'points' },
    ], rows, { name: 'staff', csv: '/api/staff?format=csv', caption: t('People at the tills'), empty: t('Nobody yet: tills ask for no login.'),
        tools: mayChange() ? button(t('Add somebody'), add, 'primary', { class: 'btn btn-sm btn-primary' }) : null,
        actions: mayChange() ? p => [
            small(t('Change'), () => confirm({ title: p.name, action: t('Save'), fields: staffFields(p),
                onSubmit: v => post('/api/staff/' + p.number, { badge: '', ...v }) }).then(v => v && again())),
            small(t('New PIN'), () => confirm({ title: t('A new PIN for {name}', { name: p.name }), action: t('Save'), fields: [pinField(true)],
                onSubmit: v => post(`/api/staff/${p.number}/pin`, v) }).then(v => v && again())),
            small(t('Remove'), () => confirm({ title: t('Remove {name}?', { name: p.name }), danger: true, action: t('Remove'),
                text: t('They cannot log in any more. Entries keep the number.'),
                onSubmit: () => post(`/api/staff/${p.number}/remove`) }).then(v => v && again()))] : null }));
}

const small = (text, f) => button(text, f, 'secondary', { class: 'btn btn-sm btn-outline-secondary' });

/** The first day of this month. */
const monthBegins = () => today().slice(0, 8) + '01';

async function showReport(view) {
    const from = el('input.form-control.form-control-sm', { type: 'date', value: monthBegins(), 'aria-label': t('From') });
    const to = el('input.form-control.form-control-sm', { type: 'date', value: today(), 'aria-label': t('To') });
    const place = el('div');
    const draw = async () => {
        const query = { from: from.value, to: to.value };
        const rows = (await get('/api/staff/report', query)).rows;
        fill(place, table([
            { key: 'number', title: t('No.'), type: 'int' },
            { key: 'name', title: t('Name'), show: r => r.number ? r.name : t('nobody: a register') },
            { key: 'sales', title: t('Sales'), type: 'int' },
            { key: 'sold', title: t('Sold'), type: 'money' },
            { key: 'refunds', title: t('Refunds'), type: 'int' },
            { key: 'refunded', title: t('Refunded'), type: 'money' },
            { key: 'gifts', title: t('Gifts'), type: 'int' },
            { key: 'given', title: t('Points given'), type: 'points', show: r => points(r.given) },
            { key: 'approved', title: t('Allowed'), type: 'int' },
            { key: 'ratings', title: t('Ratings'), type: 'int' },
            { key: 'rating_sum', title: t('Of the best rating'), type: 'int', sort: r => r.ratings ? r.rating_sum / r.ratings : null,
                show: r => r.ratings ? percent(r.rating_sum, 3 * r.ratings) : '–' },
        ], rows, { name: 'staff-report', caption: t('What they did'),
            csv: `/api/staff/report?${new URLSearchParams({ ...query, format: 'csv' })}` }));
    };
    from.onchange = to.onchange = draw;
    view.append(el('div.d-flex.gap-2.align-items-center.mb-2.flex-wrap', {}, t('From'), el('div', {}, from), t('To'), el('div', {}, to)), place);
    await draw();
}
