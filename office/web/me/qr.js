// qr.js - a QR code of dark and light squares as head office says them: { size, rows: ["1011...", ...] }.
// SPDX-License-Identifier: Apache-2.0

const edge = 4; // light squares around, or a scanner does not find it

/** An image of it; text: what it is, for who does not see it. */
export function qrImage(qr, text) {
    const ns = 'http://www.w3.org/2000/svg', whole = qr.size + 2 * edge;
    const svg = document.createElementNS(ns, 'svg'), path = document.createElementNS(ns, 'path');
    svg.setAttribute('viewBox', `0 0 ${whole} ${whole}`);
    svg.setAttribute('role', 'img');
    svg.setAttribute('aria-label', text);
    svg.setAttribute('class', 'qr');
    svg.setAttribute('shape-rendering', 'crispEdges');
    path.setAttribute('d', qr.rows.map((row, y) => [...row].map((c, x) => c === '1' ? `M${x + edge} ${y + edge}h1v1h-1z` : '').join('')).join(''));
    svg.append(path);
    return svg;
}
