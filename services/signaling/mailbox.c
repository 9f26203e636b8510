/* Signals that wait: for whom nobody sits yet, in the order in which they came. */
#include "services/signaling/signaling.h"

#include "common/base/secret.h"

#include <stdlib.h>

struct letter {
    struct letter *next;
    int64_t at_us;
    size_t n;
    char text[];
};

bool flow_pass(struct flow *flow, int64_t gen, int64_t seq)
{
    if (gen < flow->gen || (gen == flow->gen && seq <= flow->seq)) return false;

    flow->gen = gen;
    flow->seq = seq;
    return true;
}

bool mailbox_put(struct mailbox *box, struct str text, int64_t now_us)
{
    mailbox_expire(box, now_us);
    if (box->count == MAILBOX_LETTERS || box->bytes + text.n > MAILBOX_BYTES) return false;

    struct letter *letter = malloc(sizeof *letter + text.n);
    if (!letter) abort();
    *letter = (struct letter){NULL, now_us, text.n};
    memcpy(letter->text, text.p, text.n);
    *(box->first ? &box->last->next : &box->first) = letter;
    box->last = letter;
    box->count++;
    box->bytes += text.n;
    return true;
}

static void letter_drop(struct mailbox *box)
{
    struct letter *letter = box->first;

    box->first = letter->next;
    box->count--;
    box->bytes -= letter->n;
    secret_wipe(letter, sizeof *letter + letter->n);
    free(letter);
}

void mailbox_expire(struct mailbox *box, int64_t now_us)
{
    while (box->first && now_us - box->first->at_us > MAILBOX_US) letter_drop(box);
}

struct str mailbox_take(struct mailbox *box, struct arena *arena)
{
    if (!box->first) return STR_NONE;

    const struct str text = arena_str(arena, (struct str){box->first->text, box->first->n});
    letter_drop(box);
    return text;
}
