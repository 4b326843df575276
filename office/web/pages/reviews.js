// reviews.js - entries that did not hold in part or whole: what was wrong, who looked, what was done.
// SPDX-License-Identifier: Apache-2.0
import { get, post, roles } from '../api.js';
import { t } from '../i18n.js';
import { badge, button, confirm, el, fill, table, time, toast } from '../ui.js';

export const page = { name: 'reviews', title: 'To be reviewed', roles: ['clerk', 'controller', 'approver', 'auditor'], order: 55 };

export async function show(view) {
    const all = el('input.form-check-input', { type: 'checkbox', id: 'reviews-all', onchange: () => draw() });
    const list = el('div');
    const mayFinish = ['clerk', 'controller'].some(r => roles().includes(r));
    view.append(el('p', {}, t('Such an entry is kept as it came and has moved only the points it may. Look at the member, put right by hand what has to be, and say here what was found.')),
        el('div.form-check.mb-2', {}, all, el('label.form-check-label', { for: 'reviews-all' }, t('Also those somebody has looked at'))), list);
    async function draw() {
        const d = await get('/api/reviews', { all: all.checked ? 1 : '' });
        fill(list, table([
            { key: 'time', title: t('Time'), type: 'time' },
            { key: 'entry', title: t('Entry') },
            { key: 'shop', title: t('Shop') },
            { key: 'member', title: t('Member'), show: r => r.member ? el('a', { href: '#/members/' + r.member }, r.member) : '' },
            { key: 'answer', title: t('What is wrong'), show: r => [r.answer, r.detail ? el('div.small.text-muted', {}, r.detail) : null] },
            { key: 'done', title: t('Looked at'), show: r => r.done ? [badge(time(r.done), 'ok'), el('div.small', {}, r.remark)] : badge(t('open'), 'warn') },
        ], d.rows, { name: 'reviews', empty: t('Nothing to review: every entry held in full.'), csv: '/api/reviews?format=csv' + (all.checked ? '&all=1' : ''),
            actions: mayFinish ? r => r.done ? [] : [button(t('Done'), () => confirm({ title: t('What was found about {entry}', { entry: r.entry }), action: t('Done'),
                fields: [{ name: 'remark', label: t('What was found and done'), type: 'textarea', required: true, maxLength: 200 }],
                onSubmit: async v => {
                    await post(`/api/reviews/${r.review}/done`, v);
                    toast(t('Noted.'));
                    await draw();
                } }), 'secondary', { class: 'btn btn-sm btn-outline-secondary' })] : undefined }));
    }
    await draw();
}
