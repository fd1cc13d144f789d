/* SPDX-License-Identifier: Apache-2.0
 *
 * Sockets of a real node: accept, connect, read, back-pressure, close. What
 * is queued for sending leaves at the end of the turn (real/net_send.c).
 * Nothing here calls the node but from the loop: what a call causes is put
 * on a list and delivered by net_run().
 */
#include "seam/net.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/assert.h"
#include "faults/fault.h"
#include "real/net_internal.h"
#include "seam/trace.h"

#define LISTEN_BACKLOG   512
#define ACCEPTS_PER_TURN 64

struct net_listener {
    struct net *net;
    struct source source;
    struct list node;
    uint16_t port;
    int spare_fd; /* given up to refuse one when descriptors run out */
};

/* A name being resolved for a connection, off the loop. */
struct resolution {
    struct offload offload;
    struct connection *connection; /* NULL: closed meanwhile */
    struct net *net;
    char host[256];
    char port[8];
    struct addrinfo *found;
};

/* ---- connections ---- */

static void connection_ready(struct source *source, uint32_t events);

static struct connection *connection_new(struct net *net, int fd)
{
    struct connection *connection = calloc(1, sizeof *connection);

    ASSERT(connection != NULL);
    connection->net = net;
    connection->source = (struct source){connection_ready, fd, false};
    list_init(&connection->node);
    list_init(&connection->sends);
    list_init(&connection->flush_node);
    list_init(&connection->closed_node);
    list_append(&net->connections, &connection->node);
    return connection;
}

static void name_peer(struct connection *connection,
                      const struct sockaddr *address, socklen_t size)
{
    char host[NI_MAXHOST];
    char port[NI_MAXSERV];

    if (getnameinfo(address, size, host, sizeof host, port, sizeof port,
                    NI_NUMERICHOST | NI_NUMERICSERV) == 0)
        snprintf(connection->name, sizeof connection->name, "%.40s:%.8s", host,
                 port);
}

void connection_interest(struct connection *connection)
{
    uint32_t events = 0;

    if (connection->source.dead || connection->source.fd < 0 ||
        connection->failed)
        return;
    if (!connection->paused && connection->connected && connection->owner)
        events |= EPOLLIN | EPOLLRDHUP;
    if (!connection->connected || connection->blocked)
        events |= EPOLLOUT;
    if (events == connection->interest)
        return;
    connection->interest = events;
    loop_rewatch(connection->net->loop, &connection->source, events);
}

/* No more of it; CLOSED is delivered by net_run(). */
void connection_fail(struct connection *connection, enum error error)
{
    if (connection->failed || connection->source.dead)
        return;
    connection->failed = true;
    connection->error = error;
    list_append(&connection->net->closed, &connection->closed_node);
}

/* Takes it out of the world; its memory goes at the end of the turn. */
static void connection_kill(struct connection *connection)
{
    struct net *net = connection->net;

    if (connection->source.dead)
        return;
    connection->source.dead = true;
    if (connection->source.fd >= 0) {
        loop_unwatch(net->loop, &connection->source);
        close(connection->source.fd);
    }
    if (connection->resolution != NULL)
        connection->resolution->connection = NULL;
    list_remove(&connection->flush_node);
    list_remove(&connection->closed_node);
    sends_cancel(connection);
    list_remove(&connection->node);
    list_append(&net->dead, &connection->node);
}

static void finish_connect(struct connection *connection)
{
    struct event event = {.type = EVENT_NET_CONNECTED,
                          .connection = connection};
    int error = 0;
    socklen_t size = sizeof error;

    getsockopt(connection->source.fd, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) {
        connection_fail(connection, error_of_errno(error));
        return;
    }
    connection->connected = true;
    connection_interest(connection);
    net_want_flush(connection);
    loop_deliver(connection->net->loop, &event);
}

static void connection_ready(struct source *source, uint32_t events)
{
    struct connection *connection =
        container_of(source, struct connection, source);
    struct event event = {.type = EVENT_NET_READABLE, .connection = connection};

    if (connection->failed)
        return;
    if (!connection->connected) {
        finish_connect(connection);
        return;
    }
    if (events & EPOLLOUT) {
        connection->blocked = false;
        net_want_flush(connection);
    }
    if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) {
        if (connection->paused && (events & (EPOLLHUP | EPOLLERR)))
            connection_fail(connection, ERROR_CLOSED);
        else if (!connection->paused)
            loop_deliver(connection->net->loop, &event);
    }
    if (!source->dead)
        connection_interest(connection);
}

size_t net_read(struct connection *connection, void *buffer, size_t size)
{
    ssize_t got;

    if (connection->failed || !connection->connected || size == 0)
        return 0;
    do
        got = recv(connection->source.fd, buffer, size, 0);
    while (got < 0 && errno == EINTR);
    if (got > 0)
        return (size_t)got;
    if (got == 0)
        connection_fail(connection, ERROR_CLOSED);
    else if (errno != EAGAIN && errno != EWOULDBLOCK)
        connection_fail(connection, errno == ECONNRESET
                                        ? ERROR_CLOSED
                                        : error_of_errno(errno));
    return 0;
}

