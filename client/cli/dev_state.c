/* SPDX-License-Identifier: Apache-2.0
 *
 * What a local cluster remembers in its directory, and the configuration
 * files of its processes.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/cli/cli.h"
#include "client/cli/dev.h"
#include "client/cli/parse.h"

#define FIRST_BROKER_PORT    9092
#define FIRST_ZOOKEEPER_PORT 2181
#define PORT_MAX             32000 /* above are those of outgoing connections */

void dev_name(int number, char name[32])
{
    if (number == 0)
        snprintf(name, 32, "zookeeper");
    else
        snprintf(name, 32, "broker-%d", number);
}

void dev_path(const struct dev *dev, const char *name, const char *file,
              char path[PATH_MAX])
{
    const char *parts[] = {dev->dir, name, name == NULL ? NULL : file};
    size_t used = 0;

    path[0] = '\0';
    for (size_t i = 0; i < 3 && parts[i] != NULL && used < PATH_MAX; i++)
        used += (size_t)snprintf(path + used, PATH_MAX - used, "%s%s",
                                 i > 0 ? "/" : "", parts[i]);
}

/* ---- the file "cluster" ---- */

static bool load_line(struct dev *dev, char *line)
{
    char *value;
    int64_t number = 0;
    int broker;

    line[strcspn(line, "\n")] = '\0';
    value = split_setting(line);
    if (value == NULL)
        return false;
    if (strcmp(line, "set") == 0) {
        if (dev->set_count == DEV_SETS_MAX)
            return false;
        dev->sets[dev->set_count] = strdup(value);
        return dev->sets[dev->set_count++] != NULL;
    }
    if (!parse_number(value, 1, UINT16_MAX, &number))
        return false;
    if (strcmp(line, "brokers") == 0)
        dev->brokers = (int)number;
    else if (strcmp(line, "log.dirs") == 0)
        dev->log_dirs = (int)number;
    else if (strcmp(line, "zookeeper.port") == 0)
        dev->zookeeper_port = (uint16_t)number;
    else if (sscanf(line, "broker.%d.port", &broker) == 1 && broker >= 1 &&
             broker <= DEV_BROKERS_MAX)
        dev->ports[broker] = (uint16_t)number;
    else
        return false;
    return dev->brokers <= DEV_BROKERS_MAX && dev->log_dirs <= DEV_LOG_DIRS_MAX;
}

static void set_dir(struct dev *dev, const char *dir)
{
    char *absolute = realpath(dir, NULL);

    snprintf(dev->dir, sizeof dev->dir, "%s",
             absolute != NULL ? absolute : dir);
    free(absolute);
}

bool dev_load(struct dev *dev, const char *dir)
{
    char path[PATH_MAX];
    char line[1024];
    unsigned number = 0;
    bool good = true;
    FILE *file;

    memset(dev, 0, sizeof *dev);
    dev->log_dirs = 1;
    set_dir(dev, dir);
    dev_path(dev, "cluster", NULL, path);
    file = fopen(path, "re");
    if (file == NULL && errno == ENOENT)
        return true;
    if (file == NULL) {
        fail(EXIT_ENVIRONMENT, "cannot read %s: %s", path, strerror(errno));
        return false;
    }
    while (good && fgets(line, sizeof line, file) != NULL) {
        number++;
        good = load_line(dev, line);
    }
    fclose(file);
    if (!good)
        fail(EXIT_ENVIRONMENT,
             "%s:%u:1: not a line of 'kq dev'; remove the directory to start "
             "anew",
             path, number);
    return good;
}

/* Opens a file of the cluster to be written anew. */
static FILE *create(const struct dev *dev, const char *name, const char *file,
                    char path[PATH_MAX])
{
    FILE *to;

    dev_path(dev, name, file, path);
    to = fopen(path, "we");
    if (to == NULL)
        fail(EXIT_ENVIRONMENT, "cannot write %s: %s", path, strerror(errno));
    return to;
}

static bool finish(FILE *file, const char *path)
{
    bool good = fflush(file) == 0 && fsync(fileno(file)) == 0;

    if (fclose(file) == 0 && good)
        return true;
    fail(EXIT_ENVIRONMENT, "cannot write %s: %s", path, strerror(errno));
    return false;
}

bool dev_save(const struct dev *dev)
{
    char path[PATH_MAX];
    char final[PATH_MAX];
    FILE *file = create(dev, "cluster.new", NULL, path);

    if (file == NULL)
        return false;
    fprintf(file, "brokers=%d\nzookeeper.port=%u\n", dev->brokers,
            dev->zookeeper_port);
    if (dev->log_dirs > 1)
        fprintf(file, "log.dirs=%d\n", dev->log_dirs);
    for (int i = 1; i <= dev->brokers; i++)
        fprintf(file, "broker.%d.port=%u\n", i, dev->ports[i]);
    for (size_t i = 0; i < dev->set_count; i++)
        fprintf(file, "set=%s\n", dev->sets[i]);
    if (!finish(file, path))
        return false;
    dev_path(dev, "cluster", NULL, final);
    if (rename(path, final) == 0)
        return true;
    fail(EXIT_ENVIRONMENT, "cannot write %s: %s", final, strerror(errno));
    return false;
}

void dev_release(struct dev *dev)
{
    for (size_t i = 0; i < dev->set_count; i++)
        free(dev->sets[i]);
    dev->set_count = 0;
}

