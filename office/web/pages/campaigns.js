// campaigns.js - who something is for (segments), what is offered (campaigns) and what it brought, coupons that were not right,
// who brings members, who stopped coming.
// SPDX-License-Identifier: Apache-2.0
import { get, hasRole, post } from '../api.js';
import { t } from '../i18n.js';
import { badge, button, chart, confirm, day, el, facts, fill, form, money, notice, number, percent, points, section, stat, stats, table, tabs,
    title, toast } from '../ui.js';

export const page = { name: 'campaigns', title: 'Campaigns', roles: ['marketer', 'controller', 'approver', 'auditor', 'clerk'], order: 45 };

const share = n => n === null || n === undefined ? '–' : percent(n, 1000);
const stateWord = s => ({ draft: t('draft'), running: t('running'), spent: t('budget spent'), stopped: t('stopped'), ended: t('ended') })[s] || s;
const stateKind = s => ({ draft: 'off', running: 'ok', spent: 'warn', stopped: 'bad' })[s] || 'info';
const offerWord = o => o.kind === 'points' ? t('{n} points at the first purchase', { n: number(o.points) })
    : o.kind === 'mark' ? t('a rule of the programme for its members')
        : o.kind === 'coupon' ? t('a coupon, good for {n} days', { n: o.days }) : t('a coupon for {reward}, good for {n} days', { reward: o.reward, n: o.days });

/* ---- campaigns ---- */

async function editCampaign(c, done) {
    const segments = (await get('/api/segments')).rows;
    const kind = k => v => v.kind === k;
    return confirm({ title: c.campaign ? t('Campaign {code}', { code: c.campaign }) : t('New campaign'), action: t('Save'), fields: [
        { name: 'campaign', label: t('Code'), required: true, maxLength: 8, value: c.campaign, width: 4, help: t('1 to 8 capital letters and digits; coupons begin with it') },
        { name: 'name', label: t('Name'), required: true, maxLength: 60, value: c.name, width: 8 },
        { name: 'segment', label: t('For'), type: 'select', required: true, value: c.segment ?? null, options: segments.map(s => [s.segment, s.name]), width: 6 },
        { name: 'holdout', label: t('Left alone, percent'), type: 'int', required: true, min: 0, max: 90, value: c.holdout ?? 10, width: 6,
            help: t('By chance: the difference to them is what the campaign brought.') },
        { name: 'from', label: t('First day'), type: 'day', required: true, value: c.from, width: 6 },
        { name: 'to', label: t('Last day'), type: 'day', required: true, value: c.to, width: 6 },
        { name: 'kind', label: t('Offer'), type: 'select', required: true, value: c.offer?.kind || 'points', options: [['points', t('Bonus points')],
            ['mark', t('A rule of the programme, by mark')], ['coupon', t('E-coupon')], ['reward', t('E-coupon for a reward')]] },
        { name: 'points', label: t('Points'), type: 'points', min: 1, value: c.offer?.points, when: kind('points'), width: 6 },
        { name: 'reward', label: t('Reward'), maxLength: 15, value: c.offer?.reward, when: kind('reward'), width: 6 },
        { name: 'days', label: t('Good for so many days'), type: 'int', min: 1, max: 366, value: c.offer?.days ?? 14,
            when: v => v.kind === 'coupon' || v.kind === 'reward', width: 6 },
        { name: 'budget', label: t('Budget'), type: 'money', value: c.budget || null, width: 6, help: t('Empty: no limit') },
        { name: 'cost_each', label: t('Cost of one used coupon'), type: 'money', value: c.cost_each || null, width: 6 },
        { name: 'template', label: t('Template of the message'), maxLength: 31, value: c.template, help: t('Empty: no message is sent') },
    ], onSubmit: async v => {
        const { kind: k, points: p, reward, days, ...rest } = v;
        const offer = { points: { kind: k, points: p }, mark: { kind: k }, coupon: { kind: k, days }, reward: { kind: k, days, reward } }[k];
        await post('/api/campaigns', { ...rest, offer });
        await done();
    } });
}

