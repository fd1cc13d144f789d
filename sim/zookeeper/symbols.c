/* SPDX-License-Identifier: Apache-2.0
 *
 * The data that the library exports, with its values, and what touches no
 * handle.
 */
#include <string.h>

#include "sim/zookeeper/internal.h"

const int ZOO_PERM_READ = 1;
const int ZOO_PERM_WRITE = 2;
const int ZOO_PERM_CREATE = 4;
const int ZOO_PERM_DELETE = 8;
const int ZOO_PERM_ADMIN = 16;
const int ZOO_PERM_ALL = 31;

struct Id ZOO_ANYONE_ID_UNSAFE = {(char *)(uintptr_t) "world",
                                  (char *)(uintptr_t) "anyone"};
static struct ACL open_acl[] = {
    {31, {(char *)(uintptr_t) "world", (char *)(uintptr_t) "anyone"}}};
static struct ACL read_acl[] = {
    {1, {(char *)(uintptr_t) "world", (char *)(uintptr_t) "anyone"}}};
struct ACL_vector ZOO_OPEN_ACL_UNSAFE = {1, open_acl};
struct ACL_vector ZOO_READ_ACL_UNSAFE = {1, read_acl};

const int ZOO_PERSISTENT = 0;
const int ZOO_EPHEMERAL = 1;
const int ZOO_PERSISTENT_SEQUENTIAL = 2;
const int ZOO_EPHEMERAL_SEQUENTIAL = 3;
const int ZOO_SEQUENCE = 2;

const int ZOO_EXPIRED_SESSION_STATE = -112;
const int ZOO_AUTH_FAILED_STATE = -113;
const int ZOO_CONNECTING_STATE = 1;
const int ZOO_ASSOCIATING_STATE = 2;
const int ZOO_CONNECTED_STATE = 3;
const int ZOO_READONLY_STATE = 5;
const int ZOO_NOTCONNECTED_STATE = 999;

const int ZOO_CREATED_EVENT = 1;
const int ZOO_DELETED_EVENT = 2;
const int ZOO_CHANGED_EVENT = 3;
const int ZOO_CHILD_EVENT = 4;
const int ZOO_SESSION_EVENT = -1;
const int ZOO_NOTWATCHING_EVENT = -2;

/* Nothing is logged: the trace has it all. */
void zoo_set_debug_level(ZooLogLevel level)
{
    (void)level;
}

/* The order of servers is drawn from the world's seed in any case. */
void zoo_deterministic_conn_order(int yes)
{
    (void)yes;
}

const char *zerror(int code)
{
    static const struct {
        int code;
        const char *text;
    } texts[] = {
        {ZOK, "ok"},
        {ZSYSTEMERROR, "system error"},
        {ZRUNTIMEINCONSISTENCY, "run time inconsistency"},
        {ZDATAINCONSISTENCY, "data inconsistency"},
        {ZCONNECTIONLOSS, "connection loss"},
        {ZMARSHALLINGERROR, "marshalling error"},
        {ZUNIMPLEMENTED, "unimplemented"},
        {ZOPERATIONTIMEOUT, "operation timeout"},
        {ZBADARGUMENTS, "bad arguments"},
        {ZINVALIDSTATE, "invalid zhandle state"},
        {ZAPIERROR, "api error"},
        {ZNONODE, "no node"},
        {ZNOAUTH, "not authenticated"},
        {ZBADVERSION, "bad version"},
        {ZNOCHILDRENFOREPHEMERALS, "no children for ephemerals"},
        {ZNODEEXISTS, "node exists"},
        {ZNOTEMPTY, "not empty"},
        {ZSESSIONEXPIRED, "session expired"},
        {ZINVALIDCALLBACK, "invalid callback"},
        {ZINVALIDACL, "invalid acl"},
        {ZAUTHFAILED, "authentication failed"},
        {ZCLOSING, "zookeeper is closing"},
        {ZSESSIONMOVED,
         "session moved to another server, so operation is ignored"},
    };

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (texts[i].code == code)
            return texts[i].text;
    return code > 0 ? strerror(code) : "unknown error";
}
