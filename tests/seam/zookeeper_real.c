/* SPDX-License-Identifier: Apache-2.0
 *
 * The real place: libzookeeper_mt and a server started by
 * tests/lib/zookeeper.sh, which also stops it should this program be killed.
 */
#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/seam/zookeeper_place.h"

struct place {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
};

static char directory[64];
static char hosts[64];
static int port;

/* ---- the server ---- */

static int free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, size) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &size) != 0) {
        perror("cannot find a free port");
        exit(3);
    }
    close(fd);
    return ntohs(address.sin_port);
}

static void stop_server(void)
{
    char command[512];

    snprintf(command, sizeof command, "%s stop %s", ZOOKEEPER_SH, directory);
    if (system(command) != 0)
        fprintf(stderr, "cannot stop the server of %s\n", directory);
}

static void start_server(void)
{
    const char *base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    char command[512];

    snprintf(directory, sizeof directory, "%s/zookeeper-test-XXXXXX", base);
    if (mkdtemp(directory) == NULL) {
        perror(directory);
        exit(3);
    }
    port = free_port();
    snprintf(hosts, sizeof hosts, "127.0.0.1:%d", port);
    snprintf(command, sizeof command, "%s start %s %d %d", ZOOKEEPER_SH,
             directory, port, (int)getpid());
    if (system(command) != 0)
        exit(3);
    atexit(stop_server);
}

/* ---- the place ---- */

struct place *place_new(unsigned servers, uint64_t seed)
{
    struct place *place = calloc(1, sizeof *place);

    (void)seed;
    if (place == NULL || servers != 1) {
        fprintf(stderr, "the real place has one server, not %u\n", servers);
        exit(2);
    }
    if (port == 0)
        start_server();
    pthread_mutex_init(&place->mutex, NULL);
    pthread_cond_init(&place->changed, NULL);
    return place;
}

void place_free(struct place *place)
{
    pthread_cond_destroy(&place->changed);
    pthread_mutex_destroy(&place->mutex);
    free(place);
}

const char *place_hosts(const struct place *place)
{
    (void)place;
    return hosts;
}

void place_call(struct place *place, unsigned client,
                void (*call)(void *context), void *context)
{
    (void)place;
    (void)client;
    call(context);
}

bool place_wait(struct place *place, bool (*done)(void *context), void *context,
                int ms)
{
    struct timespec until;
    bool reached;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += ms / 1000;
    until.tv_nsec += ms % 1000 * 1000000L;
    if (until.tv_nsec >= 1000000000L) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000L;
    }
    pthread_mutex_lock(&place->mutex);
    while (!(reached = done(context)) &&
           pthread_cond_timedwait(&place->changed, &place->mutex, &until) == 0)
        continue;
    reached = reached || done(context);
    pthread_mutex_unlock(&place->mutex);
    return reached;
}

void place_lock(struct place *place)
{
    pthread_mutex_lock(&place->mutex);
}

void place_unlock(struct place *place)
{
    pthread_cond_broadcast(&place->changed);
    pthread_mutex_unlock(&place->mutex);
}

/* ---- expiry ---- */

static void put(unsigned char **at, uint64_t value, int bytes)
{
    for (int i = bytes - 1; i >= 0; i--)
        *(*at)++ = (unsigned char)(value >> (8 * i));
}

#define CONNECT_ANSWER_BYTES 41u /* its length included */
#define CLOSE_ANSWER_BYTES   20u
#define SESSION_ID_AT        12u

/* ConnectRequest and closeSession. */
static size_t close_bytes(unsigned char *bytes, const clientid_t *id)
{
    unsigned char *at = bytes;

    put(&at, 45, 4);
    put(&at, 0, 4);
    put(&at, 0, 8);
    put(&at, 10000, 4);
    put(&at, (uint64_t)id->client_id, 8);
    put(&at, 16, 4);
    memcpy(at, id->passwd, 16);
    at += 16;
    put(&at, 0, 1);
    put(&at, 8, 4);
    put(&at, 1, 4);
    put(&at, (uint32_t)-11, 4);
    return (size_t)(at - bytes);
}

/* Resumes the session and closes it, in one write; whether it is known to be
 * over. The handle may take the session back before the server comes to the
 * second request. */
static bool close_session(const clientid_t *id)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port)};
    unsigned char bytes[128];
    size_t size = close_bytes(bytes, id);
    static const unsigned char no_session[8];
    size_t got = 0;
    ssize_t more;
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 ||
        connect(fd, (struct sockaddr *)&address, sizeof address) != 0 ||
        write(fd, bytes, size) != (ssize_t)size) {
        perror("cannot close a session");
        exit(3);
    }
    while (got < sizeof bytes &&
           (more = read(fd, bytes + got, sizeof bytes - got)) > 0)
        got += (size_t)more;
    close(fd);
    return got >= CONNECT_ANSWER_BYTES + CLOSE_ANSWER_BYTES ||
           (got >= CONNECT_ANSWER_BYTES &&
            memcmp(bytes + SESSION_ID_AT, no_session, 8) == 0);
}

void place_expire(struct place *place, unsigned client, const clientid_t *id)
{
    (void)place;
    (void)client;
    for (int i = 0; i < 100; i++)
        if (close_session(id))
            return;
    fprintf(stderr, "the session cannot be closed\n");
    exit(3);
}