async function campaigns(view) {
    async function draw() {
        const d = await get('/api/campaigns');
        fill(view, table([
            { key: 'campaign', title: t('Code') }, { key: 'name', title: t('Name') },
            { key: 'state', title: t('State'), show: r => badge(stateWord(r.state), stateKind(r.state)) },
            { key: 'segment', title: t('For') }, { key: 'offer', title: t('Offer'), show: r => offerWord(r.offer) },
            { key: 'from', title: t('First day'), type: 'day' }, { key: 'to', title: t('Last day'), type: 'day' },
            { key: 'cost', title: t('Cost so far'), type: 'money' }, { key: 'budget', title: t('Budget'), show: r => r.budget ? money(r.budget) : '–' },
        ], d.rows, { name: 'campaigns', link: r => '#/campaigns/' + r.campaign, csv: '/api/campaigns?format=csv', empty: t('No campaigns yet.'),
            actions: r => [
                r.state === 'draft' && hasRole('marketer') ? button(t('Change'), () => editCampaign(r, draw)) : null,
                r.state === 'draft' && hasRole('approver', 'controller') ? button(t('Start'), () => confirm({ title: t('Start campaign {code}?', { code: r.campaign }),
                    text: t('It goes to the members of {segment} as they are now, less {n} percent left alone. Who wrote it does not start it.', { segment: r.segment, n: r.holdout }),
                    action: t('Start'), onSubmit: async () => {
                        const made = await post(`/api/campaigns/${r.campaign}/start`);
                        toast(t('Started for {n} members.', { n: number(made.members) }));
                        await draw();
                    } }), 'primary') : null,
                r.state === 'running' && hasRole('marketer', 'controller') ? button(t('Stop'), () => confirm({ title: t('Stop campaign {code}?', { code: r.campaign }),
                    text: t('Nothing more is given; coupons that were given out stay good.'), action: t('Stop'), danger: true, onSubmit: async () => {
                        await post(`/api/campaigns/${r.campaign}/stop`);
                        await draw();
                    } })) : null].filter(Boolean) }));
    }
    if (hasRole('marketer'))
        title(t('Campaigns'), button(t('New campaign'), () => editCampaign({}, draw), 'primary'));
    await draw();
}

async function result(view, code) {
    const r = await get(`/api/campaigns/${code}/result`);
    const coupons = r.coupons ? (await get(`/api/campaigns/${code}/coupons`)).rows : [];
    title(t('Campaign {code}', { code }), r.state === 'running' && hasRole('marketer', 'controller') ? button(t('Import results of a game'), () => games(code)) : null);
    view.append(
        r.enough ? null : notice(t('Fewer than 100 members on one side: the difference may be chance.'), 'warn'),
        stats(stat(t('Bought, of those it was for'), share(r.treated_permille), { note: t('{a} of {b}', { a: number(r.treated_buyers), b: number(r.treated) }) }),
            stat(t('Bought, of those left alone'), share(r.holdout_permille), { note: t('{a} of {b}', { a: number(r.holdout_buyers), b: number(r.holdout) }) }),
            stat(t('Difference in points of a percent'), (r.lift_permille > 0 ? '+' : '') + (r.lift_permille / 10).toFixed(1),
                { kind: r.lift_permille > 0 ? 'ok' : r.lift_permille < 0 ? 'bad' : undefined }),
            stat(t('Cost so far'), money(r.cost), { note: r.budget ? t('of {budget}', { budget: money(r.budget) }) : '' })),
        chart('bar', { heading: t('Share that bought'), labels: [t('It was for them'), t('Left alone')],
            series: [{ label: t('Percent'), values: [(r.treated_permille || 0) / 10, (r.holdout_permille || 0) / 10] }], height: 12 }),
        facts([[t('More buyers than without it'), number(r.buyers_more)], [t('More turnover than without it'), money(r.money_more)],
            [t('Turnover of a member it was for'), money(r.treated_each)], [t('Turnover of a member left alone'), money(r.holdout_each)],
            [t('Points given'), points(r.points)], [t('Coupons used'), t('{a} of {b}', { a: number(r.coupons_used), b: number(r.coupons) })],
            [t('Results of games'), number(r.games)]]),
        section(t('Messages'), table([{ key: 'contact', title: t('What became of it'), show: x => contactWord(x.contact) },
            { key: 'members', title: t('Members'), type: 'int' }], r.contacts, { name: code + '-contacts', filter: false })));
    if (coupons.length)
        view.append(section(t('Coupons'), table([{ key: 'coupon', title: t('Coupon') }, { key: 'member', title: t('Member') },
            { key: 'last_day', title: t('Last day'), type: 'day' }, { key: 'state', title: t('State'), show: x => couponWord(x.state) },
            { key: 'sale', title: t('Receipt') }], coupons, { name: code + '-coupons', csv: `/api/campaigns/${code}/coupons?format=csv` })));
}

