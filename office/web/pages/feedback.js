// feedback.js - how satisfied members are, the worst first: what they said, by shop, cashier and month, the running score of
// each, and what is being improved.
// SPDX-License-Identifier: Apache-2.0
import { get, hasRole, post } from '../api.js';
import { t } from '../i18n.js';
import { badge, button, chart, confirm, el, fill, form, percent, redraw, table, tabs, title, toast } from '../ui.js';

export const page = { name: 'feedback', title: 'Satisfaction', roles: ['clerk', 'marketer', 'controller', 'approver', 'auditor'], order: 52 };

const share = n => n === null || n === undefined ? '–' : percent(n, 1000);
/** Hundredths as people write them: -25 -> "-0.25". */
const hundredths = n => n === null || n === undefined ? '–' : (n < 0 ? '-' : n > 0 ? '+' : '') + Math.floor(Math.abs(n) / 100) + '.' + String(Math.abs(n) % 100).padStart(2, '0');
const score = n => n === null || n === undefined ? '–' : badge(hundredths(n), n < 0 ? 'bad' : n > 0 ? 'ok' : 'info');
const said = n => n || '';
const reasons = () => [['price', t('Price')], ['goods', t('Goods')], ['staff', t('Staff')], ['speed', t('Speed')], ['shop', t('Shop')], ['points', t('Points')],
    ['delivery', t('Delivery')], ['installation', t('Installation')], ['order', t('Order')], ['repair', t('Repair')], ['failure', t('Failure')]];
const reasonWords = text => text.split(',').filter(Boolean).map(r => reasons().find(x => x[0] === r)?.[1] || r).join(', ');

async function worst(view) {
    const d = await get('/api/feedback');
    view.append(table([
        { key: 'score', title: t('Score'), show: r => score(r.score) }, { key: 'nps', title: t('Would recommend (0-10)'), type: 'int' },
        { key: 'time', title: t('Time'), type: 'time' }, { key: 'shop', title: t('Shop') },
        { key: 'member', title: t('Member'), show: r => r.member ? el('a', { href: '#/members/' + r.member }, r.member) : t('anonymous') },
        { key: 'expected', title: t('Expected'), show: r => said(r.expected) }, { key: 'value', title: t('Value'), show: r => said(r.value) },
        { key: 'interaction', title: t('Interaction'), show: r => said(r.interaction) }, { key: 'result', title: t('Result'), show: r => said(r.result) },
        { key: 'environment', title: t('Environment'), show: r => said(r.environment) },
        { key: 'reasons', title: t('Reasons'), show: r => reasonWords(r.reasons) }, { key: 'text', title: t('Words') },
    ], d.rows, { name: 'feedback', csv: '/api/feedback?format=csv', empty: t('Nobody said anything yet.') }));
}

const bys = () => [['shop', t('Shop')], ['cashier', t('Cashier')], ['month', t('Month')]];

async function figures(view) {
    const out = el('div');
    async function draw(v) {
        const d = await get('/api/feedback-numbers', v);
        fill(out, v.by === 'month' && d.rows.length ? chart('line', { heading: t('Ratings by month'), labels: d.rows.map(r => r.by), series: [
            { label: t('1 satisfied'), values: d.rows.map(r => r.bottom) }, { label: t('2 will return'), values: d.rows.map(r => r.middle) },
            { label: t('3 will recommend'), values: d.rows.map(r => r.top) }, { label: t('Below expectation'), values: d.rows.map(r => r.below) }] }) : null,
        table([
            { key: 'by', title: bys().find(b => b[0] === v.by)[1], show: r => r.by || '–' },
            { key: 'bottom_permille', title: t('Lowest grade'), show: r => share(r.bottom_permille) },
            { key: 'below_permille', title: t('Below expectation'), show: r => share(r.below_permille) },
            { key: 'ratings', title: t('Ratings at tills'), type: 'int' }, { key: 'bottom', title: t('1 satisfied'), type: 'int' },
            { key: 'middle', title: t('2 will return'), type: 'int' }, { key: 'top', title: t('3 will recommend'), type: 'int' },
            { key: 'feedback', title: t('Feedback'), type: 'int' }, { key: 'score', title: t('Mean score'), show: r => score(r.score) },
            { key: 'nps', title: 'NPS', show: r => r.nps === null || r.nps === undefined ? '–' : (r.nps / 10).toFixed(1) },
            { key: 'nps_count', title: t('Answers'), type: 'int' },
        ], d.rows, { name: 'satisfaction', csv: '/api/feedback-numbers?format=csv&' + new URLSearchParams(v) }));
    }
    const choice = form([{ name: 'by', label: t('By'), type: 'select', required: true, value: 'shop', options: bys(), width: 4 },
        { name: 'from', label: t('From'), type: 'day', width: 4 }, { name: 'to', label: t('To'), type: 'day', width: 4 }],
    { onChange: v => draw(v).catch(e => toast(e.message, 'bad')) });
    view.append(choice, el('hr'), out);
    await draw(choice.values());
}

