/*
 * err - the one error type: an enum made from errors.def.
 *
 * A refusal (REFUSE) is an answer and is returned plainly. A fault (FAULT) is raised once, where it
 * starts, with err_raise(), which logs it with its source line; whoever passes it up says TRY().
 * An err_t owns nothing and may be copied, compared and switched on.
 *
 * Threads  any.
 */
#pragma once

#include <stdbool.h>

/* Both compilers warn about a result that nobody looks at; they spell it differently. */
#ifdef __clang__
#define ERR_LOOK __attribute__((warn_unused_result))
#else
#define ERR_LOOK [[nodiscard]]
#endif

enum ERR_LOOK err {
    ERR_OK = 0,
#define ERR(name, status, kind, code, text) ERR_##name,
#include "common/base/errors.def"
#undef ERR
    ERR_MAX,
};
typedef enum err err_t;

enum err_kind { REFUSE, FAULT };

struct err_info {
    const char *name; /* "SLOT_TAKEN" */
    int status;       /* HTTP */
    enum err_kind kind;
    const char *code; /* "slot_taken": what clients switch on */
    const char *text; /* for a person; quotes no input */
};

const struct err_info *err_info(err_t err);

static inline bool err_is_fault(err_t err)
{
    return err != ERR_OK && err_info(err)->kind == FAULT;
}

/* The same may go well a little later: who asked may ask again. */
static inline bool err_retryable(err_t err)
{
    const int status = err_info(err)->status;

    return status == 408 || status == 429 || status == 503;
}

/* Logs @fault once with the place it started at, and returns it. The text holds no PHI and no
 * secret: ids, counts, SQLSTATEs and errno texts only. */
#define err_raise(fault, ...) err_raise_at((fault), __FILE__, __LINE__, __VA_ARGS__)

err_t err_raise_at(err_t fault, const char *file, int line, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

#define TRY(call)                                                                                  \
    do {                                                                                           \
        const err_t try_err_ = (call);                                                             \
        if (try_err_ != ERR_OK) return try_err_;                                                   \
    } while (0)
