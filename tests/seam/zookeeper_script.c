/* SPDX-License-Identifier: Apache-2.0
 *
 * Runs random scripts of requests, one at a time over three sessions, and
 * prints all that came back: codes, data, children, stats (zxids as ranks,
 * owners as clients) and the watches that fired. Linked twice; what the two
 * print must be the same.
 *
 *   zookeeper_script COUNT [FROM]      scripts FROM .. FROM + COUNT - 1
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/seam/zookeeper_caller.h"

#define CLIENTS    3
#define STEPS      40
#define LINES_MAX  1024
#define TIMEOUT_MS 6000

struct line {
    char text[1024];
    int64_t zxids[3]; /* of a stat; 0: none */
};

struct script {
    uint64_t random;
    char base[32];
    struct place *place;
    struct caller callers[CLIENTS];
    int64_t owners[64]; /* session ids, in the order of opening */
    int owner_count;
    int reported[CLIENTS]; /* events that were printed */
    struct line lines[LINES_MAX];
    int line_count;
};

/* ---- drawing ---- */

/* splitmix64: the same on both sides, whatever the library does. */
static uint64_t draw(struct script *script)
{
    uint64_t z = script->random += 0x9e3779b97f4a7c15;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

static int below(struct script *script, int bound)
{
    return (int)(draw(script) % (uint64_t)bound);
}

static void draw_path(struct script *script, char path[CALLER_TEXT_MAX])
{
    static const char *const names[] = {"",     "/a",   "/b",     "/c",
                                        "/a/x", "/a/y", "/a/x/p", "/b/x"};

    snprintf(path, CALLER_TEXT_MAX, "%s%s", script->base,
             names[below(script, 30) == 0 ? 0 : 1 + below(script, 7)]);
}

static int draw_version(struct script *script)
{
    return below(script, 3) == 0 ? below(script, 3) : -1;
}

static void draw_data(struct script *script, struct request *request)
{
    static const char *const values[] = {NULL, "", "1", "value"};

    request->data = values[below(script, 4)];
    request->size = request->data == NULL ? -1 : (int)strlen(request->data);
}

static void draw_flags(struct script *script, struct request *request)
{
    static const int flags[] = {0, 0, 0, 1, 1, 2, 3};

    request->flags = flags[below(script, 7)];
}

static struct request draw_request(struct script *script, struct request *ops)
{
    static const enum verb verbs[] = {
        VERB_CREATE, VERB_CREATE,   VERB_CREATE,   VERB_SET,   VERB_SET,
        VERB_DELETE, VERB_DELETE,   VERB_GET,      VERB_GET,   VERB_EXISTS,
        VERB_EXISTS, VERB_CHILDREN, VERB_CHILDREN, VERB_MULTI, VERB_MULTI};
    struct request request = {.size = -1};

    request.verb = verbs[below(script, (int)(sizeof verbs / sizeof *verbs))];
    draw_path(script, request.path);
    request.version = draw_version(script);
    if (request.verb == VERB_CREATE || request.verb == VERB_SET)
        draw_data(script, &request);
    if (request.verb == VERB_CREATE)
        draw_flags(script, &request);
    if (request.verb >= VERB_GET && request.verb <= VERB_CHILDREN &&
        below(script, 2))
        request.watch = 1 + below(script, 4);
    if (request.verb == VERB_MULTI) {
        request.ops = ops;
        request.op_count = 1 + below(script, 5);
        for (int i = 0; i < request.op_count; i++) {
            ops[i] = (struct request){.verb = (enum verb)below(script, 4),
                                      .size = -1};
            draw_path(script, ops[i].path);
            draw_data(script, &ops[i]);
            draw_flags(script, &ops[i]);
            ops[i].version = draw_version(script);
        }
    }
    return request;
}

/* ---- writing down ---- */

static struct line *line_new(struct script *script)
{
    if (script->line_count == LINES_MAX) {
        fprintf(stderr, "a script of too many lines\n");
        exit(2);
    }
    return &script->lines[script->line_count++];
}

/* Which session it was, counted from 1; 0: none. */
static int owner_of(const struct script *script, int64_t id)
{
    for (int i = 0; i < script->owner_count; i++)
        if (script->owners[i] == id)
            return i + 1;
    return id == 0 ? 0 : -1;
}

static void put_stat(struct script *script, const struct Stat *stat)
{
    struct line *line = line_new(script);

    snprintf(line->text, sizeof line->text,
             "  version %d cversion %d aversion %d owner %d length %d "
             "children %d",
             stat->version, stat->cversion, stat->aversion,
             owner_of(script, stat->ephemeralOwner), stat->dataLength,
             stat->numChildren);
    line->zxids[0] = stat->czxid;
    line->zxids[1] = stat->mzxid;
    line->zxids[2] = stat->pzxid;
}

static const char *verb_name(enum verb verb)
{
    static const char *const names[] = {"create",   "set",  "delete",
                                        "check",    "get",  "exists",
                                        "children", "sync", "multi"};

    return names[verb];
}

static void put_request(struct script *script, int client,
                        const struct request *request, int rc)
{
    struct line *line = line_new(script);

    snprintf(line->text, sizeof line->text,
             "client %d %s %s size %d version %d flags %d watch %d: %s", client,
             verb_name(request->verb), request->path, request->size,
             request->version, request->flags, request->watch, zerror(rc));
    for (int i = 0; i < request->op_count; i++) {
        const struct request *op = &request->ops[i];

        line = line_new(script);
        snprintf(line->text, sizeof line->text,
                 "  %s %s size %d version %d flags %d", verb_name(op->verb),
                 op->path, op->size, op->version, op->flags);
    }
}

static void put_answer(struct script *script, const struct request *request,
                       const struct answer *answer)
{
    struct line *line = line_new(script);

    snprintf(line->text, sizeof line->text, "  path '%s' data '%s' size %d",
             answer->path, answer->data, answer->size);
    if (answer->has_stat)
        put_stat(script, &answer->stat);
    for (int i = 0; i < answer->child_count; i++)
        snprintf(line_new(script)->text, sizeof line->text, "  child %s",
                 answer->children[i]);
    for (int i = 0; i < answer->op_count; i++) {
        snprintf(line_new(script)->text, sizeof line->text, "  %s '%s'",
                 zerror(answer->results[i].err), answer->paths[i]);
        if (request->ops[i].verb == VERB_SET && answer->rc == ZOK)
            put_stat(script, &answer->stats[i]);
    }
}

static int compare_text(const void *a, const void *b)
{
    return strcmp(((const struct line *)a)->text,
                  ((const struct line *)b)->text);
}

/* Those of one step have no order of their own: a session that ends removes
 * its ephemerals in any. */
static void put_events(struct script *script, int client)
{
    struct caller *caller = &script->callers[client];
    int first = script->line_count;

    place_lock(script->place);
    for (int i = script->reported[client]; i < caller->event_count; i++) {
        struct line *line = line_new(script);

        snprintf(line->text, sizeof line->text,
                 "  client %d watch %d type %d state %d %s", client,
                 caller->events[i].tag, caller->events[i].type,
                 caller->events[i].state, caller->events[i].path);
    }
    script->reported[client] = caller->event_count;
    place_unlock(script->place);
    qsort(script->lines + first, (size_t)(script->line_count - first),
          sizeof *script->lines, compare_text);
}

/* An answer comes after all events that came before it. */
static void settle(struct script *script)
{
    for (int i = 0; i < CLIENTS; i++) {
        caller_sync(&script->callers[i]);
        put_events(script, i);
    }
}

/* ---- ranks ---- */

static int compare_zxids(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a;
    int64_t y = *(const int64_t *)b;

    return x < y ? -1 : x > y;
}

static void print(const struct script *script)
{
    static int64_t zxids[3 * LINES_MAX];
    size_t count = 0;
    size_t unique = 0;

    for (int i = 0; i < script->line_count; i++)
        for (int j = 0; j < 3; j++)
            if (script->lines[i].zxids[j] != 0)
                zxids[count++] = script->lines[i].zxids[j];
    qsort(zxids, count, sizeof *zxids, compare_zxids);
    for (size_t i = 0; i < count; i++)
        if (i == 0 || zxids[i] != zxids[unique - 1])
            zxids[unique++] = zxids[i];
    for (int i = 0; i < script->line_count; i++) {
        const struct line *line = &script->lines[i];

        printf("%s", line->text);
        for (int j = 0; j < 3 && line->zxids[0] != 0; j++) {
            const int64_t *at = bsearch(&line->zxids[j], zxids, unique,
                                        sizeof *zxids, compare_zxids);

            printf(" zxid %d", at == NULL ? -1 : (int)(at - zxids));
        }
        printf("\n");
    }
}

/* ---- running ---- */

static void open_session(struct script *script, int client)
{
    struct caller *caller = &script->callers[client];

    caller_open(caller, script->place, (unsigned)client, TIMEOUT_MS);
    script->reported[client] = 0;
    script->owners[script->owner_count++] = caller->id.client_id;
}

static void end_session(struct script *script, int client, bool expire)
{
    struct caller *caller = &script->callers[client];

    snprintf(line_new(script)->text, sizeof script->lines->text, "client %d %s",
             client, expire ? "expires" : "closes");
    if (expire) {
        place_expire(script->place, (unsigned)client, &caller->id);
        if (!caller_wait_state(caller, ZOO_EXPIRED_SESSION_STATE,
                               CALLER_WAIT_MS)) {
            fprintf(stderr, "client %d does not learn that it expired\n",
                    client);
            exit(1);
        }
    }
    caller_close(caller);
    open_session(script, client);
}

static void step(struct script *script)
{
    struct request ops[CALLER_OPS_MAX];
    int client = below(script, CLIENTS);
    struct request request;
    struct answer answer;

    if (below(script, 25) == 0 && script->owner_count < 60) {
        end_session(script, client, below(script, 2) == 0);
    } else {
        request = draw_request(script, ops);
        caller_do(&script->callers[client], &request, &answer);
        put_request(script, client, &request, answer.rc);
        put_answer(script, &request, &answer);
    }
    settle(script);
}

static void remove_below(struct script *script, const char *path)
{
    struct answer answer;

    caller_children(&script->callers[0], path, 0, &answer);
    for (int i = 0; i < answer.child_count; i++) {
        char child[2 * CALLER_TEXT_MAX];

        snprintf(child, sizeof child, "%s/%s", path, answer.children[i]);
        remove_below(script, child);
    }
    caller_delete(&script->callers[0], path, -1);
}

static void run(struct place *place, uint64_t seed)
{
    static struct script script;

    memset(&script, 0, sizeof script);
    script.random = seed;
    script.place = place;
    snprintf(script.base, sizeof script.base, "/script-%llu",
             (unsigned long long)seed);
    snprintf(line_new(&script)->text, sizeof script.lines->text, "script %llu",
             (unsigned long long)seed);
    for (int i = 0; i < CLIENTS; i++)
        open_session(&script, i);
    caller_create(&script.callers[0], script.base, NULL, 0);
    for (int i = 0; i < STEPS; i++)
        step(&script);
    print(&script);
    remove_below(&script, script.base);
    for (int i = 0; i < CLIENTS; i++)
        caller_close(&script.callers[i]);
}

int main(int argc, char **argv)
{
    uint64_t count = argc > 1 ? strtoull(argv[1], NULL, 10) : 0;
    uint64_t from = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
    struct place *place;

    if (count == 0) {
        fprintf(stderr, "usage: zookeeper_script COUNT [FROM]\n");
        return 2;
    }
    place = place_new(1, from);
    for (uint64_t seed = from; seed < from + count; seed++)
        run(place, seed);
    place_free(place);
    return 0;
}
