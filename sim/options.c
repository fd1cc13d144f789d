/* SPDX-License-Identifier: Apache-2.0
 *
 * Options stand in one table: what each takes, where it goes, and which
 * commands have it.
 */
#include "sim/options.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define JOBS_MAX 256

int command_failed(int code, const char *format, ...)
{
    va_list arguments;

    fputs("kqsim: ", stderr);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    return code;
}

/* ---- files ---- */

static void files_add(struct files *files, const char *path)
{
    char **paths = realloc(files->paths, (files->count + 1) * sizeof *paths);

    if (paths == NULL)
        abort();
    files->paths = paths;
    paths[files->count] = strdup(path);
    if (paths[files->count++] == NULL)
        abort();
}

static void files_release(struct files *files)
{
    for (size_t i = 0; i < files->count; i++)
        free(files->paths[i]);
    free(files->paths);
}

static bool is_scenario(const char *name)
{
    size_t length = strlen(name);

    return length > 5 && strcmp(name + length - 5, ".yaml") == 0;
}

static int walk(struct files *files, const char *path);

static int walk_directory(struct files *files, const char *path)
{
    struct dirent **entries;
    int count = scandir(path, &entries, NULL, alphasort);
    int code = EXIT_DONE;

    if (count < 0)
        return command_failed(EXIT_ENVIRONMENT,
                              "cannot read the directory %s: %s", path,
                              strerror(errno));
    for (int i = 0; i < count; i++) {
        const char *name = entries[i]->d_name;
        char inner[4096];
        struct stat status;

        snprintf(inner, sizeof inner, "%s%s%s", path,
                 path[strlen(path) - 1] == '/' ? "" : "/", name);
        if (code == EXIT_DONE && name[0] != '.' && stat(inner, &status) == 0 &&
            (S_ISDIR(status.st_mode) || is_scenario(name)))
            code = walk(files, inner);
        free(entries[i]);
    }
    free(entries);
    return code;
}

static int walk(struct files *files, const char *path)
{
    struct stat status;

    if (stat(path, &status) != 0)
        return command_failed(EXIT_USAGE,
                              "there is no scenario file or directory %s: %s",
                              path, strerror(errno));
    if (S_ISDIR(status.st_mode))
        return walk_directory(files, path);
    files_add(files, path);
    return EXIT_DONE;
}

/* ---- options ---- */

enum kind { FLAG, NUMBER, TEXT, WORLD };

#define SEEDED                                                                 \
    (COMMAND_RUN | COMMAND_EVERYWHERE | COMMAND_EXPLORE | COMMAND_SWARM)
#define AT(name) offsetof(struct options, name)
#define NOWHERE  SIZE_MAX

static const struct option {
    const char *name;
    enum kind kind;
    size_t at;
    size_t flag;       /* is set, too; or NOWHERE */
    uint64_t minimum;  /* of a number */
    const char *needs; /* of a text */
    unsigned commands;
} table[] = {
    {"--seed", NUMBER, AT(first_seed), AT(has_seed), 0, NULL,
     SEEDED | COMMAND_SHRINK},
    {"--seeds", NUMBER, AT(seeds), AT(has_seeds), 1, NULL, SEEDED},
    {"--from", NUMBER, AT(first_seed), AT(has_from), 0, NULL, SEEDED},
    {"--jobs", NUMBER, AT(jobs), NOWHERE, 1, NULL, SEEDED | COMMAND_SHRINK},
    {"--json", FLAG, AT(json), NOWHERE, 0, NULL, SEEDED},
    {"--junit", TEXT, AT(junit), NOWHERE, 0, "the name of a file", SEEDED},
    {"--trace", TEXT, AT(trace), NOWHERE, 0, "the name of a file", SEEDED},
    {"--html", TEXT, AT(html), NOWHERE, 0, "the name of a file", SEEDED},
    {"--beside", NUMBER, AT(beside), AT(has_beside), 0, NULL, SEEDED},
    {"--world", WORLD, AT(world), NOWHERE, 0, NULL, COMMAND_RUN},
    {"--how", TEXT, AT(how), NOWHERE, 0, "power, process, error, full or short",
     COMMAND_EVERYWHERE},
    {"--node", TEXT, AT(node), NOWHERE, 0, "a broker, b1", COMMAND_EVERYWHERE},
    {"--at", TEXT, AT(at), NOWHERE, 0,
     "an operation, b1:17, or a future, 1234:2",
     COMMAND_EVERYWHERE | COMMAND_EXPLORE},
    {"--limit", NUMBER, AT(limit), NOWHERE, 1, NULL,
     COMMAND_EVERYWHERE | COMMAND_EXPLORE},
    {"--futures", NUMBER, AT(futures), NOWHERE, 1, NULL, COMMAND_EXPLORE},
    {"--minutes", NUMBER, AT(minutes), NOWHERE, 1, NULL,
     COMMAND_SWARM | COMMAND_SHRINK},
    {"--print", FLAG, AT(print), NOWHERE, 0, NULL, COMMAND_SWARM},
    {"-o", TEXT, AT(out), NOWHERE, 0, "the name of a file", COMMAND_SHRINK},
};