const contactWord = c => ({ queued: t('message queued'), 'queued before': t('message queued'), 'no consent': t('no consent'), 'contacted often enough': t('contacted often enough'),
    'no address': t('no address'), 'held out': t('left alone'), 'no message': t('no message') })[c] || c;
const couponWord = s => ({ good: t('good'), used: t('used'), over: t('over') })[s] || s;

function games(code) {
    return confirm({ title: t('Import results of a game'), action: t('Import'), fields: [
        { name: 'csv', label: t('Lines'), type: 'textarea', rows: 8, required: true, value: 'key,member,result,points\n', spellcheck: false,
            help: t('Each key counts once, however often the file comes.') },
        { name: 'dry', label: t('Only try'), type: 'bool' }], onSubmit: async v => {
        const r = await post(`/api/campaigns/${code}/games`, v);
        if (r.faults?.length)
            throw new Error(r.faults.slice(0, 5).join('; '));
        toast(t('{a} results, {b} known before.', { a: number(r.taken), b: number(r.known) }));
    } });
}

/* ---- segments ---- */

const factsOf = () => [['days_since_purchase', t('Days since the last purchase')], ['spend', t('Spent in the last days')], ['visits', t('Visits in the last days')],
    ['tier', t('Tier')], ['shop', t('Last shop')], ['tag', t('Tag or interest')], ['birthday_month', t('Month of birthday')],
    ['rating', t('Last rating')], ['days_since_joining', t('Days since joining')]];
const inText = f => ['tier', 'shop', 'tag'].includes(f);
const inDays = f => f === 'spend' || f === 'visits';

function addCondition(put) {
    return confirm({ title: t('Add a condition'), action: t('Add'), fields: [
        { name: 'fact', label: t('What'), type: 'select', required: true, value: 'days_since_purchase', options: factsOf() },
        { name: 'days', label: t('In the last days'), type: 'int', min: 1, max: 3660, value: 90, when: v => inDays(v.fact), width: 4 },
        { name: 'least', label: t('At least'), type: 'int', when: v => !inText(v.fact) && v.fact !== 'spend', width: 4 },
        { name: 'most', label: t('At most'), type: 'int', when: v => !inText(v.fact) && v.fact !== 'spend', width: 4 },
        { name: 'leastMoney', label: t('At least'), type: 'money', when: v => v.fact === 'spend', width: 4 },
        { name: 'mostMoney', label: t('At most'), type: 'money', when: v => v.fact === 'spend', width: 4 },
        { name: 'in', label: t('One of (separated by commas)'), when: v => inText(v.fact) },
        { name: 'not', label: t('It must not be so'), type: 'bool' },
    ], onSubmit: async v => {
        const c = { fact: v.fact };
        if (inText(v.fact))
            c.in = (v.in || '').split(/[,，]/).map(s => s.trim()).filter(Boolean);
        if (inDays(v.fact))
            c.days = v.days;
        const least = v.least ?? v.leastMoney, most = v.most ?? v.mostMoney;
        if (least !== undefined)
            c.least = least;
        if (most !== undefined)
            c.most = most;
        put(v.not ? { not: c } : c);
    } });
}

