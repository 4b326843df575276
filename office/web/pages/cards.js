// cards.js - cards: one of them and what happened to it, batches that were ordered, and which tills know of lost ones.
// SPDX-License-Identifier: Apache-2.0
import { get, hasRole, post } from '../api.js';
import { t } from '../i18n.js';
import { badge, button, confirm, day, el, facts, fill, form, notice, number, points, section, table, tabs, time, title, toast } from '../ui.js';

export const page = { name: 'cards', title: 'Cards', roles: ['clerk', 'controller', 'approver', 'auditor'], order: 30 };

const statusWords = () => ({ active: [t('good'), 'ok'], blocked: [t('blocked'), 'bad'], replaced: [t('replaced'), 'off'], unknown: [t('not issued yet'), 'warn'] });
const status = word => badge(...(statusWords()[word] || [word]));
const batchWords = () => ({ ordered: [t('ordered'), 'info'], made: [t('made'), 'info'], sent: [t('sent'), 'info'], 'in shop': [t('in the shop'), 'ok'], cancelled: [t('cancelled'), 'off'] });
const nextSteps = { ordered: ['made', 'cancelled'], made: ['sent', 'cancelled'], sent: ['in shop'] };
const tillName = n => 'T' + String(n).padStart(4, '0');
const isUid = text => /^[0-9a-fA-F]{14}$/.test(text);

export async function show(view, args) {
    if (args[0] === 'batch')
        return showBatch(view, args[1]);
    if (args[0])
        return showCard(view, args[0]);
    title(t('Cards'));
    view.append(form([{ name: 'card', label: t('Number of a card'), required: true, maxLength: 14, help: t('14 figures and letters a to f, as the reader shows them.'),
        check: v => isUid(v) ? '' : t('A card’s number has 14 figures and letters a to f.') }],
    { submit: t('Show'), onSubmit: v => { location.hash = '#/cards/' + v.card.toLowerCase(); } }));
    view.append(tabs([{ title: t('Lost, found, replaced'), show: showHot }, { title: t('Tills'), show: showTills }, { title: t('Batches'), show: showBatches }]));
}

/* ---- one card ---- */

async function showCard(view, uid) {
    const c = await get('/api/cards/' + encodeURIComponent(uid));
    const again = async () => { fill(view); await showCard(view, uid); };
    title(t('Card {card}', { card: c.card }), el('a.btn.btn-outline-secondary', { href: '#/cards' }, t('All cards')));
    if (c.missing.length)
        view.append(notice(t('{n} tills have not heard of the newest change yet.', { n: number(c.missing.length) }), 'warn'));
    else if (c.changes.length)
        view.append(notice(t('All tills know how this card is.'), 'ok'));
    view.append(section(t('How it is'), facts([[t('State'), status(c.status)],
        [t('Member'), c.member ? el('a', { href: '#/members/' + c.member }, c.member) : t('nobody')], [t('Points'), points(c.points)],
        [t('Kind'), c.kind], [t('Batch'), c.batch ? el('a', { href: '#/cards/batch/' + c.batch }, number(c.batch)) : ''],
        [t('Last good day'), day(c.last_day, t('never'))], [t('Purchases with it'), number(c.uses)],
        c.replaced_by ? [t('Replaced by'), el('a', { href: '#/cards/' + c.replaced_by }, c.replaced_by)] : null]),
    hasRole('clerk') ? deeds(c, again) : null));
    view.append(section(t('What happened'), changes(c.changes, c.card)));
    if (c.missing.length)
        view.append(section(t('Tills that have not heard of it'), table([
            { key: 'till', title: t('Till'), show: r => tillName(r.till) }, { key: 'shop', title: t('Shop') },
            { key: 'contact', title: t('Last heard of'), type: 'time', show: r => time(r.contact, t('never')) }], c.missing, { name: c.card + '-tills', filter: false })));
}

