# SPDX-License-Identifier: Apache-2.0
#
# zookeeper.h, twice: seam/real/zookeeper with libzookeeper_mt and a server of
# its own, seam/sim/zookeeper with the simulated ensemble. The same for the
# program that runs random scripts and prints what it saw; the test
# seam/zookeeper-differential compares the two.
foreach(name zookeeper_test zookeeper_script)
    add_executable(seam_real_${name} ${name}.c zookeeper_caller.c
        zookeeper_real.c)
    target_compile_definitions(seam_real_${name} PRIVATE
        ZOOKEEPER_SH="${CMAKE_SOURCE_DIR}/tests/lib/zookeeper.sh")
    target_link_libraries(seam_real_${name} PRIVATE PkgConfig::CMOCKA
        ${ZOOKEEPER_MT} Threads::Threads)
    add_executable(seam_sim_${name} ${name}.c zookeeper_caller.c
        zookeeper_sim.c)
    target_link_libraries(seam_sim_${name} PRIVATE PkgConfig::CMOCKA
        ${INNER} ${SIM} faults)
endforeach()

add_executable(seam_sim_zookeeper_ensemble zookeeper_ensemble_test.c
    zookeeper_caller.c zookeeper_sim.c)
target_link_libraries(seam_sim_zookeeper_ensemble PRIVATE PkgConfig::CMOCKA
    ${INNER} ${SIM} faults)

add_executable(seam_sim_zookeeper_coord zookeeper_coord_test.c)
target_link_libraries(seam_sim_zookeeper_coord PRIVATE PkgConfig::CMOCKA
    ${INNER} coord ${SIM} faults)

# coord/ with the real library and a real server.
add_executable(seam_real_zookeeper_session zookeeper_session_test.c
    zookeeper_real.c harness_real.c)
target_compile_definitions(seam_real_zookeeper_session PRIVATE
    ZOOKEEPER_SH="${CMAKE_SOURCE_DIR}/tests/lib/zookeeper.sh")
target_link_libraries(seam_real_zookeeper_session PRIVATE PkgConfig::CMOCKA
    ${INNER} coord real ${ZOOKEEPER_MT})

add_test(NAME seam/real/zookeeper-session COMMAND seam_real_zookeeper_session)
add_test(NAME seam/real/zookeeper COMMAND seam_real_zookeeper_test)
add_test(NAME seam/sim/zookeeper COMMAND seam_sim_zookeeper_test)
add_test(NAME seam/sim/zookeeper-ensemble COMMAND seam_sim_zookeeper_ensemble)
add_test(NAME seam/sim/zookeeper-coord COMMAND seam_sim_zookeeper_coord)
add_test(NAME seam/zookeeper-differential
    COMMAND ${CMAKE_SOURCE_DIR}/tests/seam/zookeeper_differential.sh
        ${CMAKE_BINARY_DIR} 40)
set_tests_properties(seam/real/zookeeper seam/sim/zookeeper
    seam/real/zookeeper-session
    seam/sim/zookeeper-ensemble seam/sim/zookeeper-coord
    seam/zookeeper-differential PROPERTIES
    TIMEOUT 600 ENVIRONMENT "ASAN_OPTIONS=handle_segv=2:detect_leaks=1"
    ENVIRONMENT_MODIFICATION
    "LSAN_OPTIONS=set:suppressions=${CMAKE_CURRENT_SOURCE_DIR}/lsan.supp")