void net_pause(struct connection *connection)
{
    connection->paused = true;
    connection_interest(connection);
}

void net_resume(struct connection *connection)
{
    connection->paused = false;
    connection_interest(connection);
}

void net_set_owner(struct connection *connection,
                   struct connection_owner *owner)
{
    connection->owner = owner;
}

struct connection_owner *net_owner(const struct connection *connection)
{
    return connection->owner;
}

const char *net_peer_name(const struct connection *connection)
{
    return connection->name;
}

void net_close(struct connection *connection)
{
    connection_kill(connection);
}

/* ---- listening ---- */

static void accept_one(struct net_listener *listener, int fd,
                       const struct sockaddr *address, socklen_t size)
{
    struct net *net = listener->net;
    struct connection *connection = connection_new(net, fd);
    struct event event = {.type = EVENT_NET_ACCEPTED,
                          .connection = connection,
                          .listener = listener};
    int one = 1;

    name_peer(connection, address, size);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    connection->connected = true;
    if (!loop_watch(net->loop, &connection->source, 0)) {
        connection_kill(connection);
        return;
    }
    loop_deliver(net->loop, &event);
    if (connection->source.dead)
        return;
    if (connection->owner == NULL)
        connection_kill(connection); /* nobody wanted it */
    else
        connection_interest(connection);
}

static int open_spare(void)
{
    return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

/* Without a descriptor left the connection would wait, and wake the loop for
 * ever: it is taken with the spare one and closed. False: nobody waits. */
static bool refuse_one(struct net_listener *listener)
{
    int fd;

    if (listener->spare_fd >= 0)
        close(listener->spare_fd);
    fd = accept4(listener->source.fd, NULL, NULL, SOCK_CLOEXEC);
    if (fd >= 0)
        close(fd);
    listener->spare_fd = open_spare();
    if (fd >= 0)
        trace_log(listener->net->loop->seam.trace, TRACE_WARN,
                  "refused a connection: no descriptors are left; raise the "
                  "process's limit (ulimit -n)");
    return fd >= 0;
}

static void listener_ready(struct source *source, uint32_t events)
{
    struct net_listener *listener =
        container_of(source, struct net_listener, source);

    (void)events;
    for (int i = 0; i < ACCEPTS_PER_TURN && !source->dead; i++) {
        struct sockaddr_storage address;
        socklen_t size = sizeof address;
        int fd = accept4(source->fd, (struct sockaddr *)&address, &size,
                         SOCK_CLOEXEC | SOCK_NONBLOCK);

        if (fd < 0 && (errno == EMFILE || errno == ENFILE) &&
            refuse_one(listener))
            continue;
        if (fd < 0)
            return;
        accept_one(listener, fd, (struct sockaddr *)&address, size);
    }
}

static int listen_on(const struct addrinfo *address)
{
    int fd = socket(address->ai_family,
                    SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int one = 1;

    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(fd, address->ai_addr, address->ai_addrlen) == 0 &&
        listen(fd, LISTEN_BACKLOG) == 0)
        return fd;
    one = errno;
    close(fd);
    errno = one;
    return -1;
}

static uint16_t port_of(int fd)
{
    struct sockaddr_storage address;
    socklen_t size = sizeof address;

    if (getsockname(fd, (struct sockaddr *)&address, &size) != 0)
        return 0;
    if (address.ss_family == AF_INET6)
        return ntohs(((struct sockaddr_in6 *)(void *)&address)->sin6_port);
    return ntohs(((struct sockaddr_in *)(void *)&address)->sin_port);
}

enum error net_listen(struct net *net, const char *host, uint16_t port,
                      struct net_listener **out)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                             .ai_flags = AI_PASSIVE};
    struct addrinfo *found;
    struct net_listener *listener;
    char service[8];
    int fd;

    snprintf(service, sizeof service, "%u", port);
    if (getaddrinfo(host, service, &hints, &found) != 0)
        return ERROR_UNREACHABLE;
    fd = listen_on(found);
    freeaddrinfo(found);
    if (fd < 0)
        return error_of_errno(errno);
    listener = calloc(1, sizeof *listener);
    ASSERT(listener != NULL);
    listener->net = net;
    listener->source = (struct source){listener_ready, fd, false};
    listener->port = port_of(fd);
    listener->spare_fd = open_spare();
    list_init(&listener->node);
    list_append(&net->listeners, &listener->node);
    if (!loop_watch(net->loop, &listener->source, EPOLLIN)) {
        net_listener_close(net, listener);
        return ERROR_IO;
    }
    *out = listener;
    return ERROR_NONE;
}

uint16_t net_listener_port(const struct net_listener *listener)
{
    return listener->port;
}

void net_listener_close(struct net *net, struct net_listener *listener)
{
    listener->source.dead = true;
    loop_unwatch(net->loop, &listener->source);
    close(listener->source.fd);
    if (listener->spare_fd >= 0)
        close(listener->spare_fd);
    list_remove(&listener->node);
    list_append(&net->dead_listeners, &listener->node);
}

