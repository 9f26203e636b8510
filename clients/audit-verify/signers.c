/* Who has signed a checkpoint. What nobody here can check shall not look as if it had been checked:
 * a line by a stranger is a fault, and a witness has to be named with its key. */
#include "clients/audit-verify/verify.h"
#include "services/audit/shard.h"

static struct note_key key_for(struct str text, const struct note_key *log)
{
    struct checkpoint claimed;

    if (!checkpoint_read_unsigned(text, &claimed) || !shard_same_log(claimed.origin, log->name))
        return *log;
    return note_key(claimed.origin, log->key);
}

static const char *by_log(struct str text, const struct note_key *key, struct note *ret_note,
                          struct checkpoint *ret)
{
    if (note_open(text, key, 1, ret_note) != ERR_OK) return "not a note that this key has signed";
    if (!checkpoint_parse(ret_note->text, ret)) return "signed, but not a checkpoint";
    if (!str_equal(ret->origin, key->name)) return "its origin is not the key's name";
    return ret_note->verified == 1 ? NULL : "signed more than once";
}

const char *signers_log(struct str text, const struct note_key *log, struct checkpoint *ret)
{
    const struct note_key key = key_for(text, log);
    struct note note;

    return by_log(text, &key, &note, ret);
}

struct str signers_all(struct str text, const struct signers *signers, bool newest,
                       struct arena *arena, struct checkpoint *ret)
{
    struct note_key keys[1 + WITNESSES_MAX] = {key_for(text, &signers->log)};
    struct note note;
    const char *const wrong = by_log(text, &keys[0], &note, ret);

    if (wrong) return str_of(wrong);
    memcpy(keys + 1, signers->witnesses, signers->count * sizeof(*keys));
    if (signers->count && note_open(text, keys, 1 + signers->count, &note) != ERR_OK)
        return STR("what a witness has signed is something else");
    if (note.unknown)
        return arena_printf(arena, "%zu signatures cannot be checked", note.unknown);
    for (size_t i = 1; newest && i <= signers->count; i++) {
        if (note_open(text, &keys[i], 1, &note) == ERR_OK) continue;
        return arena_printf(arena, STR_FMT " has not signed it", STR_ARG(keys[i].name));
    }
    return STR_NONE;
}
