// members.js - members: found, one view of each, what they agreed to, why they have these points, privacy.
// SPDX-License-Identifier: Apache-2.0
import { get, hasRole, post } from '../api.js';
import { t } from '../i18n.js';
import { badge, button, confirm, day, el, facts, fill, form, money, notice, number, points, progress, section, stat, stats, table, tabs, time, title, toast } from '../ui.js';

export const page = { name: 'members', title: 'Members', roles: ['clerk', 'controller', 'approver', 'auditor'], order: 20 };

const mayChange = () => hasRole('clerk');
const path = (m, rest = '') => `/api/members/${encodeURIComponent(m)}${rest}`;

export async function show(view, args) {
    if (args[0])
        return showMember(view, args[0]);
    title(t('Members'), mayChange() ? button(t('New member'), newMember, 'primary') : null);
    if (!hasRole('controller', 'auditor'))
        return showSearch(view, args.query?.get('text') || '');
    view.append(tabs([{ title: t('Find'), show: v => showSearch(v, args.query?.get('text') || '') },
        { title: t('How long persons are kept'), show: showRetention }]));
}

/* ---- find ---- */

function showSearch(view, text) {
    const found = el('div', { 'aria-live': 'polite' });
    const search = async typed => {
        const answer = await get('/api/members', { text: typed });
        fill(found, answer.more ? notice(t('There are more: type more of the name.'), 'info') : null, table([
            { key: 'member', title: t('Number') },
            { key: 'name', title: t('Name') },
            { key: 'contact', title: t('Contact') },
            { key: 'tier', title: t('Tier') },
            { key: 'points', title: t('Points'), type: 'points' },
            { key: 'last_day', title: t('Last purchase'), type: 'day' },
        ], answer.rows, { name: 'members', link: r => '#/members/' + r.member, filter: false, empty: t('Nobody is found.') }));
    };
    view.append(form([{ name: 'text', label: t('Number, card, telephone with its country, or part of a name'), value: text, required: true, maxLength: 96 }],
        { submit: t('Find'), onSubmit: v => search(v.text) }), el('p.small.text-muted', {}, t('Who looks at whom is noted.')), found);
    view.querySelector('input').focus();
    return text ? search(text) : null;
}

const languages = () => [['', t('not said')], ['en', 'English'], ['zh', '中文']];
const personFields = (m = {}) => [
    { name: 'name', label: t('Name'), value: m.name, maxLength: 63, width: 6 },
    { name: 'phone', label: t('Telephone'), value: m.phone, maxLength: 23, width: 6, help: t('With its country: +49 30 1234567.') },
    { name: 'contact', label: t('Contact'), value: m.contact, maxLength: 95, width: 6, help: t('Mail or address.') },
    { name: 'birthday', label: t('Birthday'), value: m.birthday, maxLength: 5, width: 3, placeholder: '12-31', help: t('Month and day; only with consent.') },
    { name: 'language', label: t('Language'), type: 'select', value: m.language || '', options: languages(), width: 3 },
];

async function newMember() {
    let made = null;
    await confirm({ title: t('New member'), action: t('Enrol'), fields: [...personFields(),
        { name: 'consent_name', label: t('The name may be shown at tills'), type: 'bool' },
        { name: 'consent_version', label: t('Version of the text of consent that was shown'), value: consentVersion, maxLength: 40 }],
    onSubmit: async v => { made = await post('/api/members', v); } });
    if (made)
        location.hash = '#/members/' + made.member;
}

/* ---- one member ---- */

async function showMember(view, name) {
    const m = await get(path(name));
    const again = async () => { fill(view); await showMember(view, name); };
    title(m.name ? `${m.name} (${m.member})` : m.member, el('a.btn.btn-outline-secondary', { href: '#/points?member=' + m.member }, t('Points by hand')), el('a.btn.btn-outline-secondary', { href: '#/members' }, t('Find another')));
    if (m.is)
        view.append(notice(t('This number is another member now: what it had and what comes for it is there.'), 'info', ' ', el('a', { href: '#/members/' + m.is }, m.is)));
    if (m.merged_into)
        view.append(notice(t('This number was merged: its points are those of {member}.', { member: m.merged_into }), 'warn', ' ',
            el('a.alert-link', { href: '#/members/' + m.merged_into }, m.merged_into)));
    if (m.merged.length)
        view.append(notice(t('Also of this member: {numbers}', { numbers: m.merged.map(x => x.member).join(', ') }), 'info'));
    view.append(stats(
        stat(t('Points'), points(m.points), { note: m.owed ? t('{n} owed', { n: points(m.owed) }) : '' }),
        stat(t('To be redeemed now'), points(m.redeemable), { note: m.pending ? t('{n} pending', { n: points(m.pending) }) : '' }),
        stat(t('Tier'), m.tier.name || m.tier.code, { note: tierNote(m.tier) }),
        stat(t('Last purchase'), day(m.last_purchase, t('none')), { note: m.since ? t('Member since {day}', { day: day(m.since) }) : '' })));
    view.append(tabs([
        { title: t('Person'), show: v => showPerson(v, m, again) },
        { title: t('What happened and why'), show: v => showTimeline(v, m) },
        { title: t('Points and tier'), show: v => showPoints(v, m) },
        { title: t('Cards and channels'), show: v => showChannels(v, m) },
        { title: t('Rewards'), show: v => showRewards(v, m, again) },
        { title: t('What they said'), show: v => showSaid(v, m) },
        { title: t('Privacy'), show: v => showPrivacy(v, m, again) },
    ]));
}

