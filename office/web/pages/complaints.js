// complaints.js - complaints from the first word to the audit: what is open and overdue, one with its steps and what may
// be done now, the figures, the time limits.
// SPDX-License-Identifier: Apache-2.0
import { get, hasRole, post } from '../api.js';
import { language, t } from '../i18n.js';
import { badge, button, chart, confirm, day, el, facts, fill, form, number, percent, points, section, table, tabs, time, title,
    toast } from '../ui.js';

export const page = { name: 'complaints', title: 'Complaints', roles: ['clerk', 'marketer', 'controller', 'approver', 'auditor'], order: 50 };

const stateWord = s => ({ received: t('received'), recorded: t('recorded'), 'passed on': t('passed on'), handled: t('handled'),
    asked: t('asked'), 'followed up': t('followed up'), audited: t('audited'), withdrawn: t('withdrawn') })[s] || s;
const stepWord = s => ({ receive: t('Received'), record: t('Record'), 'pass on': t('Pass on'), handle: t('Handle'), ask: t('Ask the member'),
    'follow up': t('Follow up'), audit: t('Audit'), withdraw: t('Withdraw'), points: t('Points'), note: t('Remark') })[s] || s;
const opinionWord = o => ({ satisfied: t('satisfied'), 'not satisfied': t('not satisfied'), unreachable: t('unreachable') })[o] || '';
const channelWord = c => ({ page: t('Member page'), desk: t('Desk'), till: t('Till'), phone: t('Telephone'), letter: t('Letter') })[c] || c;
const stateKind = r => r.overdue ? 'bad' : { received: 'warn', recorded: 'warn', 'passed on': 'info', withdrawn: 'off' }[r.state] || 'ok';

let kinds = [];
async function loadKinds() {
    kinds = (await get('/api/complaint-kinds')).rows;
}
const kindName = k => {
    const found = kinds.find(x => x.kind === k);
    return found ? (language() === 'zh' ? found.name_zh : found.name) : k;
};

/** Seconds as hours and minutes, or days. */
function span(s) {
    if (s === null || s === undefined)
        return '';
    const h = Math.floor(s / 3600);
    return h >= 48 ? t('{n} days', { n: number(Math.floor(h / 24)) }) : t('{h} h {m} min', { h, m: Math.floor(s % 3600 / 60) });
}
const share = n => n === null || n === undefined ? '–' : percent(n, 1000);

/* ---- the list ---- */

const columns = () => [
    { key: 'number', title: t('Number'), sort: r => r.id },
    { key: 'state', title: t('State'), show: r => badge(r.overdue ? t('{state}, overdue', { state: stateWord(r.state) }) : stateWord(r.state), stateKind(r)) },
    { key: 'kind', title: t('About'), show: r => kindName(r.kind) },
    { key: 'shop', title: t('Shop') },
    { key: 'member', title: t('Member'), show: r => r.member || t('anonymous') },
    { key: 'received', title: t('Received'), type: 'time' },
    { key: 'due', title: t('To be handled until'), type: 'time' },
    { key: 'owner', title: t('With') },
];

async function list(view, state) {
    const query = new URLSearchParams({ state });
    const d = await get('/api/complaints', { state });
    view.append(table(columns(), d.rows, { name: 'complaints', link: r => '#/complaints/' + r.number,
        csv: '/api/complaints?format=csv&' + query, empty: t('No complaints here.') }));
}

function receive() {
    return confirm({ title: t('A new complaint'), action: t('Record'), fields: [
        { name: 'member', label: t('Member number'), help: t('Empty: anonymous'), width: 6 },
        { name: 'channel', label: t('How it came'), type: 'select', required: true, value: 'desk', width: 6,
            options: ['desk', 'phone', 'letter', 'till'].map(c => [c, channelWord(c)]) },
        { name: 'kind', label: t('About'), type: 'select', required: true, width: 6, options: kinds.map(k => [k.kind, kindName(k.kind)]) },
        { name: 'shop', label: t('Shop'), maxLength: 15, width: 6 },
        { name: 'cashier', label: t('Number of the cashier'), type: 'int', width: 6 },
        { name: 'entry', label: t('Number of the receipt'), placeholder: 'T0007-12', width: 6 },
        { name: 'text', label: t('What the member says'), type: 'textarea', required: true, maxLength: 600 },
    ], onSubmit: async v => {
        const made = await post('/api/complaints', v);
        toast(t('Recorded as {number}.', { number: made.number }));
        location.hash = '#/complaints/' + made.number;
    } });
}

/* ---- one ---- */

