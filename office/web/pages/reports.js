// reports.js - what points are worth, closing a period, lines for the general ledger, how points run off.
// SPDX-License-Identifier: Apache-2.0
import { get, post, roles } from '../api.js';
import { t } from '../i18n.js';
import { chart, confirm, day, el, facts, fill, form, money, notice, number, percent, points, section, stat, stats, table, tabs, time, title, toast, today } from '../ui.js';

export const page = { name: 'reports', title: 'Reports', roles: ['controller', 'approver', 'auditor'], order: 60 };

const flow = () => [
    { key: 'opening', title: t('Opening'), type: 'points' },
    { key: 'earned', title: t('Earned'), type: 'points' },
    { key: 'clawed', title: t('Taken back'), type: 'points' },
    { key: 'redeemed', title: t('Redeemed'), type: 'points' },
    { key: 'returned', title: t('Given back'), type: 'points' },
    { key: 'expired', title: t('Expired'), type: 'points' },
    { key: 'adjusted', title: t('Adjusted'), type: 'points' },
    { key: 'closing', title: t('Closing'), type: 'points' },
];
const dayColumns = () => [{ key: 'day', title: t('Day'), type: 'day' },
    { key: 'shop', title: t('Shop'), show: r => r.shop || t('Head office') }, ...flow(),
    { key: 'late', title: t('Late'), type: 'int' }];
const yearOf = r => r.year ? String(r.year) : t('never');

export async function show(view, args) {
    if (args[0])
        return showPeriod(view, args[0]);
    view.append(tabs([
        { title: t('Points and their worth'), show: showWorth },
        { title: t('Periods'), show: showPeriods },
        ...roles().includes('controller') ? [{ title: t('Close a period'), show: showClosing }] : [],
        { title: t('Run-off'), show: showRunoff },
        { title: t('Accounts'), show: showAccounts },
    ]));
}

async function showWorth(panel) {
    const [d, months] = await Promise.all([get('/api/liability'), get('/api/liability/ending')]);
    fill(panel, stats(
        stat(t('Points out'), points(d.outstanding), { note: t('worth {amount}', { amount: money(d.worth) }) }),
        stat(t('Held by head office'), points(d.held)),
        stat(t('On cards'), points(d.on_cards)),
        stat(t('Not yet to be spent'), points(d.pending)),
        stat(t('Set aside'), points(d.reserved)),
        stat(t('On the way'), points(d.in_transit)),
        stat(t('Owed by members'), points(d.owed), { kind: d.owed ? 'warn' : '' }),
        stat(t('Closed until'), d.next_close ? day(new Date(Date.parse(d.next_close + 'T00:00:00Z') - 86400000).toISOString()) : '–')),
    section('', chart('bar', { heading: t('Points by the month in which they end'), labels: months.rows.map(r => r.month === 'never' ? t('never') : r.month),
        series: [{ label: t('Points'), values: months.rows.map(r => r.points) }], format: points })),
    table([{ key: 'month', title: t('Month'), show: r => r.month === 'never' ? t('never') : r.month },
        { key: 'members', title: t('Members'), type: 'int' }, { key: 'points', title: t('Points'), type: 'points' }],
    months.rows, { name: 'ending', csv: '/api/liability/ending?format=csv', filter: false }));
}

async function showPeriods(panel) {
    const d = await get('/api/periods');
    fill(panel, table([
        { key: 'period', title: t('Period'), type: 'int' },
        { key: 'from', title: t('From'), type: 'day' },
        { key: 'to', title: t('To'), type: 'day' },
        ...flow(),
        { key: 'liability', title: t('Contract liability'), type: 'money' },
    ], d.rows, { name: 'periods', csv: '/api/periods?format=csv', empty: t('No period is closed yet.'), link: r => '#/reports/' + r.period }));
}

/** A period as closed, or as it would be. */
function periodView(d, closed) {
    return [
        stats(stat(t('Opening'), points(d.opening)), stat(t('Earned'), points(d.earned - d.clawed), { note: t('{n} taken back', { n: points(d.clawed) }) }),
            stat(t('Redeemed'), points(d.redeemed - d.returned), { note: t('{n} given back', { n: points(d.returned) }) }),
            stat(t('Expired'), points(d.expired)), stat(t('Adjusted'), points(d.adjusted, true)), stat(t('Closing'), points(d.closing), { note: t('worth {amount}', { amount: money(d.worth) }) })),
        facts([[t('Sales to members, less refunds'), money(d.sales)], [t('Expected to be redeemed'), percent(d.expected_ppm, 1000000)],
            [t('Contract liability before'), money(d.liability_before)], [t('Share of the prices that belongs to points'), money(d.allocated)],
            [t('Revenue from points redeemed and points that will not be'), money(d.recognised)], [t('Contract liability'), money(d.liability)],
            closed && [t('Closed'), time(d.closed)], closed && d.remark && [t('Remark'), d.remark]]),
        section(t('By shop and day'), table(dayColumns(), d.days, { name: 'days', csv: closed ? `/api/periods/${d.period}/days?format=csv` : undefined,
            empty: t('Nothing happened in this period.') })),
        section(t('By the year in which the points end'), table([
            { key: 'year', title: t('Year'), show: yearOf }, { key: 'issued', title: t('Bought'), type: 'points' },
            { key: 'redeemed', title: t('Redeemed'), type: 'points' }, { key: 'expired', title: t('Expired'), type: 'points' },
            { key: 'left', title: t('Left'), type: 'points' }, { key: 'allocated', title: t('Share of the prices'), type: 'money' },
            { key: 'recognised', title: t('Of it revenue'), type: 'money' }], d.cohorts, { name: 'years', filter: false })),
    ];
}

