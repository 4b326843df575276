// preview.js - what a draft would have changed, as it came from head office; and texts side by side.  Used by the pages of
// rules and of proposals.
// SPDX-License-Identifier: Apache-2.0
import { t } from './i18n.js';
import { chart, day, el, money, notice, number, points, section, stat, stats, table } from './ui.js';

/** What differs: [{ sign, before, after, text }]; long parts that are the same are folded. */
export function diffShown(rows) {
    const near = rows.map((_, i) => rows.slice(Math.max(0, i - 3), i + 4).some(r => r.sign !== ' '));
    if (!rows.some(r => r.sign !== ' '))
        return notice(t('Nothing differs.'), 'info');
    const lines = [];
    rows.forEach((r, i) => {
        if (near[i])
            lines.push(el(`tr${r.sign === '+' ? '.table-success' : r.sign === '-' ? '.table-danger' : ''}`, {},
                el('td.text-end.text-muted.small', {}, r.before || ''), el('td.text-end.text-muted.small', {}, r.after || ''),
                el('td.font-monospace.small', {}, el('span', { 'aria-label': { '+': t('new'), '-': t('gone') }[r.sign] || null }, r.sign), ' ', el('code.text-reset', {}, r.text))));
        else if (near[i - 1] || i === 0)
            lines.push(el('tr', {}, el('td.text-muted.small', { colspan: 3 }, '…')));
    });
    return el('div.table-responsive.mb-3', { tabindex: '0', role: 'region', 'aria-label': t('What differs') }, el('table.table.table-sm.diff', {},
        el('thead', {}, el('tr', {}, [t('Before'), t('After'), t('Line')].map(h => el('th.small', { scope: 'col' }, h)))), el('tbody', {}, lines)));
}

function change(before, after, show) {
    const by = after - before;
    return `${show(before)} → ${show(after)}${by ? ` (${by > 0 ? '+' : ''}${show(by)})` : ''}`;
}

function matrix(tiers) {
    const used = tiers.map((x, i) => x.to.some(Boolean) || tiers.some(y => y.to[i]));
    const shown = tiers.map((x, i) => [x, i]).filter(([, i]) => used[i]);
    return el('div.table-responsive', {}, el('table.table.table-sm.table-bordered', {}, el('caption.caption-top', {}, t('Members by tier: rows as it is, columns by the draft')),
        el('thead', {}, el('tr', {}, el('th', { scope: 'col' }, ''), shown.map(([x]) => el('th.text-end', { scope: 'col' }, x.name)))),
        el('tbody', {}, shown.map(([x, i]) => el('tr', {}, el('th', { scope: 'row' }, x.name), shown.map(([, k]) =>
            el(`td.text-end${i === k || !x.to[k] ? '' : k > i ? '.table-success' : '.table-warning'}`, {}, number(x.to[k]))))))));
}

/** All of a preview.  job: of its files, null = they are not offered. */
export function previewShown(p, job) {
    const name = code => p.tiers.find(x => x.code === code)?.name || code;
    const movers = [
        { key: 'member', title: t('Member') }, { key: 'tier_before', title: t('Tier before'), show: r => name(r.tier_before) },
        { key: 'tier_after', title: t('Tier after'), show: r => name(r.tier_after) },
        { key: 'points_before', title: t('Points before'), type: 'points' }, { key: 'points_after', title: t('Points after'), type: 'points' },
        { key: 'sales', title: t('Sales that differ'), type: 'int' }];
    return el('div.preview', {},
        el('p.text-muted', {}, t('The purchases up to {to}, as they were and by the draft from {from} on: {sales} sales and {refunds} refunds of {members} members.',
            { from: day(p.from), to: day(p.to), sales: number(p.sales), refunds: number(p.refunds), members: number(p.members) })),
        p.left_out ? notice(t('{n} members are not in the comparison: their history has steps that a preview cannot repeat.', { n: number(p.left_out) }), 'warn') : null,
        stats(stat(t('Members who rise'), number(p.rise), { kind: p.rise ? 'ok' : null }), stat(t('Members who fall'), number(p.fall), { kind: p.fall ? 'warn' : null }),
            stat(t('Entries that differ'), number(p.differing)),
            stat(t('Points outstanding'), points(p.outstanding.after), { note: change(p.outstanding.before, p.outstanding.after, points) }),
            stat(t('What they are worth'), money(p.liability.after), { note: change(p.liability.before, p.liability.after, money) }),
            stat(t('Points owed'), points(p.owed.after), { note: change(p.owed.before, p.owed.after, points) })),
        p.tiers.length > 1 ? section(t('Tiers'), matrix(p.tiers)) : null,
        p.months.length ? section(t('Cost of the points earned'), chart('bar', { heading: t('Cost by month'), labels: p.months.map(m => m.month), format: money,
            series: [{ label: t('as it is'), values: p.months.map(m => m.cost_before) }, { label: t('by the draft'), values: p.months.map(m => m.cost_after) }] })) : null,
        section(t('Most affected'), table(movers, p.top, { name: 'most-affected', filter: false, empty: t('Nobody has other points.'), sort: '' })),
        p.movers.length ? section(t('Who rises and who falls'), table(movers, p.movers, { name: 'tiers', csv: job ? `/api/jobs/${job}/tiers.csv` : null })) : null,
        job ? el('p.noprint', {}, el('a.btn.btn-outline-secondary', { href: `/api/jobs/${job}/entries.csv`, download: 'entries.csv' },
            t('All entries that differ, with why (CSV)'))) : null);
}
