/* decide: what one decision of policy.h costs, in CPU time of this thread. Every role, action and
 * set of labels meets FACTS sets of facts; each round must come out as the first did. Prints the
 * nanoseconds of the median round and of the slowest tenth, and how many cases were allowed. */
#include "common/app/policy.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define ROUNDS 50
#define FACTS 32

struct tally {
    unsigned decisions, allowed;
};

static double cpu_ns(void)
{
    struct timespec at;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &at);
    return (double)at.tv_sec * 1e9 + (double)at.tv_nsec;
}

static struct tally round_run(const struct policy_facts *facts)
{
    struct tally tally = {0, 0};

    for (enum role role = 0; role < ROLES; role++) {
        for (enum permission may = PASS_ON + 1; may < PERMISSIONS; may++) {
            for (unsigned set = 0; set < POLICY_BIT(LABELS) * FACTS; set++, tally.decisions++) {
                const struct policy_ask ask = {role, may, set / FACTS, set & 1};
                const struct policy_verdict verdict = policy_decide(&ask, &facts[set % FACTS]);

                tally.allowed += verdict.word == POLICY_ALLOWED;
            }
        }
    }
    return tally;
}

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

int main(void)
{
    struct policy_facts facts[FACTS];
    double each_ns[ROUNDS];
    struct tally first = {0, 0};

    srandom(1);
    for (int i = 0; i < FACTS; i++)
        facts[i] = (struct policy_facts){(unsigned)random() & (POLICY_BIT(RELATIONS) - 1),
                                         (unsigned)random() & (POLICY_BIT(CONSENTS) - 1),
                                         random() & 1, random() & 1};
    for (int i = 0; i < ROUNDS; i++) {
        const double began = cpu_ns();
        const struct tally tally = round_run(facts);

        each_ns[i] = (cpu_ns() - began) / tally.decisions;
        if (i == 0) first = tally;
        if (tally.allowed != first.allowed) return EXIT_FAILURE;
    }
    qsort(each_ns, ROUNDS, sizeof *each_ns, by_size);
    printf("%.1f %.1f %u %u\n", each_ns[ROUNDS / 2], each_ns[ROUNDS * 9 / 10], first.allowed,
           first.decisions);
    return EXIT_SUCCESS;
}
