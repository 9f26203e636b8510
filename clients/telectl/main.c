#include "clients/telectl/telectl.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *noun, *verb;
    int (*run)(const struct options *options);
    const char *about;
} commands[] = {
    {"status", NULL, status_show, "the health and version of every service"},
    {"audit", "verify", audit_verify,
     "checks the audit log: --dir an exported one, else the suite's"},
    {"policy", "matrix", policy_matrix, "who may do what, as the services decide it"},
};
#define COMMANDS (sizeof commands / sizeof *commands)

int trouble(const char *cause, const char *mend, ...)
{
    va_list args;

    va_start(args, mend);
    fputs("telectl: ", stderr);
    vfprintf(stderr, cause, args);
    va_end(args);
    fprintf(stderr, "\n    Fix: %s\n", mend);
    return UNWELL;
}

static int usage(void)
{
    fputs("usage: telectl COMMAND [--run FOLDER] [--dir FOLDER] [--vkey KEY]\n\n", stderr);
    for (size_t i = 0; i < COMMANDS; i++)
        fprintf(stderr, "  %-7s%-8s%s\n", commands[i].noun,
                commands[i].verb ? commands[i].verb : "", commands[i].about);
    fputs("\n--run is where the suite keeps its state (.run). Example: telectl status --run .run\n",
          stderr);
    return WRONG_CALL;
}

static bool is_named(size_t i, int words, char *const *word)
{
    const char *verb = commands[i].verb;

    return words == (verb ? 2 : 1) && strcmp(word[0], commands[i].noun) == 0 &&
           (!verb || strcmp(word[1], verb) == 0);
}

int main(int argc, char **argv)
{
    static const struct option known[] = {
        {"run", required_argument, NULL, 'r'},
        {"dir", required_argument, NULL, 'd'},
        {"vkey", required_argument, NULL, 'v'},
        {0},
    };
    struct options options = {.run = ".run"};

    for (int c; (c = getopt_long(argc, argv, "", known, NULL)) != -1;) {
        switch (c) {
        case 'r':
            options.run = optarg;
            break;
        case 'd':
            options.dir = optarg;
            break;
        case 'v':
            options.vkey = optarg;
            break;
        default:
            return usage();
        }
    }
    for (size_t i = 0; i < COMMANDS; i++) {
        if (is_named(i, argc - optind, argv + optind)) return commands[i].run(&options);
    }
    return usage();
}