function amountOf(metric, n) {
    return metric === 'spend' ? money(n) : metric === 'visits' ? t('{n} visits', { n: number(n) }) : metric === 'points' ? t('{n} points', { n: points(n) }) : number(n);
}

function tierNote(x) {
    const keep = x.to_keep > 0 ? t('{n} to keep it', { n: amountOf(x.metric, x.to_keep) }) : '';
    const rise = x.next ? t('{n} to {tier}', { n: amountOf(x.metric, x.to_rise), tier: x.next_name }) : '';
    return [keep, rise].filter(Boolean).join(', ');
}

/* The text of consent that is shown now; each consent keeps the version it was given by. */
const consentVersion = '2026-11';
const purposes = () => ({ name: t('The name may be shown at tills'), messages: t('Offers may be sent'),
    birthday: t('The birthday is kept'), research: t('May be asked and studied') });
const channels = () => ({ till: t('at a till'), desk: t('at the desk'), page: t('on the member page'), import: t('brought along') });
const types = () => ({ person: t('a person'), company: t('a company'), reseller: t('a reseller'), staff: t('staff') });

function showPerson(view, m, again) {
    const may = mayChange();
    view.append(section(t('Person'), facts([[t('Name'), m.name], [t('Telephone'), m.phone], [t('Contact'), m.contact],
        [t('Birthday'), m.birthday], [t('Language'), languages().find(([v]) => v === (m.language || ''))[1]], [t('Kind of member'), types()[m.type]],
        m.note ? [t('Remark'), m.note] : null]),
    may ? el('div.d-flex.gap-2', {},
        button(t('Change'), () => confirm({ title: t('Person'), action: t('Save'), fields: personFields(m),
            onSubmit: v => post(path(m.member, '/person'), { name: '', phone: '', contact: '', birthday: '', language: '', ...v }) }).then(v => v && again())),
        button(t('Kind of member'), () => confirm({ title: t('Kind of member'), action: t('Save'), fields: [
            { name: 'type', label: t('Kind of member'), type: 'select', value: m.type, required: true, options: Object.entries(types()) }],
        onSubmit: v => post(path(m.member, '/type'), v) }).then(v => v && again()))) : null));
    view.append(section(t('Consent'), el('ul.list-group.mb-2', {}, Object.entries(purposes()).map(([purpose, text]) =>
        el('li.list-group-item.d-flex.flex-wrap.align-items-center.gap-2', {}, el('span.me-auto', {}, text),
            badge(m.consent[purpose] ? t('given') : t('not given'), m.consent[purpose] ? 'ok' : 'off'),
            may ? button(m.consent[purpose] ? t('Withdraw') : t('Agrees'), () => askConsent(m, purpose, text, again), 'secondary',
                { 'aria-label': `${m.consent[purpose] ? t('Withdraw') : t('Agrees')}: ${text}`, class: 'btn btn-sm btn-outline-secondary' }) : null))),
    table([{ key: 'time', title: t('Time'), type: 'time' },
        { key: 'purpose', title: t('Purpose'), show: r => purposes()[r.purpose] },
        { key: 'given', title: t('Given'), type: 'bool' },
        { key: 'channel', title: t('Where'), show: r => channels()[r.channel] },
        { key: 'version', title: t('Text') }], m.consent_history, { name: m.member + '-consent', filter: false })));
    view.append(section(t('Tags and interests'), el('div.d-flex.flex-wrap.gap-2.mb-2', {}, m.tags.length ? m.tags.map(x =>
        el('span.d-inline-flex.align-items-center.gap-1', {}, badge(x.tag, x.kind === 'tag' ? 'info' : 'off'), hasRole('clerk', 'marketer')
            ? button('×', () => post(path(m.member, '/tags'), { kind: x.kind, tag: x.tag, put: false }).then(again), 'secondary',
                { 'aria-label': t('Take {tag} away', { tag: x.tag }), class: 'btn btn-sm btn-outline-secondary py-0' }) : null))
        : el('span.text-muted', {}, t('none'))),
    hasRole('clerk', 'marketer') ? button(t('Add'), () => confirm({ title: t('Tags and interests'), action: t('Add'), fields: [
        { name: 'kind', label: t('What it is'), type: 'select', value: 'tag', required: true, options: [['tag', t('a tag of ours')], ['interest', t('an interest')]] },
        { name: 'tag', label: t('Word'), required: true, maxLength: 40 }],
    onSubmit: v => post(path(m.member, '/tags'), { ...v, put: true }) }).then(v => v && again())) : null));
    view.append(section(t('Notes'), m.notes.map(n => el('div.border-start.ps-2.mb-2', {}, el('div.small.text-muted', {}, time(n.time), ' · ',
        t('user {n}', { n: n.user })), n.text)), may ? button(t('Write a note'), () => confirm({ title: t('Write a note'), action: t('Save'), fields: [
        { name: 'text', label: t('Note'), type: 'textarea', required: true, maxLength: 1000 }],
    onSubmit: v => post(path(m.member, '/notes'), v) }).then(v => v && again())) : null));
}

