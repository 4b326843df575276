// history.js - what happened to a member's points, and why.
// SPDX-License-Identifier: Apache-2.0
import { get, post } from '../api.js';
import { t } from '../i18n.js';
import { button, confirm, el, points, time, toast } from '../ui.js';

const words = () => ({ sale: t('Purchase'), refund: t('Refund'), grant: t('Gift'), adjust: t('Correction'), run: t('Day’s run'), member: t('Joined'),
    card: t('Card'), 'load intent': t('To the card'), load: t('To the card'), claim: t('Receipt added'), merge: t('Numbers put together'),
    unmerge: t('Numbers taken apart'), transfer: t('Points passed on'), extend: t('Made to last longer'), opening: t('Brought along'), tier: t('Tier'),
    redeem: t('Reward'), return: t('Reward given back'), rerate: t('Computed again'), hold: t('Set aside'), release: t('Let go'), rating: t('Rating'),
    settle: t('Cleared up'), intent: t('At the till'), cancel: t('Not bought after all') });

export async function show(view, again) {
    const rows = (await get('/api/mine/history')).rows.filter(r => r.what !== 'consent'); // those are with the switches
    view.append(el('div.mb-3', {}, button(t('A receipt is missing'), () => claim(again))));
    if (!rows.length)
        view.append(el('p.text-muted', {}, t('Nothing here yet.')));
    view.append(el('ul.list-group', {}, rows.map(r => el('li.list-group-item.px-2', {}, el('div.d-flex.gap-2', {}, el('span.me-auto', {}, words()[r.what] || r.what),
        r.points ? el(`span.fw-semibold.text-nowrap${r.points > 0 ? '.text-success' : ''}`, {}, points(r.points, true)) : null),
    el('div.small.text-muted', {}, time(r.time), r.total_after !== null && r.points ? ' · ' + t('then {n}', { n: points(r.total_after) }) : ''),
    r.why ? el('div.small', {}, r.why) : null))));
}

async function claim(again) {
    const got = await confirm({ title: t('A receipt is missing'), text: t('Forgot your card? Type the number and the total of the receipt.'), action: t('Add it'),
        fields: [{ name: 'receipt', label: t('Number of the receipt'), required: true, maxLength: 39 },
            { name: 'total', label: t('Total'), type: 'money', required: true, min: 1 }], onSubmit: v => post('/api/mine/claims', v) });
    if (got) {
        toast(t('{n} points were added.', { n: points(got.points) }));
        again();
    }
}
