// say.js - how it was, and what was wrong: feedback, complaints and how far they are.
// SPDX-License-Identifier: Apache-2.0
import { get, post } from '../api.js';
import { language, t } from '../i18n.js';
import { badge, button, confirm, dialog, el, form, notice, section, time, toast } from '../ui.js';

const states = () => ({ received: [t('received'), 'info'], recorded: [t('being looked at'), 'info'], 'passed on': [t('passed on'), 'info'], handled: [t('dealt with'), 'ok'],
    asked: [t('we asked you'), 'warn'], 'followed up': [t('closed'), 'ok'], closed: [t('closed'), 'ok'], audited: [t('closed'), 'ok'] });
const state = c => badge(...(states()[c.state] || [c.state, 'off']));
const scores = () => [['', t('not said')], [5, '5 – ' + t('very good')], [4, '4'], [3, '3'], [2, '2'], [1, '1 – ' + t('bad')]];

export async function show(view, again) {
    const [list, kinds] = await Promise.all([get('/api/mine/complaints'), get('/api/complaint-kinds')]);
    const kindName = k => { const x = kinds.rows.find(r => r.kind === k); return x ? (language() === 'zh' && x.name_zh) || x.name : k; };
    view.append(el('div.d-flex.flex-wrap.gap-2.mb-3', {}, button(t('Something was wrong'), () => complain(kinds.rows.map(k => [k.kind, kindName(k.kind)]), again), 'primary')));
    if (list.rows.length)
        view.append(section(t('My complaints'), el('ul.list-group', {}, list.rows.map(c => el('li.list-group-item.d-flex.gap-2.align-items-center', {},
            el('div.me-auto', {}, `${c.number} · ${kindName(c.kind)}`, el('div.small.text-muted', {}, time(c.received))), state(c),
            button(t('Look'), () => showComplaint(c.id, kindName, again), 'secondary', { class: 'btn btn-sm btn-outline-secondary' }))))));
    const f = form([
        { name: 'result', label: t('What you bought'), type: 'select', options: scores(), width: 6 },
        { name: 'interaction', label: t('How you were served'), type: 'select', options: scores(), width: 6 },
        { name: 'environment', label: t('The shop'), type: 'select', options: scores(), width: 6 },
        { name: 'value', label: t('Worth its price'), type: 'select', options: scores(), width: 6 },
        { name: 'nps', label: t('Would you recommend us? 0 not at all, 10 surely'), type: 'select', options: [['', t('not said')], ...Array.from({ length: 11 }, (_, i) => [10 - i, String(10 - i)])] },
        { name: 'text', label: t('Anything else'), type: 'textarea', rows: 3, maxLength: 500 },
    ], { submit: t('Send'), onSubmit: async v => {
        if (!Object.keys(v).length)
            throw new Error(t('Say at least one thing.'));
        await post('/api/mine/feedback', v);
        toast(t('Thank you.'));
        again();
    } });
    view.append(section(t('How was it?'), f));
}

async function complain(kinds, again) {
    const got = await confirm({ title: t('Something was wrong'), action: t('Send'), fields: [
        { name: 'kind', label: t('What is it about?'), type: 'select', options: kinds, required: true, value: kinds[0]?.[0] },
        { name: 'text', label: t('What happened?'), type: 'textarea', required: true, maxLength: 1000 },
        { name: 'shop', label: t('In which shop?'), maxLength: 15, width: 6 },
        { name: 'receipt', label: t('Number of the receipt'), maxLength: 39, width: 6 }],
    onSubmit: v => post('/api/mine/complaints', v) });
    if (got) {
        toast(t('We have it and will answer.'));
        again();
    }
}

async function showComplaint(id, kindName, again) {
    const c = await get('/api/mine/complaints/' + id);
    const inside = [el('p', {}, state(c), ' ', time(c.received)), el('p', {}, c.text),
        el('ul.list-unstyled.small', {}, (c.steps || []).filter(s => s.shown && s.text).map(s => el('li.mb-1', {}, time(s.time), ': ', s.text)))];
    const d = dialog(`${c.number} · ${kindName(c.kind)}`, inside);
    if (c.may.includes('ask')) {
        const answer = satisfied => async () => {
            await post(`/api/mine/complaints/${id}/opinion`, { satisfied });
            d.close();
            toast(t('Thank you.'));
            again();
        };
        d.element.append(notice(t('Are you satisfied with what was done?'), 'info', el('div.mt-2.d-flex.gap-2', {}, button(t('Yes'), answer(true), 'primary'), button(t('No'), answer(false)))));
    }
}
