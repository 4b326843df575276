// rewards.js - what points can be had for, and the vouchers and coupons a member has.
// SPDX-License-Identifier: Apache-2.0
import { get, post } from '../api.js';
import { language, t } from '../i18n.js';
import { badge, button, confirm, day, dialog, el, points, section } from '../ui.js';
import { qrImage } from './qr.js';

const named = r => language() === 'zh' && r.name_zh ? r.name_zh : r.name;

export async function show(view, again) {
    const [rewards, vouchers, coupons, me] = await Promise.all([get('/api/mine/rewards'), get('/api/mine/vouchers'), get('/api/mine/coupons'), get('/api/mine')]);
    const names = Object.fromEntries(rewards.rows.map(r => [r.reward, named(r)]));
    view.append(section(t('Rewards'), rewards.rows.length ? el('div.vstack.gap-2', {}, rewards.rows.map(r => el('div.card', {}, el('div.card-body.p-2.d-flex.gap-2.align-items-center', {},
        el('div.me-auto', {}, el('div.fw-semibold', {}, named(r)), el('div.small.text-muted', {}, t('{n} points', { n: points(r.points) }),
            r.missing > 0 ? ' · ' + t('{n} missing', { n: points(r.missing) }) : '', r.left !== null ? ' · ' + t('{n} left', { n: r.left }) : ''),
        r.why && !r.missing ? el('div.small', {}, r.why) : null),
        r.missing > 0 || r.why ? null : button(t('Take it'), () => take(r, me.pin, again), 'primary', { class: 'btn btn-sm btn-primary' })))))
        : el('p.text-muted', {}, t('There are no rewards to choose from; points pay at the till.'))));
    if (vouchers.rows.length)
        view.append(section(t('My rewards'), el('ul.list-group', {}, vouchers.rows.map(v => el('li.list-group-item.d-flex.gap-2.align-items-center', {},
            el('div.me-auto', {}, names[v.reward] || v.reward, el('div.small.text-muted', {}, v.last_day ? t('good until {day}', { day: day(v.last_day) }) : '')),
            v.voucher === 'good' ? button(t('Show the code'), () => showVoucher(v.id), 'primary', { class: 'btn btn-sm btn-primary' })
                : badge({ used: t('used'), returned: t('given back'), ended: t('ended') }[v.voucher] || v.state, 'off'))))));
    if (coupons.rows.length)
        view.append(section(t('My coupons'), el('ul.list-group', {}, coupons.rows.map(c => el('li.list-group-item.d-flex.gap-2.align-items-center', {},
            el('div.me-auto', {}, el('code.fs-6', {}, c.coupon), el('div.small.text-muted', {}, t('good until {day}', { day: day(c.last_day) }))),
            c.state === 'good' ? badge(t('good'), 'ok') : badge(c.state === 'used' ? t('used') : t('over'), 'off'))))));
}

async function take(r, pin, again) {
    const fields = [];
    if (r.kind === 'sliding')
        fields.push({ name: 'points', label: t('How many points'), type: 'points', required: true, value: r.points, min: 1 });
    if (pin)
        fields.push({ name: 'pin', label: t('Your PIN'), type: 'password', required: true, inputmode: 'numeric', maxLength: 8, autocomplete: 'off' });
    const name = 'page-' + crypto.randomUUID(); // the same however often it is sent
    const got = await confirm({ title: named(r), text: t('{n} points are taken off, and you get a voucher.', { n: points(r.points) }), action: t('Take it'), fields,
        onSubmit: v => post('/api/mine/vouchers', { reward: r.reward, name, ...v }) });
    if (got) {
        await again();
        await showVoucher(got.id);
    }
}

async function showVoucher(id) {
    const v = await get('/api/mine/vouchers/' + id);
    dialog(named(v), [el('div.text-center', {}, qrImage(v.qr, t('The voucher as a QR code')), el('div.fs-5', {}, el('code', {}, v.code)),
        el('p.mb-0', {}, t('Show it at the till. It is good once.')), v.last_day ? el('p.small.text-muted', {}, t('good until {day}', { day: day(v.last_day) })) : null)]);
}