bool dev_lock(struct dev *dev, const char *dir)
{
    char path[PATH_MAX];
    int fd;

    if (mkdir(dir, 0755) != 0 && errno != EEXIST) {
        fail(EXIT_ENVIRONMENT, "cannot make the directory %s: %s", dir,
             strerror(errno));
        return false;
    }
    set_dir(dev, dir);
    dev_path(dev, "lock", NULL, path);
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (fd >= 0 && flock(fd, LOCK_EX) == 0)
        return true; /* held until the process ends */
    fail(EXIT_ENVIRONMENT, "cannot lock %s: %s", path, strerror(errno));
    return false;
}

/* ---- ports ---- */

static bool port_free(uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(port),
                                  .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int one = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool is_free;

    if (fd < 0)
        return false;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    is_free = bind(fd, (struct sockaddr *)&address, sizeof address) == 0;
    close(fd);
    return is_free;
}

static uint16_t next_free(uint16_t port)
{
    while (port < PORT_MAX && !port_free(port))
        port++;
    return port;
}

bool dev_choose_ports(struct dev *dev, uint16_t base)
{
    uint16_t port = base ? base : FIRST_BROKER_PORT;

    for (int i = 1; i <= dev->brokers; i++, port++) {
        if (base == 0)
            port = next_free(port);
        else if (!port_free(port)) {
            fail(EXIT_ENVIRONMENT,
                 "port %u is in use; choose another --port, or none", port);
            return false;
        }
        dev->ports[i] = port;
    }
    dev->zookeeper_port = next_free(base ? port : FIRST_ZOOKEEPER_PORT);
    return true;
}

bool dev_bootstrap(const char *dir, char *text, size_t size)
{
    struct dev dev;
    struct stat stat_of;
    char path[PATH_MAX];
    size_t used = 0;

    snprintf(path, sizeof path, "%s/cluster", dir);
    if (stat(path, &stat_of) != 0 || !dev_load(&dev, dir))
        return false;
    for (int i = 1; i <= dev.brokers && used < size; i++)
        if (dev_running(&dev, i) != 0)
            used += (size_t)snprintf(text + used, size - used, "%s127.0.0.1:%u",
                                     used > 0 ? "," : "", dev.ports[i]);
    dev_release(&dev);
    return used > 0 && used < size;
}

/* ---- configuration ---- */

static bool make_directory(const struct dev *dev, const char *name,
                           const char *file)
{
    char path[PATH_MAX];

    dev_path(dev, name, file, path);
    if (mkdir(path, 0755) == 0 || errno == EEXIST)
        return true;
    fail(EXIT_ENVIRONMENT, "cannot make the directory %s: %s", path,
         strerror(errno));
    return false;
}

static bool configure_zookeeper(const struct dev *dev)
{
    char data[PATH_MAX];
    char path[PATH_MAX];
    FILE *file = create(dev, "zookeeper", "zoo.cfg", path);

    if (file == NULL)
        return false;
    dev_path(dev, "zookeeper", "data", data);
    fprintf(file,
            "tickTime=200\n"
            "dataDir=%s\n"
            "clientPort=%u\n"
            "clientPortAddress=127.0.0.1\n"
            "maxClientCnxns=0\n"
            "minSessionTimeout=400\n"
            "maxSessionTimeout=60000\n"
            "4lw.commands.whitelist=*\n"
            "admin.enableServer=false\n"
            "preAllocSize=1024\n"
            "autopurge.snapRetainCount=3\n"
            "autopurge.purgeInterval=24\n",
            data, dev->zookeeper_port);
    return finish(file, path);
}

/* The first one is called as the only one is. */
static void data_name(int n, char name[16])
{
    snprintf(name, 16, n > 1 ? "data-%d" : "data", n);
}

static void write_log_dirs(const struct dev *dev, const char *broker,
                           FILE *file)
{
    for (int i = 1; i == 1 || i <= dev->log_dirs; i++) {
        char name[16];
        char path[PATH_MAX];

        data_name(i, name);
        dev_path(dev, broker, name, path);
        fprintf(file, "%s%s", i > 1 ? "," : "log.dirs=", path);
    }
    fputc('\n', file);
}

static bool configure_broker(const struct dev *dev, int number)
{
    char path[PATH_MAX];
    char name[32];
    FILE *file;

    dev_name(number, name);
    file = create(dev, name, "broker.properties", path);
    if (file == NULL)
        return false;
    fprintf(file,
            "# written by kq dev up\n"
            "broker.id=%d\n"
            "zookeeper.connect=127.0.0.1:%u\n"
            "listener.host=127.0.0.1\n"
            "listener.port=%u\n"
            "zookeeper.session.timeout.ms=3000\n"
            "zookeeper.startup.timeout.ms=30000\n"
            "default.replication.factor=%d\n"
            "min.insync.replicas=%d\n",
            number, dev->zookeeper_port, dev->ports[number],
            dev->brokers < 3 ? dev->brokers : 3, dev->brokers < 3 ? 1 : 2);
    write_log_dirs(dev, name, file);
    for (size_t i = 0; i < dev->set_count; i++)
        fprintf(file, "%s\n", dev->sets[i]);
    return finish(file, path);
}

bool dev_configure(const struct dev *dev, int number)
{
    char name[32];

    dev_name(number, name);
    if (!make_directory(dev, name, NULL) || !make_directory(dev, name, "data"))
        return false;
    return number == 0 ? configure_zookeeper(dev)
                       : configure_broker(dev, number);
}
