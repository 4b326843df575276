// proposals.js - what waits for a second person: all that would be done, then yes or no.
// SPDX-License-Identifier: Apache-2.0
import { get, hasRole, post } from '../api.js';
import { t } from '../i18n.js';
import { diffShown, previewShown } from '../preview.js';
import { badge, button, confirm, day, el, facts, notice, number, points, section, table, tabs, time, title, toast } from '../ui.js';

export const page = { name: 'proposals', title: 'Proposals', roles: ['clerk', 'marketer', 'controller', 'approver', 'auditor', 'admin'], order: 58 };

const kinds = () => ({ publish: t('New rules'), rerate: t('Sales of the past rated anew'), adjust: t('Points by hand') });
const states = () => ({ open: [t('waits'), 'warn'], approved: [t('approved'), 'info'], done: [t('done'), 'ok'], refused: [t('refused'), 'bad'],
    withdrawn: [t('taken back'), 'off'] });

export async function show(view, args) {
    if (args[0])
        return showOne(view, args[0]);
    view.append(tabs([{ title: t('Waiting'), show: v => showList(v, true) }, { title: t('All of them'), show: v => showList(v, false) }]));
}

async function showList(view, open) {
    const rows = (await get('/api/proposals', { open: open ? '1' : '' })).rows;
    view.append(table([
        { key: 'proposal', title: t('Number'), type: 'int' }, { key: 'kind', title: t('What'), show: r => kinds()[r.kind] || r.kind },
        { key: 'state', title: t('State'), show: r => badge(...states()[r.state]) }, { key: 'reason', title: t('Reason') },
        { key: 'author', title: t('Proposed by') }, { key: 'created', title: t('Proposed'), type: 'time' },
        ...(open ? [] : [{ key: 'decided_by', title: t('Decided by') }, { key: 'decided', title: t('Decided'), type: 'time' }, { key: 'result', title: t('What came of it') }]),
    ], rows, { name: 'proposals', csv: '/api/proposals?format=csv' + (open ? '&open=1' : ''), link: r => '#/proposals/' + r.proposal,
        empty: t('Nothing waits for a second person.') }));
}

async function showOne(view, id) {
    const p = await get('/api/proposals/' + encodeURIComponent(id));
    title(`${kinds()[p.kind] || p.kind} ${p.proposal}`, el('a.btn.btn-outline-secondary', { href: '#/proposals' }, t('All proposals')));
    view.append(facts([[t('State'), badge(...states()[p.state])], [t('Proposed by'), p.author], [t('Proposed'), time(p.created)], [t('Reason'), p.reason],
        p.decided ? [t('Decided by'), p.decided_by] : null, p.decided ? [t('Decided'), time(p.decided)] : null,
        p.remark ? [t('Remark'), p.remark] : null, p.result ? [t('What came of it'), p.result] : null, ...subjectOf(p)]));
    view.append(decisions(p));
    if (p.diff)
        view.append(section(t('What changes'), diffShown(p.diff)));
    if (p.preview)
        view.append(section(t('What it would have done'), previewShown(p.preview, p.preview_job)));
    else if (p.kind === 'publish' && p.state === 'open')
        view.append(notice(t('It came without a preview.'), 'warn'));
}

/** All that will be done, in words of its kind. */
function subjectOf(p) {
    const s = p.subject;
    if (p.kind === 'publish')
        return [[t('Counts from'), day(s.effective)], [t('Follows version'), number(s.follows)]];
    if (p.kind === 'rerate')
        return [[t('Rated by version'), number(s.version)], [t('Sales'), `${day(s.from)} – ${day(s.to)}`], [t('Shop'), s.shop || t('all')],
            [t('Sales that would change'), number(s.result?.changing)], [t('Points more'), points(s.result?.up)], [t('Points less'), points(s.result?.down)],
            [t('The list'), el('a', { href: `/api/jobs/${s.list}/rerate.csv`, download: 'rerate.csv' }, 'CSV')]];
    if (p.kind === 'adjust')
        return [[t('Member'), s.member ? el('a', { href: `#/members/${s.member}` }, String(s.member)) : ''], [t('Points'), points(s.points, true)],
            s.reason ? [t('Why'), s.reason] : null];
    return Object.entries(s).map(([k, v]) => [k, typeof v === 'object' ? JSON.stringify(v) : String(v)]);
}

function decisions(p) {
    const again = said => { toast(said); location.reload(); };
    const decide = (approve, remark) => post(`/api/proposals/${p.proposal}/decide`, { approve, remark });
    const buttons = [];
    if (p.may_decide)
        buttons.push(button(t('Approve'), () => confirm({ title: t('Approve it?'), action: t('Approve'), text: t('It is done at once, in your name.'),
            fields: [{ name: 'remark', label: t('Remark'), maxLength: 200 }], onSubmit: v => decide(true, v.remark) }).then(v => v && again(t('Approved.'))), 'primary'),
        button(t('Refuse'), () => confirm({ title: t('Refuse it?'), action: t('Refuse'), danger: true,
            fields: [{ name: 'remark', label: t('Why?'), required: true, maxLength: 200 }], onSubmit: v => decide(false, v.remark) }).then(v => v && again(t('Refused.'))), 'outline-danger'));
    if (p.state === 'open' && p.mine)
        buttons.push(button(t('Take it back'), () => confirm({ title: t('Take it back?'), action: t('Take it back'),
            onSubmit: () => post(`/api/proposals/${p.proposal}/withdraw`) }).then(v => v && again(t('Taken back.')))));
    if (p.state === 'approved' && p.kind === 'rerate' && hasRole('controller'))
        buttons.push(button(t('Go on with it'), () => post(`/api/proposals/${p.proposal}/resume`).then(r => { toast(t('Job {n} does it.', { n: r.job })); location.hash = '#/jobs'; })));
    if (p.state === 'open' && !p.may_decide && hasRole('approver'))
        buttons.push(el('span.text-muted', {}, t('You wrote in it: somebody else decides.')));
    return el('div.d-flex.flex-wrap.gap-2.mb-4.noprint', {}, buttons);
}
