/* SPDX-License-Identifier: Apache-2.0
 *
 * Where the processes of a run are: addresses 127.A.B.C of loopback, which
 * Linux has all of. A run that finds its block in use takes another one.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sim/real/internal.h"

#define BLOCKS       (64 * 256)
#define FIRST_A      64
#define TRIES        64
#define FIRST_BROKER 10
#define FIRST_SERVER 100
#define STEP_TO_NEXT 977

static void address_of(unsigned block, unsigned last,
                       char text[WORLD_HOST_BYTES])
{
    snprintf(text, WORLD_HOST_BYTES, "127.%u.%u.%u", FIRST_A + block / 256,
             block % 256, last);
}

/* Nobody listens there; EADDRNOTAVAIL and the like say that nobody can. */
static int probe(unsigned block)
{
    char text[WORLD_HOST_BYTES];
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(ZOOKEEPER_PORT)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int one = 1;
    int problem;

    if (fd < 0)
        return errno;
    address_of(block, FIRST_SERVER + 1, text);
    inet_pton(AF_INET, text, &address.sin_addr);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    problem = bind(fd, (struct sockaddr *)&address, sizeof address) == 0 &&
                      listen(fd, 1) == 0
                  ? 0
                  : errno;
    close(fd);
    return problem;
}

unsigned place_choose(void)
{
    unsigned block = (unsigned)getpid() % BLOCKS;
    int problem = 0;

    for (int i = 0; i < TRIES; i++) {
        problem = probe(block);
        if (problem == 0)
            return block;
        block = (block + STEP_TO_NEXT) % BLOCKS;
    }
    real_failed("no address of loopback can be listened at (port %d): %s; is "
                "the interface lo up?",
                ZOOKEEPER_PORT, strerror(problem));
}

void place_address(unsigned block, const char *name,
                   char host[WORLD_HOST_BYTES])
{
    unsigned number = (unsigned)(name[1] - '0');

    address_of(block, (name[0] == 'z' ? FIRST_SERVER : FIRST_BROKER) + number,
               host);
}