const opinions = () => ['satisfied', 'not satisfied', 'unreachable'].map(o => [o, opinionWord(o)]);
const words = (label, required = true) => ({ name: 'text', label, type: 'textarea', required, maxLength: 600 });

/** What is asked for a step. */
function fieldsOf(step, c) {
    switch (step) {
    case 'record': return [{ name: 'kind', label: t('About'), type: 'select', required: true, value: c.kind, options: kinds.map(k => [k.kind, kindName(k.kind)]) }];
    case 'pass on': return [{ name: 'owner', label: t('To whom'), required: true, maxLength: 60 }, words(t('A word with it'), false)];
    case 'handle': return [words(t('What was done (the member reads this)'))];
    case 'ask': case 'follow up': return [{ name: 'opinion', label: t('The member is'), type: 'select', required: true,
        options: c.member ? opinions() : [['unreachable', opinionWord('unreachable')]] }, words(t('What the member said'), false)];
    case 'audit': return [{ name: 'good', label: t('It was handled well'), type: 'bool' }, words(t('What was found'))];
    default: return [words(t('Why'))];
    }
}

function stepButton(step, c, draw) {
    return button(stepWord(step), () => confirm({ title: `${c.number}: ${stepWord(step)}`, action: stepWord(step), danger: step === 'withdraw',
        fields: fieldsOf(step, c), onSubmit: async v => {
            await post(`/api/complaints/${c.number}/steps`, { step, ...v });
            toast(t('Noted.'));
            await draw();
        } }), step === 'withdraw' ? 'secondary' : 'primary', { 'data-step': step });
}

function path(c) {
    const all = ['received', 'recorded', 'passed on', 'handled', 'asked', 'followed up', ...(c.sampled ? ['audited'] : [])];
    const at = all.indexOf(c.state);
    return el('ol.list-inline.mb-3', { 'aria-label': t('Steps') }, all.map((s, i) => el('li.list-inline-item.mb-1', i === at ? { 'aria-current': 'step' } : {},
        badge(stateWord(s), i < at ? 'ok' : i === at ? stateKind(c) === 'bad' ? 'bad' : 'info' : 'off'))),
    c.state === 'withdrawn' ? el('li.list-inline-item', {}, badge(stateWord('withdrawn'), 'off')) : null);
}

async function one(view, name) {
    await loadKinds();
    async function draw() {
        const c = await get('/api/complaints/' + encodeURIComponent(name));
        const mayTalk = hasRole('clerk', 'controller');
        title(t('Complaint {number}', { number: c.number }),
            ...c.may.map(s => stepButton(s, c, draw)),
            mayTalk ? button(t('Remark'), () => confirm({ title: t('Remark'), action: t('Save'), fields: [words(t('Remark')),
                { name: 'shown', label: t('The member may read it'), type: 'bool' }], onSubmit: async v => {
                await post(`/api/complaints/${c.number}/notes`, v);
                await draw();
            } })) : null,
            mayTalk && c.member && c.state !== 'withdrawn' ? button(t('Give points'), () => confirm({ title: t('Points to put things right'), action: t('Give'), fields: [
                { name: 'points', label: t('Points'), type: 'points', required: true, min: 1 },
                words(t('Why (the member reads this)'))], onSubmit: async v => {
                const r = await post(`/api/complaints/${c.number}/points`, v);
                toast(r.entry ? t('Given by entry {entry}.', { entry: r.entry }) : t('More than your role gives alone: a second person is asked (proposal {n}).', { n: r.proposal }));
                await draw();
            } })) : null);
        fill(view, path(c),
            facts([[t('Member'), c.member ? el('a', { href: '#/members/' + c.member }, c.member) : t('anonymous')],
                [t('About'), kindName(c.kind)], [t('How it came'), channelWord(c.channel)], [t('Shop'), c.shop],
                c.cashier ? [t('Number of the cashier'), c.cashier] : null, c.entry ? [t('Receipt'), c.entry] : null,
                [t('Received'), time(c.received)],
                [t('To be handled until'), [time(c.due), c.overdue ? [' ', badge(t('overdue'), 'bad')] : null]],
                [t('With'), c.owner], c.handled ? [t('Handled'), [time(c.handled), c.late ? [' ', badge(t('late'), 'bad')] : null,
                    c.first_contact ? [' ', badge(t('at first contact'), 'ok')] : null]] : null,
                c.opinion ? [t('The member is'), opinionWord(c.opinion)] : null,
                c.sampled ? [t('Audit'), t('drawn for the audit')] : null]),
            section(t('What the member says'), el('blockquote.border-start.ps-3', {}, c.text || '–')),
            section(t('History'), table([
                { key: 'time', title: t('Time'), type: 'time' },
                { key: 'step', title: t('Step'), show: r => stepWord(r.step) },
                { key: 'state', title: t('State'), show: r => stateWord(r.state) },
                { key: 'user', title: t('By'), show: r => r.user ? 'U' + r.user : t('member') },
                { key: 'text', title: t('Words') },
                { key: 'shown', title: t('Member reads it'), type: 'bool' },
            ], c.steps, { name: c.number, filter: false })),
            c.points.length ? section(t('Points to put things right'), table([
                { key: 'time', title: t('Time'), type: 'time' }, { key: 'entry', title: t('Entry') },
                { key: 'points', title: t('Points'), type: 'points' }, { key: 'user', title: t('By'), show: r => 'U' + r.user },
            ], c.points, { name: c.number + '-points', filter: false })) : null);
    }
    await draw();
}

