#include "common/base/err.h"
#include "common/base/log.h"

static const struct err_info infos[] = {
    [ERR_OK] = {"OK", 200, REFUSE, "ok", ""},
#define ERR(name, status, kind, code, text) [ERR_##name] = {#name, status, kind, code, text},
#include "common/base/errors.def"
#undef ERR
};

const struct err_info *err_info(err_t err)
{
    return &infos[(unsigned)err < ERR_MAX ? err : ERR_INTERNAL];
}

err_t err_raise_at(err_t fault, const char *file, int line, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    log_fault(err_info(fault)->name, file, line, fmt, args);
    va_end(args);
    return fault;
}
