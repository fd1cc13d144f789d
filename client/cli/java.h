/* SPDX-License-Identifier: Apache-2.0
 *
 * How a small ZooKeeper server is started: the first arguments of its process,
 * before the name of its configuration file.
 */
#ifndef CLI_JAVA_H
#define CLI_JAVA_H

#define ZOOKEEPER_JAR "/usr/share/java/zookeeper.jar"
#define LOGGER_JAR    "/usr/share/java/slf4j-simple.jar"

#define ZOOKEEPER_ARGUMENTS                                                    \
    "java", "-Xms32m", "-Xmx192m", "-XX:+UseSerialGC",                         \
        "-XX:TieredStopAtLevel=1", "-Xss256k", "-XX:MaxMetaspaceSize=64m",     \
        "-XX:ReservedCodeCacheSize=32m", "-XX:+PerfDisableSharedMem",          \
        "-Xshare:auto", "-Dzookeeper.jmx.log4j.disable=true",                  \
        "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp",                \
        ZOOKEEPER_JAR ":" LOGGER_JAR,                                          \
        "org.apache.zookeeper.server.quorum.QuorumPeerMain"

#endif