function editSegment(s, done) {
    const says = el('div.mb-2', { 'aria-live': 'polite' });
    let rule = s.rule ? JSON.parse(s.rule) : { all: [] };
    async function preview(text) {
        try {
            rule = JSON.parse(text);
        } catch {
            return fill(says, notice(t('This is no JSON yet.'), 'warn'));
        }
        const p = await get('/api/segments/preview', { rule: text });
        fill(says, p.faults.length ? p.faults.map(f => notice(`${f.where}: ${f.what}`, 'bad'))
            : notice(t('{a} of {b} members', { a: number(p.size), b: number(p.of) }), 'ok', el('div', {}, p.says), el('div.small', {}, p.some.join(', '))));
    }
    let timer;
    const f = form([
        { name: 'segment', label: t('Code'), required: true, maxLength: 15, value: s.segment, width: 4, help: t('Capital letters, digits, - and _') },
        { name: 'name', label: t('Name'), required: true, maxLength: 60, value: s.name, width: 8 },
        { name: 'marks', label: t('Tills are told of its members (rules of the programme can speak of it)'), type: 'bool', value: s.marks },
        { name: 'rule', label: t('Rule'), type: 'textarea', rows: 8, required: true, value: JSON.stringify(rule, null, 1), spellcheck: false },
    ], { submit: t('Save'), onChange: v => {
        clearTimeout(timer);
        timer = setTimeout(() => v.rule && preview(v.rule).catch(e => toast(e.message, 'bad')), 300);
    }, onSubmit: async v => {
        let parsed;
        try {
            parsed = JSON.parse(v.rule);
        } catch {
            throw new Error(t('This is no JSON yet.'));
        }
        await post('/api/segments', { segment: v.segment, name: v.name, marks: v.marks, rule: parsed });
        toast(t('Saved.'));
        await done();
    } });
    const put = c => {
        const top = rule.all ? rule : { all: Object.keys(rule).length ? [rule] : [] };
        top.all.push(c);
        f.set({ rule: JSON.stringify(top, null, 1) });
    };
    return [el('div.mb-2', {}, button(t('Add a condition'), () => addCondition(put))), says, f];
}

async function segments(view) {
    const may = hasRole('marketer');
    async function draw(edited) {
        const d = await get('/api/segments');
        fill(view, may ? el('div.mb-2', {}, button(t('New segment'), () => draw({}), 'primary')) : null,
            edited ? section(edited.segment ? t('Segment {code}', { code: edited.segment }) : t('New segment'), ...editSegment(edited, () => draw())) : null,
            table([{ key: 'segment', title: t('Code') }, { key: 'name', title: t('Name') }, { key: 'says', title: t('Rule') },
                { key: 'marks', title: t('Marked at the tills'), type: 'bool' }, { key: 'size', title: t('Members'), show: r => r.ran ? number(r.size) : '–' },
                { key: 'ran', title: t('Counted'), type: 'time' }], d.rows, { name: 'segments', csv: '/api/segments?format=csv', empty: t('No segments yet.'),
                actions: may ? r => [button(t('Change'), () => draw(r)),
                    r.marks ? button(t('Mark anew'), async () => {
                        const x = await post(`/api/segments/${r.segment}/run`);
                        toast(t('{n} members are marked.', { n: number(x.size) }));
                        await draw();
                    }) : null,
                    button(t('Remove'), () => confirm({ title: t('Remove segment {code}?', { code: r.segment }), action: t('Remove'), danger: true, onSubmit: async () => {
                        await post(`/api/segments/${r.segment}/drop`);
                        await draw();
                    } }))].filter(Boolean) : undefined }));
    }
    await draw();
}

/* ---- the rest ---- */

async function odd(view) {
    const d = await get('/api/coupon-reviews');
    view.append(table([{ key: 'time', title: t('Time'), type: 'time' }, { key: 'sale', title: t('Receipt') }, { key: 'member', title: t('Member') },
        { key: 'coupon', title: t('Coupon') }, { key: 'answer', title: t('What is wrong'), show: r => oddWord(r.answer) }], d.rows,
    { name: 'coupon-reviews', csv: '/api/coupon-reviews?format=csv', empty: t('Every coupon that was shown was right.') }));
}
const oddWord = a => ({ 'no such coupon was given out': t('no such coupon was given out'), 'it was used before': t('it was used before'),
    'it is another member\'s': t('it is another member\'s'), 'used without a member': t('used without a member'),
    'it was not good on that day': t('it was not good on that day') })[a] || a;