function askConsent(m, purpose, text, again) {
    const given = !m.consent[purpose];
    return confirm({ title: given ? t('Give consent') : t('Withdraw consent'), text, action: given ? t('Agrees') : t('Withdraw'), fields: [
        { name: 'version', label: t('Version of the text of consent that was shown'), value: consentVersion, required: true, maxLength: 40 }],
    onSubmit: v => post(path(m.member, '/consent'), { purpose, given, version: v.version }) }).then(v => v && again());
}

/* ---- what happened ---- */

const kinds = () => ({ sale: t('Purchase'), refund: t('Refund'), grant: t('Gift at a till'), adjust: t('Adjustment'), run: t('Day’s run'),
    load: t('Card loaded'), 'load intent': t('Card loaded'), intent: t('Card debited'), settle: t('Card settled'), cancel: t('Purchase cancelled'), hold: t('Set aside'),
    release: t('Let go'), claim: t('Claimed'), merge: t('Merged'), unmerge: t('Merge undone'), transfer: t('Transfer'), extend: t('Longer valid'),
    opening: t('Brought along'), tier: t('Tier'), redeem: t('Reward'), return: t('Reward given back'), rerate: t('Rated anew'), member: t('Enrolled'),
    card: t('Card'), join: t('Joined'), rating: t('Rating'), consent: t('Consent'), note: t('Note'), complaint: t('Complaint'),
    feedback: t('What they said'), message: t('Message') });

async function showTimeline(view, m) {
    const rows = (await get(path(m.member, '/timeline'))).rows;
    view.append(table([
        { key: 'time', title: t('Time'), type: 'time' },
        { key: 'what', title: t('What'), show: r => kinds()[r.what] || r.what },
        { key: 'points', title: t('Points'), type: 'points', show: r => r.points === null ? '' : points(r.points, true) },
        { key: 'total_after', title: t('Then'), type: 'points' },
        { key: 'why', title: t('Why'), show: r => [el('div', {}, r.why || ''), r.moves ? el('div.small.text-muted', {}, r.moves) : null] },
        { key: 'entry', title: t('Entry') },
        { key: 'pack', title: t('Rules'), type: 'int' },
    ], rows, { name: m.member + '-timeline', csv: path(m.member, '/timeline?format=csv') }));
}