async function showPeriod(view, n) {
    const d = await get('/api/periods/' + encodeURIComponent(n));
    title(t('Period {n}: {from} to {to}', { n, from: day(d.from), to: day(d.to) }),
        el('a.btn.btn-outline-secondary.btn-sm', { href: `/api/periods/${d.period}/journal`, download: `general-ledger-P${d.period}.csv` }, t('Lines for the general ledger')));
    view.append(...periodView(d, true));
}

/** The last day of the month before today, or the day before it when that is closed. */
function proposedEnd(next) {
    const now = today(), first = now.slice(0, 8) + '01';
    const before = d => new Date(Date.parse(d + 'T00:00:00Z') - 86400000).toISOString().slice(0, 10);
    return next && before(first) >= next ? before(first) : before(now);
}

async function showClosing(panel) {
    const now = await get('/api/liability'), result = el('div');
    if (!now.next_close) {
        fill(panel, notice(t('There is nothing to close: the books have no entry yet.')));
        return;
    }
    const ask = form([
        { name: 'to', label: t('Last day of the period'), type: 'day', required: true, value: proposedEnd(now.next_close),
            help: t('It begins on {day}.', { day: day(now.next_close) }) },
        { name: 'expected', label: t('Of the points bought, how many in 100 will be redeemed'), required: true, inputmode: 'decimal',
            value: String((now.expected_ppm ?? 900000) / 10000), help: t('What is not expected is revenue sooner. See the run-off for what earlier years did.') },
        { name: 'remark', label: t('Remark') },
    ], { submit: t('Show what it will say'), onSubmit: async (v, f) => {
        const ppm = /^\d{1,3}([.,]\d{1,4})?$/.test(v.expected.trim()) ? Math.round(Number(v.expected.trim().replace(',', '.')) * 10000) : -1;
        if (ppm < 0 || ppm > 1000000) {
            f.fault('expected', t('This is a number from 0 to 100.'));
            return;
        }
        const d = await get(`/api/closing?to=${v.to}&expected_ppm=${ppm}`);
        fill(result, notice(t('Nothing is closed yet. This is what the period will say:'), 'info'), ...periodView(d, false),
            el('button.btn.btn-danger', { type: 'button', onclick: () => confirm({ title: t('Close the books up to {day}', { day: day(v.to) }),
                text: t('A closed period stays as it is. What arrives later counts in the next one.'), action: t('Close the period'), danger: true,
                onSubmit: async () => {
                    const done = await post('/api/periods', { to: v.to, expected_ppm: ppm, remark: v.remark || '' });
                    toast(t('Period {n} is closed.', { n: number(done.period) }));
                    location.hash = '#/reports/' + done.period;
                } }) }, t('Close the period')));
    } });
    fill(panel, ask, result);
}

async function showRunoff(panel) {
    let d;
    try {
        d = await get('/api/liability/runoff');
    } catch (e) {
        fill(panel, notice(e.message));
        return;
    }
    fill(panel, el('p', {}, t('By how earlier years were redeemed, {n} points will still be redeemed (give or take {error}).', { n: points(d.still), error: points(d.error) })),
        table([{ key: 'year', title: t('Year') }, { key: 'redeemed', title: t('Redeemed until now'), type: 'points' },
            { key: 'expected', title: t('In the end'), type: 'points' }, { key: 'still', title: t('Still to come'), type: 'points' },
            { key: 'error', title: t('Give or take'), type: 'points' }], d.rows, { name: 'runoff', filter: false, csv: '/api/liability/runoff?format=csv' }));
}

async function showAccounts(panel) {
    const names = { 'sales': t('Sales'), 'points liability': t('Contract liability for points'), 'points revenue': t('Revenue from points') };
    const d = await get('/api/gl-accounts');
    fill(panel, el('p', {}, t('Under which numbers the lines go to the general ledger.')), table([
        { key: 'name', title: t('Account'), show: r => names[r.name] || r.name }, { key: 'code', title: t('Number') }], d.rows, { name: 'accounts', filter: false,
        actions: roles().includes('controller') ? r => [el('button.btn.btn-sm.btn-outline-secondary', { type: 'button', onclick: () => confirm({ title: names[r.name] || r.name,
            action: t('Save'), fields: [{ name: 'code', label: t('Number'), required: true, value: r.code }],
            onSubmit: async v => {
                await post('/api/gl-accounts', { name: r.name, code: v.code });
                await showAccounts(panel);
            } }) }, t('Change'))] : undefined }));
}