static const struct {
    enum command command;
    const char *name;
} names[] = {
    {COMMAND_RUN, "run"},         {COMMAND_EVERYWHERE, "crash-everywhere"},
    {COMMAND_EXPLORE, "explore"}, {COMMAND_SWARM, "swarm"},
    {COMMAND_SHRINK, "shrink"},   {COMMAND_LINT, "lint"},
};

/* "swarm", or "run, swarm, shrink". */
static int not_its_own(const struct option *option, enum command command)
{
    char of[200] = "";
    const char *own = "";

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (names[i].command == command)
            own = names[i].name;
        if ((option->commands & names[i].command) != 0)
            snprintf(of + strlen(of), sizeof of - strlen(of), "%s%s",
                     *of ? ", " : "", names[i].name);
    }
    return command_failed(EXIT_USAGE,
                          "%s belongs to kqsim %s, and not to kqsim %s",
                          option->name, of, own);
}

static int take_number(const struct option *option, const char *text,
                       uint64_t *number)
{
    char *end = NULL;

    errno = 0;
    if (text != NULL && *text >= '0' && *text <= '9')
        *number = strtoull(text, &end, 10);
    if (end == NULL || *end != '\0' || errno != 0 || *number < option->minimum)
        return command_failed(EXIT_USAGE,
                              "%s needs a whole number of at least %" PRIu64,
                              option->name, option->minimum);
    return EXIT_DONE;
}

static int take_world(const char *text, const char **world)
{
    if (text == NULL ||
        (strcmp(text, "sim") != 0 && strcmp(text, "real") != 0 &&
         strcmp(text, "both") != 0))
        return command_failed(EXIT_USAGE,
                              "--world is sim, real or both, and not '%s'",
                              text ? text : "");
    *world = strcmp(text, "sim") == 0 ? NULL : text;
    return EXIT_DONE;
}

static int take_value(const struct option *option, struct options *options,
                      const char *text)
{
    char *to = (char *)options + option->at;

    if (option->flag != NOWHERE)
        *(bool *)((char *)options + option->flag) = true;
    switch (option->kind) {
    case FLAG:
        *(bool *)to = true;
        return EXIT_DONE;
    case NUMBER:
        return take_number(option, text, (uint64_t *)(void *)to);
    case WORLD:
        return take_world(text, (const char **)(void *)to);
    case TEXT:
        break;
    }
    *(const char **)(void *)to = text;
    return text ? EXIT_DONE
                : command_failed(EXIT_USAGE, "%s needs %s", option->name,
                                 option->needs);
}

/* The option of this name; `value`: what follows it after "=", or NULL. */
static const struct option *find(const char *text, const char **value)
{
    size_t length = strcspn(text, "=");

    *value = text[length] == '=' ? text + length + 1 : NULL;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (strlen(table[i].name) == length &&
            strncmp(table[i].name, text, length) == 0)
            return &table[i];
    return NULL;
}

/* Takes the option at `*at`, and its value. */
static int take_option(struct options *options, enum command command, int count,
                       char **arguments, int *at)
{
    const char *value;
    const struct option *option = find(arguments[*at], &value);

    if (option == NULL)
        return command_failed(EXIT_USAGE,
                              "there is no option %s: see kqsim --help",
                              arguments[*at]);
    if ((option->commands & (unsigned)command) == 0)
        return not_its_own(option, command);
    if (option->kind == FLAG && value != NULL)
        return command_failed(EXIT_USAGE, "%s takes no value", option->name);
    if (option->kind != FLAG && value == NULL) {
        ++*at;
        value = *at < count ? arguments[*at] : NULL;
    }
    return take_value(option, options, value);
}

int options_take(struct options *options, enum command command, int count,
                 char **arguments)
{
    int code = EXIT_DONE;

    *options = (struct options){.first_seed = 1, .seeds = 1, .jobs = 1};
    for (int i = 0; i < count && code == EXIT_DONE; i++) {
        if (arguments[i][0] == '-')
            code = take_option(options, command, count, arguments, &i);
        else
            code = walk(&options->files, arguments[i]);
    }
    if (code != EXIT_DONE)
        return code;
    if (options->has_seed && options->has_seeds)
        return command_failed(EXIT_USAGE,
                              "--seed and --seeds exclude each other");
    if (options->has_seed && options->has_from)
        return command_failed(EXIT_USAGE,
                              "--from goes with --seeds, not with --seed");
    if (options->jobs > JOBS_MAX)
        return command_failed(EXIT_USAGE, "--jobs must be at most %d",
                              JOBS_MAX);
    return EXIT_DONE;
}

void options_release(struct options *options)
{
    files_release(&options->files);
}