function showPoints(view, m) {
    view.append(section(t('Where the points are'), facts([[t('At head office'), points(m.held)], [t('On cards'), points(m.on_cards)],
        [t('On the way to a card'), points(m.in_transit)], [t('Set aside'), points(m.reserved)], [t('Pending'), points(m.pending || 0)],
        [t('Owed'), points(m.owed)]])));
    view.append(section(t('When they end'), table([{ key: 'last_day', title: t('Last good day'), type: 'day', show: r => day(r.last_day, t('never')) },
        { key: 'points', title: t('Points'), type: 'points' }], m.lots, { name: m.member + '-lots', filter: false })));
    view.append(section(t('Tier'), facts([[t('Tier'), m.tier.name || m.tier.code], [t('Reached'), amountOf(m.tier.metric, m.tier.reached)],
        [t('To keep it'), m.tier.to_keep ? amountOf(m.tier.metric, m.tier.to_keep) : t('enough')],
        m.tier.next ? [t('To {tier}', { tier: m.tier.next_name }), amountOf(m.tier.metric, m.tier.to_rise)] : null,
        m.tier.falls ? [t('Is taken from'), day(m.tier.falls)] : null,
        m.tier.by_hand ? [t('Given by hand'), t('{tier} until {day}', { tier: m.tier.by_hand, day: day(m.tier.by_hand_until, t('further notice')) })] : null]),
    table([{ key: 'day', title: t('Day'), type: 'day' }, { key: 'tier', title: t('Tier') }, { key: 'why', title: t('Why') }], m.tier_history,
        { name: m.member + '-tiers', filter: false })));
    if (m.stamps.length)
        view.append(section(t('Stamp cards'), facts(m.stamps.map(s => [s.name, t('{n} of {every}: then {points} points', { n: number(s.stamps), every: number(s.every), points: points(s.points) })]))));
}

const meansWords = () => ({ none: t('by nothing'), card: t('card'), 'signing tag': t('signing tag'), tag: t('tag'), 'number of a tag': t('number of a tag'), code: t('code of the member page'),
    telephone: t('telephone'), pass: t('pass in the phone'), register: t('the cash register named them'), 'member page': t('member page') });
const statusWords = () => ({ active: [t('good'), 'ok'], blocked: [t('blocked'), 'bad'], replaced: [t('replaced'), 'off'] });

function showChannels(view, m) {
    view.append(section(t('Cards'), table([
        { key: 'card', title: t('Card') },
        { key: 'status', title: t('State'), show: r => badge(...(statusWords()[r.status] || [r.status])) },
        { key: 'points', title: t('Points'), type: 'points' },
        { key: 'uses', title: t('Purchases with it'), type: 'int' },
        { key: 'used', title: t('Last time'), type: 'day' },
        { key: 'batch', title: t('Batch'), type: 'int' },
        { key: 'last_day', title: t('Last good day'), type: 'day', show: r => day(r.last_day, t('never')) },
    ], m.cards, { name: m.member + '-cards', filter: false, link: r => '#/cards/' + r.card })));
    view.append(section(t('By what the member came'), table([
        { key: 'means', title: t('By'), show: r => meansWords()[r.means] || r.means },
        { key: 'known', title: t('Known of'), type: 'int' },
        { key: 'uses', title: t('Times'), type: 'int' },
        { key: 'used', title: t('Last time'), type: 'day' },
    ], m.channels, { name: m.member + '-channels', filter: false })));
}

/* ---- rewards, missed receipts ---- */

const redemptionWords = () => ({ open: [t('set aside'), 'info'], taken: [t('had'), 'ok'], released: [t('let go'), 'off'], returned: [t('given back'), 'warn'] });

function showRewards(view, m, again) {
    view.append(section(t('Rewards had'), table([
        { key: 'time', title: t('Time'), type: 'time' }, { key: 'reward', title: t('Reward') }, { key: 'points', title: t('Points'), type: 'points' },
        { key: 'state', title: t('State'), show: r => badge(...redemptionWords()[r.state]) },
        { key: 'last_day', title: t('Voucher good until'), type: 'day' },
    ], m.redemptions, { name: m.member + '-rewards', filter: false, link: r => '#/rewards/' + r.id })),
    el('a.btn.btn-outline-secondary', { href: '#/rewards?member=' + m.member }, t('Redeem for a reward')));
    if (mayChange())
        view.append(section(t('A missed receipt'), el('p.text-muted', {}, t('A purchase that named nobody, by its number and its total.')), form([
            { name: 'receipt', label: t('Number of the receipt'), required: true, placeholder: 'T0007-12', width: 6, maxLength: 20 },
            { name: 'total', label: t('Total'), type: 'money', required: true, width: 6 }],
        { submit: t('Claim'), onSubmit: async v => {
            const done = await post(path(m.member, '/claims'), v);
            toast(t('{n} points', { n: points(done.points) }));
            await again();
        } })));
}

/* ---- complaints, feedback, campaigns ---- */

