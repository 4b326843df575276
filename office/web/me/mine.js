// mine.js - what a member agreed to, whom they brought, and a copy of all that is kept of them.
// SPDX-License-Identifier: Apache-2.0
import { get, post } from '../api.js';
import { t } from '../i18n.js';
import { button, confirm, el, section, time, toast } from '../ui.js';
import { qrImage } from './qr.js';

const version = '2026-11'; // of the texts below: what was agreed to is known by it
const purposes = () => [
    ['name', t('My name at the till'), t('The cashier may see my name when I show my card.')],
    ['messages', t('Messages'), t('You may send me offers.')],
    ['birthday', t('Birthday'), t('You may wish me a happy birthday, with a gift.')],
    ['research', t('Research'), t('You may ask me how it was, and count my purchases in studies.')]];

export async function show(view, again) {
    const [consent, referral] = await Promise.all([get('/api/mine/consent'), get('/api/mine/referral')]);
    view.append(section(t('What I agree to'), purposes().map(([name, heading, text]) => {
        const last = consent.rows.find(r => r.purpose === name);
        return el('label.form-check.form-switch.mb-2', {}, el('input.form-check-input', { type: 'checkbox', role: 'switch', name, checked: consent.consent[name], onchange: async e => {
            try {
                await post('/api/mine/consent', { purpose: name, given: e.target.checked, version });
                toast(t('Noted.'));
                again();
            } catch (error) {
                e.target.checked = !e.target.checked;
                toast(error.message, 'bad');
            }
        } }), el('span.form-check-label', {}, el('span.fw-semibold', {}, heading), el('span.d-block.small', {}, text),
            last ? el('span.d-block.small.text-muted', {}, last.given ? t('agreed on {time}', { time: time(last.time) }) : t('taken back on {time}', { time: time(last.time) })) : null));
    })));
    view.append(section(t('Bring a friend'), el('p.mb-1', {}, t('Who joins with this code brings points to both of you.')),
        el('div.text-center', {}, qrImage(referral.qr, t('My code for friends as a QR code')), el('div.fs-5', {}, el('code', { id: 'referral' }, referral.code))),
        button(t('Somebody brought me'), async () => {
            const v = await confirm({ title: t('Somebody brought me'), action: t('Say it'), fields: [{ name: 'code', label: t('Their code'), required: true, maxLength: 20 }],
                onSubmit: x => post('/api/mine/referral', x) });
            if (v)
                toast(t('Noted.'));
        })));
    view.append(section(t('My data'), el('p.mb-1', {}, t('All that is kept of you, as a file.')),
        el('a.btn.btn-outline-secondary', { href: '/api/mine/export', download: 'my-data.json' }, t('Save my data'))));
}
