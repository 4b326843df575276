// points.js - points that people move: by hand, to another member, to a later day; two numbers that are one person;
// households; opening balances; the limits of the roles.
// SPDX-License-Identifier: Apache-2.0
import { get, hasRole, post } from '../api.js';
import { t } from '../i18n.js';
import { badge, button, confirm, day, el, facts, fill, form, notice, number, points, redraw, section, stat, stats, table, tabs, time, title, toast, today } from '../ui.js';

export const page = { name: 'points', title: 'Points', roles: ['clerk', 'controller', 'approver', 'auditor', 'admin'], order: 35 };

const mayMove = () => hasRole('clerk', 'controller');
const sees = () => hasRole('clerk', 'controller', 'approver', 'auditor');
const reason = () => ({ name: 'reason', label: t('Reason'), required: true, maxLength: 79, help: t('It stays in the books for ever: no names.') });
const small = label => ({ class: 'btn btn-sm btn-outline-secondary', 'aria-label': label });
const memberLink = m => m ? el('a', { href: '#/members/' + m }, m) : '';

export async function show(view, args) {
    const member = args.query?.get('member') || '';
    if (args[0] === 'household')
        return showHousehold(view, args[1]);
    title(member ? t('Points of {member}', { member }) : t('Points'));
    view.append(tabs([
        sees() ? { title: t('By hand'), show: v => showByHand(v, member) } : null,
        sees() ? { title: t('Two numbers, one person'), show: v => showMerges(v, member) } : null,
        sees() ? { title: t('Households'), show: v => showHouseholds(v, member) } : null,
        sees() ? { title: t('Opening balances'), show: showOpening } : null,
        { title: t('Limits'), show: showLimits },
    ].filter(Boolean)));
}

/* ---- by hand ---- */

async function showByHand(view, member) {
    if (mayMove())
        view.append(section(t('Give or take points'), form([
            { name: 'member', label: t('Number of the member'), required: true, value: member, placeholder: 'M12', width: 4 },
            { name: 'points', label: t('Points'), type: 'points', required: true, width: 4, help: t('With a minus they are taken.') },
            { name: 'complaint', label: t('Number of the complaint'), type: 'int', min: 1, width: 4, help: t('When it is to put one right.') },
            reason(),
        ], { submit: t('Give or take'), onSubmit: async (v, f) => {
            const { member: m, ...rest } = v;
            const done = await post(`/api/members/${encodeURIComponent(m)}/adjust`, rest);
            toast(done.proposal ? t('It is above your limit: proposal {n} waits for a second person.', { n: done.proposal })
                : t('Done: {entry}.', { entry: done.entry }));
            f.set({ points: '', reason: '', complaint: '' });
            list(place);
        } })));
    if (hasRole('controller'))
        view.append(section(t('More by hand'), el('div.d-flex.flex-wrap.gap-2', {},
            button(t('To another member'), () => ask(t('Points to another member'), t('Those that end first go, with their last days.'), member, 'transfer', [
                { name: 'to', label: t('To whom'), required: true, placeholder: 'M13' },
                { name: 'points', label: t('Points'), type: 'points', required: true, min: 1 }])),
            button(t('A later end'), () => ask(t('Points end later'), t('What has ended comes back for as long as the rules say.'), member, 'extend', [
                { name: 'from', label: t('Points that end, or ended, from this day on'), type: 'day', required: true, value: today() },
                { name: 'to', label: t('New last good day'), type: 'day', help: t('Nothing: for ever.') }])),
            button(t('A tier by hand'), () => ask(t('A tier by hand'), t('Not below it until its last day; then the rules go on.'), member, 'tier', [
                { name: 'tier', label: t('Code of the tier'), required: true, maxLength: 15 },
                { name: 'until', label: t('Last day'), type: 'day', help: t('Nothing: for ever.') }])))));
    const place = el('div');
    view.append(section(t('What was given and taken by hand'), place));
    await list(place);
}