async function referrals(view) {
    const d = await get('/api/referrals');
    view.append(table([{ key: 'referrer', title: t('Member') }, { key: 'brought', title: t('Brought'), type: 'int' },
        { key: 'rewarded', title: t('Have bought'), type: 'int' }, { key: 'waiting', title: t('Not yet'), type: 'int' },
        { key: 'points', title: t('Points given'), type: 'points' }, { key: 'spent', title: t('Turnover of those brought'), type: 'money' }], d.rows,
    { name: 'referrals', link: r => '#/members/' + r.referrer, csv: '/api/referrals?format=csv', empty: t('Nobody brought anybody yet.') }));
}

const dispositionWord = w => ({ strive: t('Win back by all means'), 'as it comes': t('As it comes'), 'mostly let go': t('Mostly let go'), 'let go': t('Let go') })[w] || w;
const winWord = s => ({ open: t('open'), contacted: t('contacted'), 'won back': t('won back'), lost: t('lost') })[s] || s;
const whyWords = () => [['moved', t('Moved away')], ['price', t('Price')], ['goods', t('Goods')], ['service', t('Service')], ['points', t('Points')],
    ['competitor', t('Another shop')], ['no need', t('No need any more')], ['other', t('Something else')]];

async function winback(view) {
    async function draw() {
        const [d, n] = await Promise.all([get('/api/winback'), get('/api/winback-numbers')]);
        fill(view, table([{ key: 'disposition', title: t('What to do'), show: r => dispositionWord(r.disposition) }, { key: 'members', title: t('Members'), type: 'int' },
            { key: 'contacted', title: t('Contacted'), type: 'int' }, { key: 'won', title: t('Came back'), type: 'int' },
            { key: 'won_permille', title: t('Of those contacted'), show: r => share(r.won_permille) }, { key: 'value', title: t('Spent in their last year'), type: 'money' }],
        n.rows, { name: 'winback-numbers', filter: false, csv: '/api/winback-numbers?format=csv', empty: t('Nobody is missed.') }),
        table([{ key: 'member', title: t('Member') }, { key: 'disposition', title: t('What to do'), show: r => dispositionWord(r.disposition) },
            { key: 'value', title: t('Spent in their last year'), type: 'money' }, { key: 'last', title: t('Last purchase'), type: 'day' },
            { key: 'state', title: t('State'), show: r => badge(winWord(r.state), r.state === 'won back' ? 'ok' : r.state === 'lost' ? 'off' : 'info') },
            { key: 'reason', title: t('Why they left'), show: r => whyWords().find(w => w[0] === r.reason)?.[1] || '' }], d.rows,
        { name: 'winback', link: r => '#/members/' + r.member, csv: '/api/winback?format=csv', empty: t('Nobody is missed.'),
            actions: hasRole('clerk', 'marketer') ? r => r.state === 'won back' ? [] : [button(t('Talked to'), () => confirm({
                title: t('Talked to {member}', { member: r.member }), action: t('Save'), fields: [
                    { name: 'reason', label: t('Why they left'), type: 'select', options: [['', ''], ...whyWords()] },
                    { name: 'lost', label: t('They will not come back'), type: 'bool' }], onSubmit: async v => {
                    await post('/api/winback/' + r.member, v);
                    await draw();
                } }))] : undefined }));
    }
    await draw();
}

async function due() {
    const r = await post('/api/care/run');
    toast(t('{bonuses} bonuses, {coupons} coupons used, {referrals} referrals, {lost} missed, {won} came back.', { bonuses: r.bonuses, coupons: r.coupons_used,
        referrals: r.referrals, lost: r.lost, won: r.won_back }));
}

export async function show(view, args) {
    if (args[0])
        return result(view, args[0]);
    view.append(hasRole('marketer', 'controller') ? el('div.mb-2.text-end', {}, button(t('Do what is due'), due)) : '', tabs([
        { title: t('Campaigns'), show: campaigns }, { title: t('Segments'), show: segments }, { title: t('Win-back'), show: winback },
        { title: t('Referrals'), show: referrals }, { title: t('Odd coupons'), show: odd },
    ]));
}
