// jobs.js - long work: previews and re-ratings, how far they are, their files.
// SPDX-License-Identifier: Apache-2.0
import { get, hasRole, post } from '../api.js';
import { t } from '../i18n.js';
import { previewShown } from '../preview.js';
import { badge, button, confirm, dialog, el, facts, fill, number, points, table, time } from '../ui.js';

export const page = { name: 'jobs', title: 'Long work', roles: ['marketer', 'controller', 'approver', 'auditor', 'admin'], order: 95 };

const kinds = () => ({ preview: t('Preview of a draft'), rerate_list: t('List of sales to be rated anew'), rerate: t('Sales rated anew') });
const states = () => ({ waiting: [t('waits'), 'info'], running: [t('runs'), 'info'], done: [t('done'), 'ok'], failed: [t('failed'), 'bad'],
    cancelled: [t('cancelled'), 'off'], ended: [t('interrupted'), 'warn'] });

export async function show(view) {
    const place = el('div');
    view.append(place);
    await draw(place);
}

async function draw(place) {
    const rows = (await get('/api/jobs')).rows;
    fill(place, table([
        { key: 'job', title: t('Number'), type: 'int' }, { key: 'kind', title: t('What'), show: r => kinds()[r.kind] || r.kind },
        { key: 'state', title: t('State'), show: r => el('span', {}, badge(...states()[r.state]), r.state === 'running' ? ` ${Math.floor(r.thousandths / 10)}%` : '') },
        { key: 'sentence', title: t('Remark') }, { key: 'user', title: t('Asked for by') }, { key: 'created', title: t('Asked for'), type: 'time' },
        { key: 'ended', title: t('Ended'), show: r => time(r.ended) },
    ], rows, { name: 'jobs', csv: '/api/jobs?format=csv', sort: '-job', actions: r => [
        r.state === 'done' ? button(t('Result'), () => result(r), 'secondary', { class: 'btn btn-sm btn-outline-secondary' }) : null,
        ['waiting', 'running'].includes(r.state) && !hasRole('auditor') ? button(t('Cancel'), () => confirm({ title: t('Cancel job {n}?', { n: r.job }), danger: true, action: t('Cancel it'),
            onSubmit: () => post(`/api/jobs/${r.job}/cancel`) }).then(v => v && draw(place)), 'secondary', { class: 'btn btn-sm btn-outline-secondary' }) : null] }));
    if (rows.some(r => ['waiting', 'running'].includes(r.state)))
        setTimeout(() => place.isConnected && draw(place), 1000);
}

async function result(r) {
    const j = await get('/api/jobs/' + r.job);
    if (j.kind === 'preview')
        dialog(kinds().preview, previewShown(j.result, r.job), { wide: true });
    else
        dialog(kinds()[j.kind] || j.kind, facts([[t('Rated by version'), number(j.result.version)], [t('Sales looked at'), number(j.result.sales)],
            [t('Sales that change'), number(j.result.changing)], [t('Members'), number(j.result.members)],
            [t('Points more'), points(j.result.up)], [t('Points less'), points(j.result.down)]]));
}