async function members(view) {
    const d = await get('/api/satisfaction');
    view.append(el('p', {}, t('From 0 to 100: each good visit adds, one bad event takes half or all of it.')),
        table([{ key: 'member', title: t('Member') }, { key: 'running', title: t('Score'), type: 'int' },
            { key: 'events', title: t('Events'), type: 'int' }, { key: 'last', title: t('Last'), type: 'time' }], d.rows,
        { name: 'satisfaction-members', link: r => '#/members/' + r.member, rowKind: r => r.running === 0 ? 'danger' : '', csv: '/api/satisfaction?format=csv' }));
}

const stageWord = s => ({ plan: t('Plan'), do: t('Do'), check: t('Check'), act: t('Act'), done: t('Done') })[s] || s;

async function improvements(view) {
    const may = hasRole('clerk', 'controller');
    async function draw() {
        const d = await get('/api/improvements');
        fill(view, may ? el('div.mb-2', {}, button(t('Something to improve'), () => confirm({ title: t('Something to improve'), action: t('Add'), fields: [
            { name: 'title', label: t('What'), required: true, maxLength: 100 }, { name: 'owner', label: t('Who does it'), maxLength: 60 },
            { name: 'due', label: t('Until'), type: 'day' }], onSubmit: async v => {
            await post('/api/improvements', v);
            await draw();
        } }), 'primary')) : null,
        table([{ key: 'title', title: t('What') }, { key: 'state', title: t('Stage'), show: r => badge(stageWord(r.state), r.state === 'done' ? 'ok' : 'info') },
            { key: 'owner', title: t('Who does it') }, { key: 'due', title: t('Until'), type: 'day' },
            { key: 'complaints', title: t('Complaints'), type: 'int' }, { key: 'last', title: t('Last words') }], d.rows,
        { name: 'improvements', csv: '/api/improvements?format=csv', actions: may ? r => r.state === 'done' ? [] : [
            button(t('Next stage'), () => confirm({ title: `${r.title}: ${stageWord(r.state)}`, action: t('Next stage'), fields: [
                { name: 'text', label: t('What was planned, done or found'), type: 'textarea', required: true, maxLength: 600 },
                r.state === 'check' ? { name: 'good', label: t('It helped'), type: 'bool', value: true } : null], onSubmit: async v => {
                await post(`/api/improvements/${r.id}/next`, v);
                await draw();
            } })),
            button(t('Complaint'), () => confirm({ title: t('Because of a complaint'), action: t('Add'), fields: [
                { name: 'complaint', label: t('Number'), required: true, placeholder: 'C12' }], onSubmit: async v => {
                await post(`/api/improvements/${r.id}/complaints`, v);
                await draw();
            } }))] : undefined }));
    }
    await draw();
}

function write() {
    const grade = (name, label) => ({ name, label, type: 'int', min: 1, max: 5, width: 4 });
    return confirm({ title: t('What a member said'), action: t('Save'), fields: [
        { name: 'member', label: t('Member number'), help: t('Empty: anonymous'), width: 4 },
        { name: 'channel', label: t('How it came'), type: 'select', required: true, value: 'desk', width: 4,
            options: [['desk', t('Desk')], ['phone', t('Telephone')], ['survey', t('Survey')]] },
        { name: 'entry', label: t('Number of the receipt'), placeholder: 'T0007-12', width: 4 },
        { name: 'shop', label: t('Shop'), maxLength: 15, width: 4 },
        grade('expected', t('Expected (1-5)')), grade('value', t('Value for what was given (1-5)')), grade('interaction', t('Interaction (1-5)')),
        grade('result', t('Result (1-5)')), grade('environment', t('Environment (1-5)')),
        { name: 'nps', label: t('Would recommend (0-10)'), type: 'int', min: 0, max: 10, width: 4 },
        { name: 'reasons', label: t('Reasons'), type: 'many', options: reasons() },
        { name: 'text', label: t('Words'), type: 'textarea', maxLength: 600 },
    ], onSubmit: async v => {
        await post('/api/feedback', { ...v, reasons: (v.reasons || []).join(',') });
        toast(t('Noted.'));
        redraw();
    } });
}

export async function show(view) {
    title(t('Satisfaction'), hasRole('clerk') ? button(t('What a member said'), write, 'primary') : null);
    view.append(tabs([
        { title: t('Worst first'), show: worst }, { title: t('Figures'), show: figures }, { title: t('Members'), show: members },
        { title: t('Improvements'), show: improvements },
    ]));
}
