// audit.js - who did what, who looked at whom, what was refused; and whether the log is as it was written.
// SPDX-License-Identifier: Apache-2.0
import { address, get } from '../api.js';
import { t } from '../i18n.js';
import { badge, button, el, form, notice, number, table, time } from '../ui.js';

export const page = { name: 'audit', title: 'Audit log', roles: ['auditor', 'admin'], order: 96 };

const whole = 200; // rows at a time

export async function show(view, args) {
    const q = args.query;
    const filter = { from: q.get('from'), to: q.get('to'), user: q.get('user'), member: q.get('member'), operation: q.get('operation'),
        looks: q.get('looks'), refused: q.get('refused') };
    const users = (await get('/api/users')).rows;
    const place = el('div'), said = el('div');
    view.append(el('details.mb-3', { open: [...q.keys()].length > 0 }, el('summary', {}, t('Choose')), el('div.pt-2', {}, form([
        { name: 'from', label: t('From'), type: 'day', value: filter.from, width: 3 },
        { name: 'to', label: t('To'), type: 'day', value: filter.to, width: 3 },
        { name: 'user', label: t('User'), type: 'select', options: [['', t('everybody')], ...users.map(u => [String(u.id), u.name])], value: filter.user || '', width: 3 },
        { name: 'member', label: t('Member'), value: filter.member, width: 3, help: t('What was done to this member, and who looked.') },
        { name: 'operation', label: t('Operation'), value: filter.operation, width: 6 },
        { name: 'looks', label: t('Only looks at a person'), type: 'bool', value: filter.looks === '1', width: 3 },
        { name: 'refused', label: t('Only what was refused'), type: 'bool', value: filter.refused === '1', width: 3 },
    ], { submit: t('Show'), onSubmit: async v => {
        location.hash = address('#/audit', { ...v, looks: v.looks ? 1 : '', refused: v.refused ? 1 : '' });
    } }))), said, place);
    await more(place, filter, []);
    document.getElementById('actions')?.replaceChildren(button(t('Check the chain'), () => verify(said)));
}

async function verify(said) {
    const r = await get('/api/audit/verify');
    said.replaceChildren(r.broken
        ? notice(t('Line {n} is not as it was written: somebody changed the database behind head office\'s back.', { n: number(r.broken) }), 'bad')
        : notice(t('All {n} lines are as they were written. The newest has this mark: note it elsewhere, and it shows later whether lines were cut off.', { n: number(r.lines) }), 'ok',
            el('div', {}, el('code.text-break', {}, r.head))));
}

async function more(place, filter, before) {
    const last = before.at(-1);
    const got = (await get('/api/audit', { ...filter, before: last ? last.id : '', limit: whole })).rows;
    const rows = [...before, ...got];
    place.replaceChildren(table([
        { key: 'id', title: t('Line'), type: 'int' },
        { key: 'time', title: t('Time'), type: 'time', show: x => time(x.time) },
        { key: 'name', title: t('Who'), show: x => x.name || x.by_member || t('nobody') },
        { key: 'operation', title: t('Operation') },
        { key: 'target', title: t('Of what') },
        { key: 'looked_at', title: t('Looked at') },
        { key: 'result', title: t('Result'), show: x => x.result === 'done' ? badge(t('done'), 'ok') : badge(x.result, 'bad') },
        { key: 'text', title: t('Remark') },
        { key: 'address', title: t('From address') },
    ], rows, { name: 'audit', csv: address('/api/audit', { ...filter, limit: 50000, format: 'csv' }), pageSize: 50,
        rowKind: x => x.result === 'done' ? '' : 'warning', empty: t('No line of the log is so.') }),
    got.length === whole ? button(t('Older lines'), () => more(place, filter, rows)) : '');
}