async function list(place) {
    const to = today(), from = new Date(Date.parse(to) - 30 * 864e5).toISOString().slice(0, 10);
    const rows = (await get('/api/adjustments', { from, to })).rows;
    fill(place, el('p.text-muted', {}, t('The last 30 days')), table([
        { key: 'day', title: t('Day'), type: 'day' },
        { key: 'member', title: t('Member'), show: r => memberLink(r.member) },
        { key: 'points', title: t('Points'), type: 'points', show: r => points(r.points, true) },
        { key: 'user', title: t('By user'), type: 'int' },
        { key: 'approved_by', title: t('Second person'), type: 'int', show: r => r.approved_by || '' },
        { key: 'complaint', title: t('Complaint'), show: r => r.complaint ? el('a', { href: '#/complaints/' + r.complaint }, 'C' + r.complaint) : '' },
        { key: 'entry', title: t('Entry') },
    ], rows, { name: 'adjustments', csv: `/api/adjustments?from=${from}&to=${to}&format=csv` }));
}

function ask(heading, text, member, what, fields) {
    return confirm({ title: heading, text, action: t('Do it'), fields: [
        { name: 'member', label: t('Number of the member'), required: true, value: member, placeholder: 'M12' }, ...fields, reason()],
    onSubmit: async v => {
        const { member: m, ...rest } = v;
        const done = await post(`/api/members/${encodeURIComponent(m)}/${what}`, rest);
        toast(t('Done: {entry}.', { entry: done.entry }));
    } });
}

/* ---- two numbers, one person ---- */

async function showMerges(view, member) {
    const found = el('div', { 'aria-live': 'polite' }), place = el('div');
    if (mayMove())
        view.append(section(t('Are they one person?'), form([
            { name: 'member', label: t('The number that stays'), required: true, value: member, placeholder: 'M12', width: 6 },
            { name: 'other', label: t('The other number'), required: true, placeholder: 'M40', width: 6 },
        ], { submit: t('Compare'), onSubmit: v => compare(found, v, () => listMerges(place)) }), found));
    view.append(section(t('Numbers that are one person'), place));
    await listMerges(place);
}

async function compare(found, v, again) {
    const x = await get(`/api/members/${encodeURIComponent(v.member)}/merge`, { other: v.other });
    const one = m => facts([[t('Number'), memberLink(m.member)], m.is ? [t('Is now'), memberLink(m.is)] : null, [t('Tier'), m.tier], [t('Points'), points(m.points)],
        m.owed ? [t('Owed'), points(m.owed)] : null, [t('Cards'), number(m.cards)]].filter(Boolean));
    fill(found, el('div.row.mt-3', {}, el('div.col-md-6', {}, one(x.member)), el('div.col-md-6', {}, one(x.other))),
        x.may ? button(t('Merge {other} into {member}', { other: x.other.member, member: x.member.member }), async () => {
            const done = await confirm({ title: t('Merge {other} into {member}?', { other: x.other.member, member: x.member.member }), action: t('Merge'),
                text: t('Its points, cards and purchases become the other’s. It can be undone: then it gets back what is still there.'), fields: [reason()],
                onSubmit: w => post(`/api/members/${x.member.member}/merge`, { other: x.other.member, ...w }) });
            if (done) {
                toast(t('They are one member now.'));
                fill(found);
                again();
            }
        }, 'primary', { id: 'merge' }) : notice(x.why, 'warn'));
}

async function listMerges(place) {
    const rows = (await get('/api/merges')).rows;
    fill(place, table([
        { key: 'time', title: t('Time'), type: 'time' },
        { key: 'other', title: t('Number'), show: r => memberLink(r.other) },
        { key: 'member', title: t('Is now'), show: r => memberLink(r.member) },
        { key: 'undone', title: t('State'), show: r => r.undone ? badge(t('undone {time}', { time: time(r.undone_at) }), 'off') : badge(t('in force'), 'ok') },
        { key: 'entry', title: t('Entry') },
    ], rows, { name: 'merges', csv: '/api/merges?format=csv', empty: t('No numbers were merged.'),
        actions: r => r.undone || !mayMove() ? [] : [button(t('Undo'), async () => {
            const done = await confirm({ title: t('They were two persons?'), action: t('Undo'), danger: true, fields: [reason()],
                text: t('{other} gets back what it brought and what its own cards did since, as far as it is still there.', { other: r.other }),
                onSubmit: v => post(`/api/merges/${encodeURIComponent(r.entry)}/undo`, v) });
            if (done)
                listMerges(place);
        }, 'secondary', small(t('Undo {entry}', { entry: r.entry })))] }));
}

