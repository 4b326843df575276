// rewards.js - rewards: the catalogue and its stock, the desk where they are had and given back, vouchers, receipts.
// SPDX-License-Identifier: Apache-2.0
import { get, hasRole, post } from '../api.js';
import { language, t } from '../i18n.js';
import { badge, button, confirm, day, el, facts, fill, form, money, notice, number, points, redraw, section, stat, stats, table, tabs, time, title, toast } from '../ui.js';

export const page = { name: 'rewards', title: 'Rewards', roles: ['clerk', 'controller', 'approver', 'auditor'], order: 40 };

const tillName = n => 'T' + String(n).padStart(4, '0');
const mayServe = () => hasRole('clerk', 'controller');
const nameOf = r => language() === 'zh' ? r.name_zh : r.name;
const kindWords = () => ({ money: t('money off'), percent: t('percent off'), item: t('a thing'), sliding: t('money off, in steps') });
const whyWords = () => ({ 'not in this tier': t('not in this tier'), 'not yet': t('not yet'), 'no longer': t('no longer'), 'none is left': t('none is left'),
    'this member had as many as one may have': t('had as many as one may have') });
const stateWords = () => ({ open: [t('set aside'), 'info'], taken: [t('had'), 'ok'], released: [t('let go'), 'off'], returned: [t('given back'), 'warn'] });
const voucherWords = () => ({ good: [t('good'), 'ok'], used: [t('used'), 'off'], returned: [t('given back'), 'warn'], ended: [t('past its last day'), 'off'] });

export async function show(view, args) {
    const member = args.query?.get('member') || '';
    if (/^T\d+-\d+$/.test(args[0] || ''))
        return showReceipt(view, args[0]);
    if (args[0])
        return showVoucher(view, args[0]);
    title(member ? t('Rewards for {member}', { member }) : t('Rewards'));
    view.append(tabs([{ title: t('Redeem'), show: v => showCatalogue(v, member) }, { title: t('Vouchers'), show: showVouchers },
        { title: t('Receipts and refunds'), show: showReceipts }, { title: t('What was had'), show: v => showRedemptions(v, member) }]));
}

/* ---- redeem ---- */

async function showCatalogue(view, member) {
    const rows = (await get('/api/rewards', { member })).rows;
    if (mayServe() && !member)
        view.append(form([{ name: 'member', label: t('Number of the member'), required: true, placeholder: 'M12' }],
            { submit: t('What can they have?'), onSubmit: v => { location.hash = '#/rewards?member=' + encodeURIComponent(v.member); } }));
    view.append(table([
        { key: 'name', title: t('Reward'), show: r => [nameOf(r), el('div.small.text-muted', {}, r.reward)] },
        { key: 'kind', title: t('Kind'), show: r => kindWords()[r.kind] },
        { key: 'points', title: t('Price'), type: 'points' },
        { key: 'value', title: t('Worth'), type: 'money' },
        { key: 'left', title: t('Left'), type: 'int', show: r => r.left === null ? t('enough') : number(r.left) },
        { key: 'to', title: t('Until'), type: 'day' },
        member ? { key: 'missing', title: t('Points missing'), type: 'points', show: r => r.missing ? points(r.missing) : '' } : null,
        { key: 'why', title: t('Not now because'), show: r => whyWords()[r.why] || r.why },
    ].filter(Boolean), rows, { name: 'rewards', csv: '/api/rewards?format=csv', empty: t('The rules in force have no rewards.'),
        actions: r => [member && mayServe() && !r.why && !r.missing ? button(t('Redeem'), () => redeem(member, r), 'primary',
            { class: 'btn btn-sm btn-primary', 'aria-label': t('Redeem {reward}', { reward: nameOf(r) }) }) : null,
        !member && hasRole('controller', 'marketer') ? button(t('Stock'), () => confirm({ title: t('Stock of {reward}', { reward: nameOf(r) }), action: t('Save'),
            fields: [{ name: 'stock', label: t('How many were put in so far, those taken included'), type: 'int', min: 0, required: true }],
            onSubmit: v => post(`/api/rewards/${encodeURIComponent(r.reward)}/stock`, v) }).then(v => v && redraw()), 'secondary',
        { class: 'btn btn-sm btn-outline-secondary', 'aria-label': t('Stock of {reward}', { reward: nameOf(r) }) }) : null].filter(Boolean) }));
}

