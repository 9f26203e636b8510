#include "common/app/audit.h"

#include <assert.h>

static const char *const words[AUDIT_ACTIONS] = {
#define AUDIT(name, word) [AUDIT_##name] = word,
#include "common/app/audit.def"
#undef AUDIT
};

const char *audit_word(enum audit_action action)
{
    assert(action < AUDIT_ACTIONS);
    return words[action];
}