function deeds(c, again) {
    const where = '/api/cards/' + c.card;
    const note = { name: 'note', label: t('Remark'), maxLength: 60, help: t('It stays in the books for ever: no names.') };
    const happened = (event, heading, said, danger) => button(heading, () => confirm({ title: heading, danger, action: heading, fields: [note],
        onSubmit: v => post(where + '/happened', { event, ...v }) }).then(v => { if (v) { toast(said); return again(); } }), danger ? 'outline-danger' : 'secondary');
    return el('div.d-flex.flex-wrap.gap-2', {},
        c.status === 'active' ? [happened('lost', t('Lost'), t('It is blocked. Tills hear of it when they next reach head office.'), true),
            happened('stolen', t('Stolen'), t('It is blocked. Tills hear of it when they next reach head office.'), true)] : null,
        c.status === 'blocked' ? happened('found', t('Found'), t('It is good again.')) : null,
        c.status !== 'replaced' && c.member ? button(t('Replace'), () => confirm({ title: t('Replace this card'), action: t('Replace'),
            text: t('The new card was made and is nobody’s yet. The old one is blocked for ever; its points go to the member.'),
            fields: [{ name: 'by', label: t('Number of the new card'), required: true, maxLength: 14, check: v => isUid(v) ? '' : t('A card’s number has 14 figures and letters a to f.') },
                { name: 'reason', label: t('Reason'), required: true, maxLength: 79, value: t('lost'), help: t('It stays in the books for ever: no names.') }],
            onSubmit: v => post(where + '/replace', { ...v, by: v.by.toLowerCase() }) }).then(v => { if (v) { toast(t('The new card is the member’s.')); return again(); } })) : null,
        c.status === 'active' && !c.member ? button(t('Give to a member'), () => confirm({ title: t('Give to a member'), action: t('Give'), fields: [
            { name: 'member', label: t('Number of the member'), required: true, placeholder: 'M12' }],
        onSubmit: v => post(where + '/bind', v) }).then(v => v && again())) : null,
        button(t('Last good day'), () => confirm({ title: t('Last good day'), action: t('Save'), fields: [
            { name: 'last_day', label: t('Last good day'), type: 'day', value: c.last_day, help: t('Empty: it does not end.') }],
        onSubmit: v => post(where + '/last-day', { last_day: v.last_day || null }) }).then(v => v && again())));
}

function changes(rows, name, csv) {
    return table([
        { key: 'time', title: t('Time'), type: 'time' },
        name === 'hot' ? { key: 'card', title: t('Card') } : null,
        { key: 'status', title: t('State'), show: r => status(r.status) },
        name === 'hot' ? { key: 'member', title: t('Member') } : null,
        { key: 'reason', title: t('Reason') },
        { key: 'tills_have', title: t('Tills that know'), type: 'int' },
        { key: 'tills_missing', title: t('... that do not yet'), type: 'int' },
        { key: 'entry', title: t('Entry') },
    ].filter(Boolean), rows, { name, csv, filter: name === 'hot',
        actions: name === 'hot' ? r => [el('a.btn.btn-sm.btn-outline-secondary', { href: '#/cards/' + r.card, 'aria-label': t('Show card {card}', { card: r.card }) }, t('Show'))] : null,
        rowKind: r => r.tills_missing && r.status !== 'active' ? 'warning' : '' });
}

/* ---- all ---- */

async function showHot(view) {
    view.append(changes((await get('/api/hot')).rows, 'hot', '/api/hot?format=csv'));
}

async function showTills(view) {
    const h = await get('/api/hot/tills');
    view.append(el('p', {}, t('The newest change has number {n}.', { n: number(h.version) })), table([
        { key: 'till', title: t('Till'), show: r => tillName(r.till) }, { key: 'shop', title: t('Shop') },
        { key: 'contact', title: t('Last heard of'), type: 'time', show: r => time(r.contact, t('never')) },
        { key: 'version', title: t('It has'), type: 'int' }, { key: 'missing', title: t('Changes it has not got'), type: 'int' },
    ], h.rows, { name: 'hot-tills', csv: '/api/hot/tills?format=csv', rowKind: r => r.missing ? 'warning' : '' }));
}