/* Set aside, then had at once, as a voucher, or not at all.  The name makes an answer that was lost no second redemption. */
async function redeem(member, r) {
    const name = crypto.randomUUID();
    let made = null;
    await confirm({ title: t('{reward} for {n} points', { reward: nameOf(r), n: points(r.points) }), action: t('Set the points aside'), fields: [
        { name: 'pin', label: t('PIN of the member'), type: 'password', help: t('For many points only.') }],
    onSubmit: async v => { made = await post('/api/redemptions', { member, reward: r.reward, points: r.kind === 'sliding' ? r.points : undefined, name, ...v }); } });
    if (!made)
        return;
    let how = '';
    await confirm({ title: t('The points are set aside'), action: t('Go on'), fields: [
        { name: 'how', label: t('What happens now?'), type: 'select', required: true, value: 'had',
            options: [['had', t('The member has the reward')], ['voucher', t('The member gets a voucher')], ['release', t('It is not wanted')]] }],
    onSubmit: async v => {
        await (v.how === 'release' ? post(`/api/redemptions/${made.id}/release`) : post(`/api/redemptions/${made.id}/confirm`, { voucher: v.how === 'voucher' }));
        how = v.how;
    } });
    if (how === 'voucher') {
        location.hash = '#/rewards/' + made.id;
        return;
    }
    toast(how === 'had' ? t('The reward is had.') : how ? t('The points are free again.') : t('The points are free again in a few minutes.'));
    location.hash = '#/members/' + member;
}

async function showRedemptions(view, member) {
    const rows = (await get('/api/redemptions', { member })).rows;
    view.append(table([
        { key: 'time', title: t('Time'), type: 'time' },
        { key: 'member', title: t('Member') },
        { key: 'reward', title: t('Reward') },
        { key: 'points', title: t('Points'), type: 'points' },
        { key: 'state', title: t('State'), show: r => badge(...stateWords()[r.state]) },
        { key: 'voucher', title: t('Voucher'), show: r => r.voucher ? badge(...voucherWords()[r.voucher]) : '' },
        { key: 'channel', title: t('Where'), show: r => r.channel === 'page' ? t('on the member page') : t('at the desk') },
    ], rows, { name: 'redemptions', csv: '/api/redemptions?format=csv' + (member ? '&member=' + member : ''),
        actions: r => [r.voucher && mayServe() ? el('a.btn.btn-sm.btn-outline-secondary', { href: '#/rewards/' + r.id, 'aria-label': t('Show voucher {n}', { n: r.id }) }, t('Show')) : null,
            r.state === 'taken' && mayServe() && r.voucher !== 'used' ? button(t('Take back'), () => giveBack(r.id).then(v => v && redraw()), 'secondary',
                { class: 'btn btn-sm btn-outline-secondary', 'aria-label': t('Take back redemption {n}', { n: r.id }) }) : null].filter(Boolean) }));
}

function giveBack(id) {
    return confirm({ title: t('Take the reward back'), action: t('Take back'), text: t('Its points go back to the member, good as long as they were.'), fields: [
        { name: 'reason', label: t('Reason'), required: true, maxLength: 79, help: t('It stays in the books for ever: no names.') }],
    onSubmit: v => post(`/api/redemptions/${id}/return`, v) });
}

/* ---- vouchers ---- */

async function showVouchers(view) {
    const found = el('div', { 'aria-live': 'polite' });
    view.append(form([{ name: 'code', label: t('Code of the voucher'), required: true, placeholder: 'ABCD-EFGH-JKLM', maxLength: 20 }],
        { submit: t('Look'), onSubmit: async v => {
            const x = await get('/api/vouchers', v);
            fill(found, voucherFacts(x), x.state === 'good' && hasRole('clerk') ? button(t('It is used now'), async () => {
                const done = await confirm({ title: t('It is used now'), action: t('Use it'), fields: [{ name: 'shop', label: t('Code of the shop'), maxLength: 15 }],
                    onSubmit: w => post('/api/vouchers/use', { code: v.code, ...w }) });
                if (done) {
                    toast(t('The voucher is used.'));
                    fill(found, voucherFacts(await get('/api/vouchers', v)));
                }
            }, 'primary') : null);
        } }), found);
}

const voucherFacts = x => facts([[t('Reward'), nameOf(x)], [t('State'), badge(...voucherWords()[x.state])], [t('Member'), el('a', { href: '#/members/' + x.member }, x.member)],
    [t('Points'), points(x.points)], [t('Last good day'), day(x.last_day)], x.used ? [t('Used'), `${time(x.used)} ${x.used_at}`] : null]);

