#include "common/app/audit.h"

#include <assert.h>

static const struct {
    const char *word;
    char letter;
} actions[AUDIT_ACTIONS] = {
#define AUDIT(name, text, code) [AUDIT_##name] = {text, code},
#include "common/app/audit.def"
#undef AUDIT
};

const char *audit_word(enum audit_action action)
{
    assert(action < AUDIT_ACTIONS);
    return actions[action].word;
}

char audit_letter(enum audit_action action)
{
    assert(action < AUDIT_ACTIONS);
    return actions[action].letter;
}
