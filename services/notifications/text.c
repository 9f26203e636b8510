#include "services/notifications/notifications.h"

static const struct text texts[] = {
#define TEXT(template, language, subject, body) {template, language, subject, body},
#include "services/notifications/texts.def"
#undef TEXT
};

#define TEXTS (sizeof texts / sizeof *texts)

/* "de" speaks to "de" and "de-AT", not to "den". */
static bool speaks(const char *language, struct str tag)
{
    const size_t n = strlen(language);

    return str_starts(tag, language) && (tag.n == n || tag.p[n] == '-');
}

const struct text *text_find(struct str template, struct str language)
{
    const struct text *english = NULL;

    for (const struct text *text = texts; text < texts + TEXTS; text++) {
        if (!str_is(template, text->template)) continue;
        if (speaks(text->language, language)) return text;
        if (strcmp(text->language, "en") == 0) english = text;
    }
    return english;
}
