#include "sqlgen.h"

#include <string.h>

static bool has_args(const struct statement *st)
{
    for (size_t i = 0; i < st->param_count; i++) {
        if (same(st->params[i].source, "SQL_ARGS")) return true;
    }
    return false;
}

static const char *member_suffix(const struct slot *slot)
{
    return same(slot->type->sql, "timestamptz") ? "_us" : "";
}

static void members_write(FILE *h, const struct slot *slots, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!same(slots[i].source, "SQL_ARGS")) continue;
        fprintf(h, "    %s%s%s;%s\n", slots[i].type->c, slots[i].name, member_suffix(&slots[i]),
                slots[i].nullable ? " /* or NULL */" : "");
    }
}

/* @owner is the struct that the offsets are of. */
static void slots_write(FILE *c, const char *array, const char *owner, const struct slot *slots,
                        size_t count)
{
    if (count == 0) return;
    fprintf(c, "static const struct sql_slot %s[] = {\n", array);
    for (size_t i = 0; i < count; i++) {
        fprintf(c, "    {\"%s\", %s, %s, ", slots[i].name, slots[i].type->slot, slots[i].source);
        if (same(slots[i].source, "SQL_ARGS")) {
            fprintf(c, "offsetof(struct %s, %s%s)", owner, slots[i].name, member_suffix(&slots[i]));
        } else {
            fputc('0', c);
        }
        fprintf(c, ", %s},\n", slots[i].nullable ? "true" : "false");
    }
    fputs("};\n", c);
}

void literal_write(FILE *c, const char *text)
{
    fputs("        \"", c);
    for (; *text; text++) {
        if (*text == '\n') fputs(text[1] ? "\\n\"\n        \"" : "\\n", c);
        else if (*text == '"' || *text == '\\') fprintf(c, "\\%c", *text);
        else fputc(*text, c);
    }
    fputc('"', c);
}

static void prototype_write(FILE *out, const struct statement *st, const char *handle)
{
    const bool exec = same(st->mode, ":exec");

    fprintf(out, "%s%s(struct %s *%s", exec ? "void " : "err_t ", st->name, handle, handle);
    if (has_args(st)) fprintf(out, ", const struct %s *in", st->args->name);
    if (st->row) {
        const bool many = same(st->mode, ":many");
        fprintf(out, ", struct %s%s *ret", st->row->name, many ? "_rows" : "");
    }
    if (same(st->mode, ":maybe")) fputs(", bool *ret_found", out);
    fputc(')', out);
}

/* The statement as data. A `why` is its twin whose offsets are into @owner's arguments. */
static void statement_write(FILE *c, const struct statement *st, const struct statement *owner,
                            const char *prefix)
{
    const bool twin = st != owner;
    const char *base = twin ? joined("why_of_%s", owner->name) : st->name;

    slots_write(c, joined("%s_params", base), owner->args->name, st->params, st->param_count);
    if (!twin && st->raise_count > 0) {
        fprintf(c, "static const struct sql_raise %s_raises[] = {\n", base);
        for (size_t i = 0; i < st->raise_count; i++) {
            fprintf(c, "    {\"%s\", %s},\n", st->raises[i].constraint, st->raises[i].err);
        }
        fputs("    {NULL, ERR_OK},\n};\n", c);
    }
    fprintf(c, "%sconst struct stmt %s_stmt = {\n    .name = \"%s.%s\",\n    .sql =\n",
            twin ? "static " : "", base, prefix, base);
    literal_write(c, st->sql);
    fputs(",\n", c);
    if (st->param_count) {
        fprintf(c, "    .params = %s_params,\n    .param_count = %zu,\n", base, st->param_count);
    }
    if (st->row) {
        fprintf(c, "    .columns = %s_columns,\n    .column_count = %zu,\n"
                   "    .row_bytes = sizeof(struct %s),\n",
                st->row->name, st->row->count, st->row->name);
    }
    if (same(st->mode, ":one")) {
        const char *none = st->otherwise && !st->why ? st->otherwise : "ERR_NOT_FOUND";
        fprintf(c, "    .none = %s,\n", none);
    }
    if (st->why) fprintf(c, "    .why = &why_of_%s_stmt,\n", base);
    if (!twin && st->raise_count > 0) fprintf(c, "    .raises = %s_raises,\n", base);
    fputs("};\n", c);
}