function showSaid(view, m) {
    view.append(section(t('Complaints'), table([
        { key: 'received', title: t('Time'), type: 'time' }, { key: 'id', title: t('Complaint'), show: r => 'C' + r.id }, { key: 'kind', title: t('Kind') },
        { key: 'state', title: t('State') }, { key: 'opinion', title: t('Satisfied?') },
    ], m.complaints, { name: m.member + '-complaints', filter: false, link: hasRole('clerk', 'controller', 'approver', 'auditor') ? r => '#/complaints/' + r.id : null })));
    view.append(section(t('Feedback'), table([
        { key: 'time', title: t('Time'), type: 'time' }, { key: 'score', title: t('Score'), type: 'int' }, { key: 'nps', title: t('Would recommend, 0 to 10'), type: 'int' },
        { key: 'text', title: t('Words') },
    ], m.feedback, { name: m.member + '-feedback', filter: false })));
    view.append(section(t('Campaigns'), table([
        { key: 'campaign', title: t('Campaign') }, { key: 'name', title: t('Name') }, { key: 'state', title: t('State') }, { key: 'contact', title: t('Message') },
        { key: 'points', title: t('Points'), type: 'points' },
    ], m.campaigns, { name: m.member + '-campaigns', filter: false })));
}

/* ---- privacy ---- */

async function showPrivacy(view, m, again) {
    if (hasRole('clerk', 'controller'))
        view.append(section(t('For the member'), el('p', {}, t('Everything that is kept of this person, in one file.')), el('div.d-flex.gap-2', {},
            el('a.btn.btn-outline-secondary', { href: path(m.member, '/export'), download: `member-${m.member}.json` }, t('Save as JSON')),
            el('a.btn.btn-outline-secondary', { href: path(m.member, '/export.csv'), download: `member-${m.member}.csv` }, t('Save as CSV')))));
    if (hasRole('controller', 'auditor', 'admin'))
        view.append(section(t('Who looked, and who changed'), table([
            { key: 'time', title: t('Time'), type: 'time' }, { key: 'user', title: t('User') }, { key: 'operation', title: t('What') },
            { key: 'result', title: t('Result') },
        ], (await get(path(m.member, '/looks'))).rows, { name: m.member + '-looks', csv: path(m.member, '/looks?format=csv') })));
    if (hasRole('clerk', 'controller'))
        view.append(section(t('Forget the person'), el('p', {}, t('Name, contact, notes, consent and messages go, for good. Points, cards and receipts stay under the number.')),
            button(t('Forget the person'), () => confirm({ title: t('Forget the person'), danger: true, action: t('Forget'),
                text: t('This cannot be undone.'), fields: [{ name: 'confirm', label: t('Type {member} to say that it is this member', { member: m.member }), required: true }],
                onSubmit: v => post(path(m.member, '/erase'), v) }).then(v => v && again()), 'outline-danger')));
}

async function showRetention(view) {
    const r = await get('/api/retention');
    const again = async () => { fill(view); await showRetention(view); };
    const may = hasRole('controller');
    view.append(el('p', {}, r.months ? t('Persons not heard of for {n} months are due to be forgotten.', { n: number(r.months) })
        : t('Persons are kept for ever. Set a number of months to be shown who is due to be forgotten.')));
    if (may)
        view.append(button(t('Change'), () => confirm({ title: t('How long persons are kept'), action: t('Save'), fields: [
            { name: 'months', label: t('Months without a purchase or a word; 0 = for ever'), type: 'int', min: 0, max: 1200, value: r.months, required: true }],
        onSubmit: v => post('/api/retention', v) }).then(v => v && again())));
    view.append(section(t('Due'), table([
        { key: 'member', title: t('Number') }, { key: 'last_day', title: t('Last heard of'), type: 'day' },
        { key: 'points', title: t('Points'), type: 'points' },
    ], r.rows, { name: 'due', csv: '/api/retention?format=csv', link: x => '#/members/' + x.member, tools: may && r.rows.length
        ? button(t('Forget these {n}', { n: number(r.rows.length) }), () => confirm({ title: t('Forget these {n}', { n: number(r.rows.length) }), danger: true,
            action: t('Forget'), text: t('This cannot be undone.') }).then(async v => {
            if (!v)
                return;
            const { job } = await post('/api/retention/erase', { members: r.rows.map(x => x.member) });
            const bar = progress({ text: t('Forgetting'), cancel: () => post(`/api/jobs/${job}/cancel`), poll: async () => {
                const j = await get('/api/jobs/' + job);
                return { done: j.thousandths, total: 1000, text: j.sentence, ended: j.state === 'done', failed: ['failed', 'ended', 'cancelled'].includes(j.state),
                    result: j.result };
            } });
            view.prepend(bar);
            const end = await bar.finished;
            if (end.result)
                toast(t('{n} persons are forgotten.', { n: number(end.result.erased) }));
            await again();
        }), 'outline-danger', { class: 'btn btn-sm btn-outline-danger' }) : null })));
}
