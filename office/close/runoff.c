/* runoff.c - see runoff.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "office/close/runoff.h"

#include <math.h>

static double square(double x)
{
    return x * x;
}

/* f_k, and Mack's sigma_k squared; the last one cannot be had from one pair and follows the two before it. */
static enum err factors(struct runoff *r, double *sigma2, struct errmsg *why)
{
    int n = r->years;
    for (int k = 0; k < n - 1; k++) {
        double from = 0, to = 0, spread = 0;
        for (int i = 0; i < n - 1 - k; i++) {
            from += r->redeemed[i][k];
            to += r->redeemed[i][k + 1];
        }
        if (from <= 0)
            return err_set(why, ERR_STATE, "no points of age %d were redeemed yet: there is no run-off to go by", k + 1);
        r->factor[k] = to / from;
        for (int i = 0; i < n - 1 - k; i++)
            if (r->redeemed[i][k] > 0)
                spread += r->redeemed[i][k] * square(r->redeemed[i][k + 1] / r->redeemed[i][k] - r->factor[k]);
        sigma2[k] = k < n - 2 ? spread / (n - k - 2) : 0;
    }
    if (n >= 4) {
        double a = sigma2[n - 3], b = sigma2[n - 4], last = b > 0 ? a * a / b : a;
        sigma2[n - 2] = fmin(last, fmin(a, b));
    } else if (n == 3) {
        sigma2[1] = sigma2[0];
    }
    return OK;
}

static double column_sum(const struct runoff *r, int k)
{
    double sum = 0;
    for (int j = 0; j < r->years - 1 - k; j++)
        sum += r->redeemed[j][k];
    return sum;
}

/* Mean square error of each origin and of the total: Mack's formulas (7) and the corollary to theorem 3. */
static void errors(struct runoff *r, const double *sigma2)
{
    int n = r->years;
    double total = 0;
    for (int i = 1; i < n; i++) {
        double sum = 0, shared = 0, at = r->redeemed[i][n - 1 - i], after = 0;
        for (int k = n - 1 - i; k < n - 1; k++) {
            double ratio = sigma2[k] / square(r->factor[k]), column = column_sum(r, k);
            sum += ratio * ((at > 0 ? 1 / at : 0) + 1 / column);
            shared += 2 * ratio / column;
            at *= r->factor[k];
        }
        for (int j = i + 1; j < n; j++)
            after += r->ultimate[j];
        double mse = square(r->ultimate[i]) * sum;
        r->error[i] = sqrt(mse);
        total += mse + r->ultimate[i] * after * shared;
    }
    r->error[0] = 0;
    r->total_error = sqrt(total);
}

enum err runoff_estimate(struct runoff *r, struct errmsg *why)
{
    double sigma2[RUNOFF_YEARS_MAX] = {0};
    int n = r->years;
    if (n < 2 || n > RUNOFF_YEARS_MAX)
        return err_set(why, ERR_RANGE, "a run-off of %d years; 2 to %d are wanted", n, RUNOFF_YEARS_MAX);
    enum err e = factors(r, sigma2, why);
    if (e)
        return e;
    r->latest = r->total_ultimate = r->total_still = 0;
    for (int i = 0; i < n; i++) {
        double known = r->redeemed[i][n - 1 - i];
        r->ultimate[i] = known;
        for (int k = n - 1 - i; k < n - 1; k++)
            r->ultimate[i] *= r->factor[k];
        r->still[i] = r->ultimate[i] - known;
        r->latest += known;
        r->total_ultimate += r->ultimate[i];
        r->total_still += r->still[i];
    }
    errors(r, sigma2);
    return OK;
}