static void wrapper_write(FILE *c, const struct statement *st, bool tx)
{
    const char *args = joined("%s, &%s_stmt, %s", tx ? "tx" : "act_tx(act)", st->name,
                              has_args(st) ? "in" : "NULL");

    prototype_write(c, st, tx ? "tx" : "act");
    fputs("\n{\n", c);
    if (same(st->mode, ":exec")) {
        fprintf(c, "    tx_queue(%s);\n", args);
    } else if (same(st->mode, ":one")) {
        fprintf(c, "    return tx_one(%s, ret);\n", args);
    } else if (same(st->mode, ":maybe")) {
        fprintf(c, "    return tx_maybe(%s, ret, ret_found);\n", args);
    } else {
        fprintf(c, "    struct rows rows;\n\n    TRY(tx_many(%s, &rows));\n"
                   "    *ret = (struct %s_rows){rows.p, rows.n};\n    return ERR_OK;\n",
                args, st->row->name);
    }
    fputs("}\n\n", c);
}

static void comment_write(FILE *h, const struct statement *st)
{
    fprintf(h, "/* %s:%d\n", st->file, st->line);
    for (const char *p = st->comment; *p; p++) {
        if (p == st->comment || p[-1] == '\n') fputs(" * ", h);
        fputc(*p, h);
        if (p[0] == '*' && p[1] == '/') fputc(' ', h);
    }
    fputs(" */\n", h);
}

void header_write(FILE *h, const char *folder, const char *prefix, bool tx)
{
    fprintf(h, "/* Made by sqlgen from %s; do not edit. */\n#pragma once\n\n", folder);
    if (!tx) fputs("#include \"common/app/act.h\"\n", h);
    fputs("#include \"common/io/db.h\"\n\n", h);
    for (size_t i = 0; i < row_count; i++) {
        fprintf(h, "struct %s {\n", rows[i].name);
        members_write(h, rows[i].slots, rows[i].count);
        fprintf(h, "};\n\nstruct %s_rows {\n    const struct %s *p;\n    size_t n;\n};\n\n",
                rows[i].name, rows[i].name);
    }
    for (size_t i = 0; i < statement_count; i++) {
        const struct statement *st = &statements[i];
        if (has_args(st) && st->args == st) {
            fprintf(h, "struct %s {\n", st->name);
            members_write(h, st->params, st->param_count);
            fputs("};\n\n", h);
        }
        comment_write(h, st);
        prototype_write(h, st, tx ? "tx" : "act");
        fprintf(h, ";\nextern const struct stmt %s_stmt;\n\n", st->name);
    }
    fprintf(h, "extern const struct stmt *const %s_stmts[]; /* ends in NULL */\n", prefix);
    fprintf(h, "extern const struct migration %s_migrations[]; /* ends in a nameless row */\n",
            prefix);
}

void code_write(FILE *c, const char *folder, const char *prefix, bool tx)
{
    fprintf(c, "/* Made by sqlgen from %s; do not edit. */\n#include \"sql.h\"\n\n"
               "#include <stddef.h>\n\n", folder);
    for (size_t i = 0; i < row_count; i++) {
        const struct row *row = &rows[i];
        slots_write(c, joined("%s_columns", row->name), row->name, row->slots, row->count);
    }
    for (size_t i = 0; i < statement_count; i++) {
        const struct statement *st = &statements[i];
        fputc('\n', c);
        if (st->why) statement_write(c, st->why, st, prefix);
        statement_write(c, st, st, prefix);
        wrapper_write(c, st, tx);
    }
    fprintf(c, "const struct stmt *const %s_stmts[] = {\n", prefix);
    for (size_t i = 0; i < statement_count; i++) fprintf(c, "    &%s_stmt,\n", statements[i].name);
    fputs("    NULL,\n};\n\n", c);
}