/* ---- connecting ---- */

static void start_connect(struct connection *connection,
                          const struct sockaddr *address, socklen_t size)
{
    struct net *net = connection->net;
    int one = 1;
    int fd = socket(address->sa_family,
                    SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0) {
        connection_fail(connection, error_of_errno(errno));
        return;
    }
    connection->source.fd = fd;
    name_peer(connection, address, size);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (FAULT_FIRES(NET_CONNECT_REFUSE))
        connection_fail(connection, ERROR_REFUSED);
    else if (connect(fd, address, size) != 0 && errno != EINPROGRESS)
        connection_fail(connection, error_of_errno(errno));
    else if (!loop_watch(net->loop, &connection->source, EPOLLOUT))
        connection_fail(connection, ERROR_IO);
    connection->interest = EPOLLOUT;
}

static void resolve_run(struct offload *offload)
{
    struct resolution *resolution =
        container_of(offload, struct resolution, offload);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};

    if (getaddrinfo(resolution->host, resolution->port, &hints,
                    &resolution->found) != 0)
        resolution->found = NULL;
}

static void resolve_done(struct offload *offload)
{
    struct resolution *resolution =
        container_of(offload, struct resolution, offload);
    struct connection *connection = resolution->connection;

    list_remove(&resolution->offload.message.node);
    if (connection != NULL) {
        connection->resolution = NULL;
        if (resolution->found != NULL)
            start_connect(connection, resolution->found->ai_addr,
                          resolution->found->ai_addrlen);
        else
            connection_fail(connection, ERROR_UNREACHABLE);
    }
    if (resolution->found != NULL)
        freeaddrinfo(resolution->found);
    free(resolution);
}

static void resolve(struct connection *connection, const char *host,
                    const char *port)
{
    struct resolution *resolution = calloc(1, sizeof *resolution);

    ASSERT(resolution != NULL);
    resolution->connection = connection;
    resolution->net = connection->net;
    snprintf(resolution->host, sizeof resolution->host, "%s", host);
    snprintf(resolution->port, sizeof resolution->port, "%s", port);
    resolution->offload.run = resolve_run;
    resolution->offload.done = resolve_done;
    connection->resolution = resolution;
    inbox_offload(connection->net->loop->seam.inbox, &resolution->offload);
}

struct connection *net_connect(struct net *net, const char *host, uint16_t port,
                               struct connection_owner *owner)
{
    struct connection *connection = connection_new(net, -1);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                             .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV};
    struct addrinfo *found;
    char service[8];

    connection->owner = owner;
    snprintf(service, sizeof service, "%u", port);
    snprintf(connection->name, sizeof connection->name, "%.50s:%s", host,
             service);
    if (getaddrinfo(host, service, &hints, &found) == 0) {
        start_connect(connection, found->ai_addr, found->ai_addrlen);
        freeaddrinfo(found);
    } else {
        resolve(connection, host, service);
    }
    return connection;
}

/* ---- the turn ---- */

struct net *net_new(struct loop *loop)
{
    struct net *net = calloc(1, sizeof *net);

    if (net == NULL)
        return NULL;
    net->loop = loop;
    list_init(&net->connections);
    list_init(&net->listeners);
    list_init(&net->flush);
    list_init(&net->closed);
    list_init(&net->sent);
    list_init(&net->dead);
    list_init(&net->dead_listeners);
    return net;
}

static void deliver_closed(struct net *net)
{
    struct list *node;

    while ((node = list_pop(&net->closed)) != NULL) {
        struct connection *connection =
            container_of(node, struct connection, closed_node);
        struct event event = {.type = EVENT_NET_CLOSED,
                              .error = connection->error,
                              .connection = connection};

        if (connection->owner != NULL)
            loop_deliver(net->loop, &event);
        connection_kill(connection);
    }
}

bool net_run(struct net *net)
{
    struct list flush;
    struct list *node;

    list_init(&flush);
    list_splice(&flush, &net->flush);
    while ((node = list_pop(&flush)) != NULL)
        connection_flush(container_of(node, struct connection, flush_node));
    sends_deliver(net);
    deliver_closed(net);
    return !list_empty(&net->flush) || !list_empty(&net->sent) ||
           !list_empty(&net->closed);
}

void net_bury(struct net *net)
{
    struct list *listener;

    list_for_each_safe (node, &net->dead) {
        struct connection *connection =
            container_of(node, struct connection, node);

        if (connection->warming)
            continue; /* the disk still has a request of it */
        list_remove(node);
        free(connection);
    }
    while ((listener = list_pop(&net->dead_listeners)) != NULL)
        free(container_of(listener, struct net_listener, node));
}

void net_destroy(struct net *net)
{
    struct list *node;

    if (net == NULL)
        return;
    while ((node = list_first(&net->listeners)) != &net->listeners)
        net_listener_close(net, container_of(node, struct net_listener, node));
    while ((node = list_first(&net->connections)) != &net->connections)
        connection_kill(container_of(node, struct connection, node));
    net_bury(net);
    free(net);
}