async function showVoucher(view, id) {
    const x = await get(`/api/redemptions/${encodeURIComponent(id)}/voucher`);
    title(t('Voucher'), el('a.btn.btn-outline-secondary', { href: '#/rewards' }, t('All rewards')), button(t('Print'), () => window.print()));
    view.append(section('', el('p.display-6', { id: 'code' }, x.code), voucherFacts(x)));
    if (x.state === 'good' && mayServe())
        view.append(button(t('Take back'), () => giveBack(id).then(v => v && redraw()), 'outline-danger'));
}

/* ---- receipts ---- */

function showReceipts(view) {
    const found = el('div', { 'aria-live': 'polite' });
    view.append(form([{ name: 'text', label: t('Number of the receipt, or the cash register’s own'), required: true, placeholder: 'T0007-12', maxLength: 40 }],
        { submit: t('Find'), onSubmit: async v => {
            const rows = (await get('/api/receipts', v)).rows;
            if (rows.length === 1)
                location.hash = '#/rewards/' + rows[0].receipt;
            fill(found, table([
                { key: 'receipt', title: t('Receipt') }, { key: 'time', title: t('Time'), type: 'time' }, { key: 'shop', title: t('Shop') },
                { key: 'member', title: t('Member') }, { key: 'total', title: t('Total'), type: 'money' }, { key: 'earned', title: t('Earned'), type: 'points' },
            ], rows, { name: 'receipts', link: r => '#/rewards/' + r.receipt, empty: t('There is no such receipt.'), filter: false }));
        } }), found);
}

async function showReceipt(view, name) {
    const r = await get('/api/receipts/' + encodeURIComponent(name));
    title(t('Receipt {receipt}', { receipt: r.receipt }), el('a.btn.btn-outline-secondary', { href: '#/rewards' }, t('All rewards')));
    view.append(section('', facts([[t('Time'), time(r.time)], [t('Till'), `${tillName(r.till)} ${r.shop}`], r.register ? [t('Number of the register'), r.register] : null,
        [t('Member'), r.member ? el('a', { href: '#/members/' + r.member }, r.member) : t('nobody')], [t('Total'), money(r.total)],
        [t('Earned'), points(r.earned)], [t('Why'), r.why], r.redeemed ? [t('Redeemed'), t('{n} points for {amount}', { n: points(r.redeemed), amount: money(r.redeemed_value) })] : null])));
    view.append(section(t('Lines'), table([
        { key: 'item', title: t('Item') }, { key: 'category', title: t('Category') }, { key: 'quantity', title: t('Pieces'), type: 'int' },
        { key: 'amount', title: t('Amount'), type: 'money' }, { key: 'left', title: t('Not come back'), type: 'int' },
    ], r.lines, { name: r.receipt, filter: false })));
    if (r.refunds.length)
        view.append(section(t('Came back'), table([
            { key: 'entry', title: t('Entry') }, { key: 'time', title: t('Time'), type: 'time' }, { key: 'total', title: t('Money'), type: 'money' },
            { key: 'clawed', title: t('Points taken back'), type: 'points' }, { key: 'points_back', title: t('Points given back'), type: 'points' }, { key: 'why', title: t('Why') },
        ], r.refunds, { name: r.receipt + '-refunds', filter: false })));
    if (r.lines.some(l => l.left > 0))
        view.append(section(t('What would a refund do?'), tryRefund(r)));
}

function tryRefund(r) {
    const result = el('div.mt-3', { 'aria-live': 'polite', id: 'refund' });
    return [form(r.lines.map((l, i) => l.left ? { name: 'line' + i, label: t('{item}: pieces that come back', { item: l.item }), type: 'int', min: 0, max: l.left, value: l.left, width: 4 } : null),
        { submit: t('Show what it would do'), onSubmit: async v => {
            const x = await get(`/api/receipts/${encodeURIComponent(r.receipt)}/refund`, { pieces: r.lines.map((l, i) => v['line' + i] || 0).join() });
            fill(result, stats(stat(t('Money for the goods'), money(x.money)), stat(t('Points taken back'), points(x.clawed)), stat(t('Points given back'), points(x.points_back)),
                stat(t('At head office then'), points(x.held_after), { note: x.owed_after ? t('{n} owed', { n: points(x.owed_after) }) : t('before: {n}', { n: points(x.held_before) }) })),
            x.why ? el('p', {}, x.why) : null,
            notice(t('Nothing was changed. Money goes back at till {till}, shop {shop}: do the refund there by this receipt’s number.', { till: tillName(x.till), shop: x.shop || '–' }), 'info'));
        } }), result];
}