/* ---- households ---- */

const whoWords = () => ({ anyone: t('anyone'), persons: t('persons only') });

async function showHouseholds(view, member) {
    const place = el('div');
    view.append(place);
    const rows = (await get('/api/pools')).rows;
    fill(place, el('p', {}, t('What the members of a household may spend goes to its head each day. Each one keeps their own tier.')), table([
        { key: 'name', title: t('Name') },
        { key: 'head', title: t('Head') },
        { key: 'members', title: t('Members'), type: 'int', show: r => t('{n} of {most}', { n: number(r.members), most: number(r.most) }) },
        { key: 'who', title: t('Who may join'), show: r => whoWords()[r.who] },
        { key: 'stay_days', title: t('Days to stay'), type: 'int' },
        { key: 'ended', title: t('State'), show: r => r.ended ? badge(t('ended'), 'off') : badge(t('collects'), 'ok') },
    ], rows, { name: 'households', csv: '/api/pools?format=csv', link: r => '#/points/household/' + r.pool, empty: t('There are no households.'),
        tools: mayMove() ? button(t('New household'), async () => {
            let made = null;
            await confirm({ title: t('New household'), action: t('Make it'), fields: [
                { name: 'name', label: t('Name'), required: true, maxLength: 40 },
                { name: 'head', label: t('Head: the number of the member who gets the points'), required: true, value: member, placeholder: 'M12' },
                { name: 'most', label: t('Members at most'), type: 'int', min: 2, max: 50, value: 6 },
                { name: 'who', label: t('Who may join'), type: 'select', value: 'persons', options: Object.entries(whoWords()) },
                { name: 'stay_days', label: t('Days before one may leave or change'), type: 'int', min: 0, max: 3650, value: 90 }],
            onSubmit: async v => { made = await post('/api/pools', v); } });
            if (made)
                location.hash = '#/points/household/' + made.pool;
        }, 'primary', { class: 'btn btn-sm btn-primary' }) : null }));
}

async function showHousehold(view, id) {
    const x = await get('/api/pools/' + encodeURIComponent(id));
    const again = () => { fill(view); return showHousehold(view, id); };
    title(t('Household {name}', { name: x.name }), el('a.btn.btn-outline-secondary', { href: '#/points' }, t('Back to points')));
    view.append(stats(stat(t('Head'), x.head), stat(t('Members'), t('{n} of {most}', { n: number(x.members), most: number(x.most) })),
        stat(t('Who may join'), whoWords()[x.who]), stat(t('Days to stay'), number(x.stay_days))));
    const open = mayMove() && !x.ended;
    view.append(table([
        { key: 'member', title: t('Member'), show: r => memberLink(r.member) },
        { key: 'since', title: t('Since'), type: 'day' },
        { key: 'until', title: t('Until'), show: r => r.until ? day(r.until) : '' },
        { key: 'may_leave', title: t('May leave from'), type: 'day' },
        { key: 'swept', title: t('Went to the head'), type: 'points' },
    ], x.rows, { name: 'household-' + id, csv: `/api/pools/${encodeURIComponent(id)}?format=csv`,
        actions: r => !open || r.until || r.member === x.head ? [] : [button(t('Leaves'), async () => {
            if (await confirm({ title: t('{member} leaves the household?', { member: r.member }), action: t('Leaves'),
                text: t('What went to the head stays there.'), onSubmit: () => post(`/api/pools/${id}/leave`, { member: r.member }) }))
                again();
        }, 'secondary', small(t('{member} leaves', { member: r.member })))],
        tools: open ? [button(t('A member joins'), async () => {
            if (await confirm({ title: t('A member joins'), action: t('Joins'), fields: [
                { name: 'member', label: t('Number of the member'), required: true, placeholder: 'M12' }], onSubmit: v => post(`/api/pools/${id}/join`, v) }))
                again();
        }, 'primary', { class: 'btn btn-sm btn-primary' }), button(t('End the household'), async () => {
            if (await confirm({ title: t('End the household?'), action: t('End it'), danger: true,
                text: t('Everybody collects alone again. What went to the head stays there.'), onSubmit: () => post(`/api/pools/${id}/end`) }))
                again();
        }, 'secondary', { class: 'btn btn-sm btn-outline-danger' })] : null }));
}