async function showBatches(view) {
    const rows = (await get('/api/batches')).rows;
    view.append(table([
        { key: 'batch', title: t('Batch'), type: 'int' },
        { key: 'shop', title: t('Shop') }, { key: 'kind', title: t('Kind') },
        { key: 'state', title: t('State'), show: r => badge(...batchWords()[r.state]) },
        { key: 'count', title: t('Ordered'), type: 'int' }, { key: 'made', title: t('Made'), type: 'int' },
        { key: 'bound', title: t('Given to members'), type: 'int' }, { key: 'blocked', title: t('Blocked'), type: 'int' },
        { key: 'last_day', title: t('Last good day'), type: 'day', show: r => day(r.last_day, t('never')) },
        { key: 'changed', title: t('Changed'), type: 'time' },
    ], rows, { name: 'batches', csv: '/api/batches?format=csv', link: r => '#/cards/batch/' + r.batch,
        tools: hasRole('clerk', 'controller') ? button(t('Order cards'), order, 'primary', { class: 'btn btn-sm btn-primary' }) : null }));
}

async function order() {
    let made = null;
    await confirm({ title: t('Order cards'), action: t('Order'), fields: [
        { name: 'count', label: t('How many'), type: 'int', min: 1, max: 1000000, required: true },
        { name: 'kind', label: t('Kind'), type: 'select', required: true, value: 'ev2', options: [['ev1', 'MIFARE DESFire EV1'], ['ev2', 'MIFARE DESFire EV2, EV3, Light'], ['ntag', 'NTAG'], ['other', t('another')]] },
        { name: 'shop', label: t('Code of the shop'), maxLength: 15 },
        { name: 'last_day', label: t('Last good day'), type: 'day', help: t('Empty: they do not end.') }],
    onSubmit: async v => { made = await post('/api/batches', v); } });
    if (made)
        location.hash = '#/cards/batch/' + made.batch;
}

async function showBatch(view, batch) {
    const all = (await get('/api/batches')).rows, b = all.find(x => String(x.batch) === batch);
    const cards = (await get('/api/batches/' + encodeURIComponent(batch))).rows;
    const again = async () => { fill(view); await showBatch(view, batch); };
    title(t('Batch {n}', { n: batch }), el('a.btn.btn-outline-secondary', { href: '#/cards' }, t('All cards')));
    view.append(section(t('How it is'), facts([[t('State'), badge(...batchWords()[b.state])], [t('Shop'), b.shop], [t('Kind'), b.kind],
        [t('Made'), t('{n} of {total}', { n: number(b.made), total: number(b.count) })], [t('Last good day'), day(b.last_day, t('never'))]]),
    b.state === 'ordered' ? el('p', {}, t('Each card is made on the desk and counted here:'), ' ', el('code', {}, `patronctl card issue --batch ${b.batch}`)) : null,
    hasRole('clerk', 'controller') ? el('div.d-flex.gap-2', {}, (nextSteps[b.state] || []).map(s => button(batchWords()[s][0], () =>
        confirm({ title: t('Batch {n}', { n: batch }) + ': ' + batchWords()[s][0], action: t('Yes'), danger: s === 'cancelled',
            onSubmit: () => post(`/api/batches/${b.batch}/state`, { state: s }) }).then(v => v && again()), s === 'cancelled' ? 'outline-danger' : 'secondary'))) : null));
    view.append(section(t('Its cards'), table([
        { key: 'card', title: t('Card') }, { key: 'made', title: t('Made'), type: 'time' }, { key: 'member', title: t('Member') },
        { key: 'status', title: t('State'), show: r => status(r.status) },
    ], cards, { name: 'batch-' + batch, csv: `/api/batches/${batch}?format=csv`, link: r => '#/cards/' + r.card })));
}
