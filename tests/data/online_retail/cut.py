#!/usr/bin/env python3
"""cut.py DIR > invoices.txt - cut the Online Retail data to what the demo replays.

DIR holds or_invoices.csv (invoice, ts, customer_id, country) and or_lines.csv.gz (invoice,
stock_code, quantity, unit_price).  Kept: every invoice of a named customer outside the United
Kingdom, and of every 20th customer in it.  A cancellation does not name the invoice it cancels, so
each of its lines is matched to that customer's latest earlier line of the same goods, same price
first; what finds no match is counted and left out.  SPDX-License-Identifier: Apache-2.0"""
import collections
import csv
import decimal
import gzip
import sys

folder = sys.argv[1]
invoices = list(csv.DictReader(open(folder + "/or_invoices.csv")))
lines = collections.defaultdict(list)
for row in csv.DictReader(gzip.open(folder + "/or_lines.csv.gz", "rt")):
    lines[row["invoice"]].append(row)

home = sorted({i["customer_id"] for i in invoices
               if i["customer_id"] and i["country"] == "United Kingdom"})
kept_home = set(home[::20])


def pence(quantity, price):
    exact = decimal.Decimal(price) * 100 * quantity
    return int(exact.quantize(decimal.Decimal(1), rounding=decimal.ROUND_HALF_UP))


def sku(code):
    return code.replace(" ", "_")


def kind(code):
    return "goods" if code[:5].isdigit() else "service"


left = collections.defaultdict(list)  # (customer, sku) -> [invoice, price, quantity left]
unmatched = 0
counts = collections.Counter()
for i in sorted(invoices, key=lambda i: (i["ts"], i["invoice"])):
    customer, country = i["customer_id"], i["country"].replace(" ", "_")
    if not customer or (i["country"] == "United Kingdom" and customer not in kept_home):
        continue
    head = f'{i["ts"]} {customer} {country}'
    if i["invoice"][0] == "C":
        back = collections.OrderedDict()
        for l in lines[i["invoice"]]:
            want, price = -int(l["quantity"]), l["unit_price"]
            bought = left[customer, sku(l["stock_code"])]
            for same_price in (True, False):
                for b in reversed(bought):
                    take = min(want, b[2]) if (b[1] == price) == same_price else 0
                    if take > 0:
                        b[2] -= take
                        want -= take
                        back.setdefault(b[0], []).append((sku(l["stock_code"]), take, pence(take, b[1])))
            unmatched += want > 0
        for original, rows in back.items():
            print(f'R {i["invoice"]} {head} {original}')
            counts["refunds"] += 1
            for code, quantity, amount in rows:
                print(f"L {code} {quantity} {amount} {kind(code)}")
                counts["refund lines"] += 1
        continue
    if not i["invoice"].isdigit():
        continue
    rows = [l for l in lines[i["invoice"]]
            if int(l["quantity"]) > 0 and pence(int(l["quantity"]), l["unit_price"]) > 0]
    if not rows:
        continue
    print(f'S {i["invoice"]} {head}')
    counts["sales"] += 1
    for l in rows:
        code, quantity = sku(l["stock_code"]), int(l["quantity"])
        left[customer, code].append([i["invoice"], l["unit_price"], quantity])
        print(f'L {code} {quantity} {pence(quantity, l["unit_price"])} {kind(l["stock_code"])}')
        counts["sale lines"] += 1
counts["cancelled lines that match no sale, left out"] = unmatched
print(dict(counts), file=sys.stderr)
