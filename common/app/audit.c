#include "common/app/audit.h"

#include <assert.h>

static const struct {
    const char *word;
    enum audit_class class;
} rows[AUDIT_ACTIONS] = {
#define AUDIT(name, word, class) [AUDIT_##name] = {word, class},
#include "common/app/audit.def"
#undef AUDIT
};

const char *audit_word(enum audit_action action)
{
    assert(action < AUDIT_ACTIONS);
    return rows[action].word;
}

enum audit_class audit_class(enum audit_action action)
{
    assert(action < AUDIT_ACTIONS);
    return rows[action].class;
}
