// dashboard.js - how the programme does, on one page; also the example of what a page looks like.
// SPDX-License-Identifier: Apache-2.0
import { get } from '../api.js';
import { t } from '../i18n.js';
import { badge, chart, dayShort, money, number, points, section, stat, stats, table, time } from '../ui.js';

export const page = { name: 'dashboard', title: 'Dashboard', roles: ['clerk', 'marketer', 'controller', 'approver', 'auditor', 'admin'], order: 10 };

export async function show(view) {
    const d = await get('/api/dashboard');
    view.append(stats(
        stat(t('Members'), number(d.members), { note: t('{n} bought in the last 90 days', { n: number(d.active_members) }) }),
        stat(t('Sales today'), money(d.sold_today), { note: t('{n} sales', { n: number(d.sales_today) }) }),
        stat(t('Sales of 30 days'), money(d.sold_30), { note: t('{n} sales', { n: number(d.sales_30) }) }),
        stat(t('Points out'), points(d.outstanding), { note: t('worth {amount}', { amount: money(d.outstanding_worth) }) }),
        stat(t('To be reviewed'), number(d.reviews), { href: '#/reviews', kind: d.reviews ? 'warn' : '' }),
        stat(t('Alarms of tills'), number(d.alarms.length), { href: '#/tills', kind: d.alarms.length ? 'bad' : 'ok' }),
        d.complaints_open === null ? null : stat(t('Open complaints'), number(d.complaints_open), { href: '#/complaints',
            kind: d.complaints_late ? 'bad' : '', note: d.complaints_late ? t('{n} late', { n: number(d.complaints_late) }) : '' })));
    view.append(section('', chart('bar', { heading: t('Points per day, the last 30 days'), labels: d.days.map(x => dayShort(x.day)),
        series: [{ label: t('earned'), values: d.days.map(x => x.earned) }, { label: t('redeemed'), values: d.days.map(x => x.redeemed) },
            { label: t('expired'), values: d.days.map(x => x.expired) }], format: points })));
    if (d.alarms.length)
        view.append(section(t('Alarms'), table([
            { key: 'till', title: t('Till') },
            { key: 'shop', title: t('Shop') },
            { key: 'text', title: t('What is wrong'), wide: true, show: a => [badge(a.bad ? t('now') : t('soon'), a.bad ? 'bad' : 'warn'), ' ', a.text] },
            { key: 'since', title: t('Last heard of'), type: 'time', show: a => time(a.since, t('never')) },
        ], d.alarms, { name: 'alarms', link: a => '#/tills/' + a.till })));
    view.append(section(t('Tiers'), chart('doughnut', { heading: t('Members by tier'), labels: d.tiers.map(x => x.name),
        series: [{ label: t('Members'), values: d.tiers.map(x => x.members) }], height: 14 })));
}