/* ---- figures ---- */

const bys = () => [['month', t('Month')], ['shop', t('Shop')], ['cashier', t('Cashier')], ['kind', t('About')], ['channel', t('How it came')]];

async function figures(view) {
    const out = el('div');
    async function draw(v) {
        const d = await get('/api/complaint-numbers', v);
        fill(out, v.by === 'month' && d.rows.length ? chart('line', { heading: t('Complaints by month'), labels: d.rows.map(r => r.by), series: [
            { label: t('Received'), values: d.rows.map(r => r.received) }, { label: t('Handled late'), values: d.rows.map(r => r.late) },
            { label: t('Opened again'), values: d.rows.map(r => r.reopened) }] }) : null,
        table([
            { key: 'by', title: bys().find(b => b[0] === v.by)[1], show: r => (v.by === 'kind' ? kindName(r.by) : v.by === 'channel' ? channelWord(r.by) : r.by) || '–' },
            { key: 'received', title: t('Received'), type: 'int' }, { key: 'open', title: t('Open'), type: 'int' },
            { key: 'overdue', title: t('Overdue'), type: 'int' }, { key: 'late', title: t('Handled late'), type: 'int' },
            { key: 'first_contact_permille', title: t('At first contact'), show: r => share(r.first_contact_permille) },
            { key: 'response_s', title: t('Until the first answer'), show: r => span(r.response_s) },
            { key: 'handling_s', title: t('Until handled'), show: r => span(r.handling_s) },
            { key: 'satisfied_permille', title: t('Satisfied'), show: r => share(r.satisfied_permille) },
            { key: 'reopened', title: t('Opened again'), type: 'int' }, { key: 'points', title: t('Points given'), type: 'points' },
        ], d.rows, { name: 'complaint-numbers', csv: '/api/complaint-numbers?format=csv&' + new URLSearchParams(v) }));
    }
    const choice = form([{ name: 'by', label: t('By'), type: 'select', required: true, value: 'month', options: bys(), width: 4 },
        { name: 'from', label: t('From'), type: 'day', width: 4 }, { name: 'to', label: t('To'), type: 'day', width: 4 }],
    { onChange: v => draw(v).catch(e => toast(e.message, 'bad')) });
    view.append(choice, el('hr'), out);
    await draw(choice.values());
}

async function limits(view) {
    async function draw() {
        await loadKinds();
        fill(view, el('p', {}, t('A complaint of this kind is to be handled in so many hours after it came; a change counts from the next one on.')),
            table([{ key: 'kind', title: t('About'), show: r => kindName(r.kind) }, { key: 'limit_h', title: t('Hours'), type: 'int' }], kinds,
                { name: 'complaint-kinds', filter: false, actions: hasRole('controller') ? r => [button(t('Change'), () => confirm({
                    title: kindName(r.kind), action: t('Save'), fields: [{ name: 'limit_h', label: t('Hours'), type: 'int', required: true, value: r.limit_h, min: 1, max: 8760 }],
                    onSubmit: async v => {
                        await post('/api/complaint-kinds/' + r.kind, v);
                        await draw();
                    } }))] : undefined }));
    }
    await draw();
}

export async function show(view, args) {
    if (args[0])
        return one(view, args[0]);
    await loadKinds();
    title(t('Complaints'), hasRole('clerk') ? button(t('New complaint'), receive, 'primary') : null);
    view.append(tabs([
        { title: t('Open'), show: v => list(v, 'open') }, { title: t('Overdue'), show: v => list(v, 'overdue') },
        { title: t('To be audited'), show: v => list(v, 'audit') }, { title: t('All'), show: v => list(v, '') },
        { title: t('Figures'), show: figures }, { title: t('Time limits'), show: limits },
    ]));
}
