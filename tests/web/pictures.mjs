// pictures.mjs - the README's pictures: docs/pictures/ from what the flows left in build/web, cut and scaled.
// Run by hand after tests/web.sh: BUILD=build node tests/web/pictures.mjs
// SPDX-License-Identifier: Apache-2.0
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

const build = resolve(process.env.BUILD || 'build');
const wanted = [ // name, from, height that is kept, width in the end
    ['dashboard', 'dashboard-en', 800, 800], ['preview', 'rules-preview', 1130, 800], ['member', 'member-timeline', 900, 800], ['member-page', 'me-points-zh', 812, 300]];

const { chromium } = await import(pathToFileURL(join(build, 'web/node_modules/playwright-core/index.mjs')));
const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: process.getuid() === 0 ? ['--no-sandbox'] : [] });
const page = await browser.newPage();
mkdirSync('docs/pictures', { recursive: true });
for (const [name, from, height, width] of wanted) {
    const src = 'data:image/png;base64,' + readFileSync(join(build, 'web', from + '.png')).toString('base64');
    const made = await page.evaluate(async ({ src, height, width }) => {
        const img = new Image();
        img.src = src;
        await img.decode();
        const kept = Math.min(height, img.height), canvas = new OffscreenCanvas(width, Math.round(kept * width / img.width));
        const c = canvas.getContext('2d');
        c.imageSmoothingQuality = 'high';
        c.drawImage(img, 0, 0, img.width, kept, 0, 0, canvas.width, canvas.height);
        const d = c.getImageData(0, 0, canvas.width, canvas.height);
        for (let i = 0; i < d.data.length; i++) // 18 shades a colour are enough for a page, and a third of the size
            d.data[i] = Math.round(d.data[i] / 15) * 15;
        c.putImageData(d, 0, 0);
        const bytes = new Uint8Array(await (await canvas.convertToBlob({ type: 'image/png' })).arrayBuffer());
        return btoa(Array.from(bytes, b => String.fromCharCode(b)).join(''));
    }, { src, height, width });
    writeFileSync(`docs/pictures/${name}.png`, Buffer.from(made, 'base64'));
}
await browser.close();