/* ---- opening balances ---- */

async function showOpening(view) {
    const found = el('div', { 'aria-live': 'polite' });
    if (hasRole('controller'))
        view.append(section(t('Take a file'), el('p', {}, t('A CSV file; its first line names the columns: member, card or phone; points; last_day; and tier and reason if wanted. All lines are taken, or none.')),
            form([{ name: 'file', label: t('File'), type: 'file', accept: '.csv,text/csv', required: true }],
                { submit: t('Check it'), onSubmit: v => check(found, v.file) }), found));
    const rows = (await get('/api/opening')).rows;
    view.append(section(t('Files that were taken'), table([
        { key: 'time', title: t('Time'), type: 'time' },
        { key: 'file', title: t('File') },
        { key: 'lines', title: t('Lines'), type: 'int' },
        { key: 'points', title: t('Points'), type: 'points' },
        { key: 'user', title: t('By user'), type: 'int' },
    ], rows, { name: 'opening', csv: '/api/opening?format=csv', filter: false, empty: t('None yet.') })));
}

async function check(found, file) {
    const csv = await file.text();
    const x = await post('/api/opening', { file: file.name, csv, dry_run: true });
    fill(found, stats(stat(t('Lines'), number(x.lines)), stat(t('Members'), number(x.members)), stat(t('Points'), points(x.points)), stat(t('Faults'), number(x.faults.length))),
        x.faults.length ? table([{ key: 'line', title: t('Line'), type: 'int' }, { key: 'text', title: t('Fault') }], x.faults, { name: 'faults' })
            : button(t('Take it'), async () => {
                const done = await confirm({ title: t('Take {file}?', { file: file.name }), action: t('Take it'),
                    text: t('{n} points for {members} members. It cannot be taken back.', { n: points(x.points), members: number(x.members) }),
                    onSubmit: () => post('/api/opening', { file: file.name, csv }) });
                if (done) {
                    toast(t('The file was taken.'));
                    redraw();
                }
            }, 'primary', { id: 'take' }));
}

/* ---- limits ---- */

async function showLimits(view) {
    const x = await get('/api/limits');
    const words = { clerk: t('Clerk'), marketer: t('Marketer'), controller: t('Controller'), approver: t('Approver') };
    view.append(el('p', {}, t('What each role may give or take by hand alone. Above it a second person decides.')),
        hasRole('clerk', 'controller') ? el('p', {}, t('You gave and took {n} points today.', { n: points(x.today) })) : '',
        table([
            { key: 'role', title: t('Role'), show: r => words[r.role] },
            { key: 'at_once', title: t('At once'), type: 'points' },
            { key: 'a_day', title: t('On one day'), type: 'points' },
        ], x.rows, { name: 'limits', csv: '/api/limits?format=csv', filter: false, actions: r => hasRole('admin') ? [button(t('Change'), async () => {
            if (await confirm({ title: t('Limits: {role}', { role: words[r.role] }), action: t('Save'), fields: [
                { name: 'at_once', label: t('At once'), type: 'points', min: 0, required: true, value: r.at_once },
                { name: 'a_day', label: t('On one day'), type: 'points', min: 0, required: true, value: r.a_day }], onSubmit: v => post('/api/limits/' + r.role, v) })) {
                fill(view);
                showLimits(view);
            }
        }, 'secondary', small(t('Change {role}', { role: words[r.role] })))] : [] }));
}
