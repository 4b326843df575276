// messages.js - the outbox: what is on its way to members, what failed, files for those who send, the settings.
// SPDX-License-Identifier: Apache-2.0
import { fetchFile, get, hasRole, post } from '../api.js';
import { t } from '../i18n.js';
import { badge, button, confirm, el, fill, number, stat, stats, table, tabs, title, toast } from '../ui.js';

export const page = { name: 'messages', title: 'Messages', roles: ['clerk', 'marketer', 'controller', 'approver', 'auditor'], order: 54 };

const stateWord = s => ({ queued: t('queued'), sent: t('sent'), failed: t('failed'), 'given up': t('given up') })[s] || s;
const stateKind = s => ({ queued: 'info', sent: 'ok', failed: 'warn', 'given up': 'bad' })[s];
const purposeWord = p => ({ service: t('Service'), code: t('Code'), marketing: t('Advertising'), survey: t('Survey') })[p] || p;
const channelWord = c => ({ sms: 'SMS', email: t('E-mail'), wechat: t('WeChat'), webhook: 'Webhook' })[c] || c;

async function list(view, state) {
    async function draw() {
        const d = await get('/api/messages', { state });
        fill(view, table([
            { key: 'queued', title: t('Queued'), type: 'time' }, { key: 'member', title: t('Member') },
            { key: 'channel', title: t('Channel'), show: r => channelWord(r.channel) }, { key: 'purpose', title: t('Purpose'), show: r => purposeWord(r.purpose) },
            { key: 'template', title: t('Template') }, { key: 'state', title: t('State'), show: r => badge(stateWord(r.state), stateKind(r.state)) },
            { key: 'tries', title: t('Tries'), type: 'int' }, { key: 'next', title: t('Next try'), type: 'time' }, { key: 'error', title: t('What went wrong') },
            { key: 'key', title: t('Key') },
        ], d.rows, { name: 'messages', csv: '/api/messages?format=csv' + (state ? '&state=' + encodeURIComponent(state) : ''), empty: t('No messages here.'),
            actions: hasRole('clerk', 'marketer') ? r => ['failed', 'given up'].includes(r.state) && r.purpose !== 'code' ? [button(t('Again'), async () => {
                await post(`/api/messages/${r.id}/again`);
                toast(t('It is tried again.'));
                await draw();
            })] : [] : undefined }));
    }
    await draw();
}

const settingWord = n => ({ contact_days: t('Advertising: in so many days'), contact_most: t('... at most so many messages'),
    message_url: t('Messages are sent to (webhook)'), audit_percent: t('Complaints audited, percent'), audit_seed: t('Start of the audit\'s draw'),
    referral_referrer: t('Points for who brings a member'), referral_member: t('Points for who was brought'),
    referral_most: t('Rewarded referrals a year'), referral_days: t('Who brought a member is named within days'),
    winback_days: t('Missed after so many days'), winback_important: t('Win back by all means from (minor units a year)'),
    winback_small: t('Mostly let go below (minor units a year)') })[n] || n;

async function settings(view) {
    async function draw() {
        const d = await get('/api/care-settings');
        fill(view, table([{ key: 'name', title: t('Setting'), show: r => settingWord(r.name) }, { key: 'value', title: t('Value') }], d.rows,
            { name: 'care-settings', filter: false, actions: hasRole('admin') ? r => [button(t('Change'), () => confirm({ title: settingWord(r.name), action: t('Save'),
                fields: [{ name: 'value', label: t('Value'), value: r.value }], onSubmit: async v => {
                    await post('/api/care-settings/' + r.name, { value: v.value || '' });
                    await draw();
                } }))] : undefined }));
    }
    await draw();
}

/** The file has numbers in it and is made once: so it is fetched by a change, and saved. */
function take() {
    return confirm({ title: t('A file for who sends'), text: t('All that is due on the channel, with numbers and addresses. The messages are sent then.'), action: t('Make the file'),
        fields: [{ name: 'channel', label: t('Channel'), type: 'select', required: true, value: 'sms', options: ['sms', 'email', 'wechat'].map(c => [c, channelWord(c)]) }],
        onSubmit: async v => {
            const url = URL.createObjectURL(await fetchFile('/api/messages/export', v));
            el('a', { href: url, download: `messages-${v.channel}.csv` }).click();
            setTimeout(() => URL.revokeObjectURL(url), 1000);
        } });
}

export async function show(view) {
    title(t('Messages'), hasRole('marketer', 'admin') ? button(t('A file for who sends'), take) : null);
    const n = await get('/api/message-numbers');
    view.append(stats(stat(t('queued'), number(n.queued)), stat(t('sent'), number(n.sent)), stat(t('failed'), number(n.failed), { kind: n.failed ? 'warn' : undefined }),
        stat(t('given up'), number(n.given_up), { kind: n.given_up ? 'bad' : undefined })),
    tabs([{ title: t('All'), show: v => list(v, '') }, { title: stateWord('queued'), show: v => list(v, 'queued') }, { title: stateWord('failed'), show: v => list(v, 'failed') },
        { title: stateWord('given up'), show: v => list(v, 'given up') }, { title: t('Settings'), show: settings }]));
}
