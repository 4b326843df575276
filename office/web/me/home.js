// home.js - what a member has, what of it ends when, the way to the next tier, and the code to show at a till.
// SPDX-License-Identifier: Apache-2.0
import { get } from '../api.js';
import { t } from '../i18n.js';
import { day, el, facts, fill, money, number, points, section } from '../ui.js';
import { qrImage } from './qr.js';

/** "12.50", "3 visits": how far it is, in what the tier counts. */
export function inMetric(metric, n) {
    return metric === 'spend' ? money(n) : metric === 'visits' ? t('{n} visits', { n: number(n) }) : metric === 'points' ? t('{n} points', { n: number(n) }) : number(n);
}

export async function show(view) {
    const m = await get('/api/mine'), tier = m.tier;
    view.append(el('div.card.text-bg-primary.mb-3', {}, el('div.card-body', {}, el('div', {}, m.name ? t('Hello, {name}', { name: m.name }) : m.member),
        el('div.display-4', { id: 'points' }, points(m.points)), el('div', {}, t('points'), tier.name ? ` · ${tier.name}` : ''),
        m.pending ? el('div.small', {}, t('of them {n} may not be spent yet', { n: points(m.pending) })) : null,
        m.owed ? el('div.small', {}, t('{n} are owed and come off the next ones', { n: points(m.owed) })) : null)));
    view.append(code());
    if (tier.next)
        view.append(section(t('On the way to {tier}', { tier: tier.next_name || tier.next }), el('div.progress.mb-1', { role: 'progressbar', 'aria-valuemin': '0',
            'aria-valuemax': '100', 'aria-valuenow': share(tier), 'aria-label': t('On the way to {tier}', { tier: tier.next_name || tier.next }) }, bar(share(tier))),
        el('div.small.text-muted', {}, t('{amount} to go', { amount: inMetric(tier.metric, tier.to_rise) }))));
    if (m.stamps.length)
        view.append(section(t('Stamp cards'), facts(m.stamps.map(s => [s.name, t('{n} of {every}: then {points} points', { n: number(s.stamps), every: number(s.every), points: points(s.points) })]))));
    const ending = m.lots.filter(l => l.points);
    if (ending.length)
        view.append(section(t('Good until'), facts(ending.map(l => [day(l.last_day, t('without end')), t('{n} points', { n: points(l.points) })]))));
}

function share(tier) {
    const goal = tier.reached + tier.to_rise;
    return goal > 0 ? Math.floor(100 * tier.reached / goal) : 0;
}
function bar(n) {
    const b = el('div.progress-bar');
    b.style.width = n + '%';
    return b;
}

/** The code changes by itself as long as it is shown, and when it is asked for: one that a till took is good no more. */
function code() {
    const place = el('div.text-center', { 'aria-live': 'off' });
    const another = el('button.btn.btn-sm.btn-outline-secondary.d-block.mx-auto', { type: 'button', id: 'another-code', onclick: () => draw() }, t('Show another code'));
    const whole = section(t('Show this at the till'), place, another);
    let timer;
    async function draw() {
        let seconds = 10; // when there is no line it is tried again
        clearTimeout(timer);
        try {
            const c = await get('/api/mine/code');
            seconds = c.seconds;
            fill(place, qrImage(c.qr, t('My code as a QR code')), el('div.small.lh-1.mb-1', {}, el('code', { id: 'member-code' }, c.code)),
                el('div.small.text-muted', {}, t('Good once, for {n} seconds; then there is a new one.', { n: c.seconds })));
        } catch (e) {
            fill(place, e.message);
        }
        clearTimeout(timer);
        timer = setTimeout(() => whole.isConnected && draw(), Math.max(5, seconds - 5) * 1000);
    }
    draw();
    return whole;
}
