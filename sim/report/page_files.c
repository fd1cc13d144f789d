/* SPDX-License-Identifier: Apache-2.0
 *
 * The files of the page as they lie in page/, each a string of the program.
 */
#include "sim/report/page_files.h"

#define PAGE_FILE(symbol, file)                                                \
    __asm__(".pushsection .rodata\n"                                           \
            ".global " #symbol "\n" #symbol ":\n"                              \
            ".incbin \"sim/report/page/" file "\"\n"                           \
            ".byte 0\n"                                                        \
            ".popsection\n")

PAGE_FILE(page_html, "page.html");
PAGE_FILE(page_css, "page.css");
PAGE_FILE(page_model_js, "model.js");
PAGE_FILE(page_draw_js, "draw.js");
PAGE_FILE(page_lanes_js, "lanes.js");
PAGE_FILE(page_ui_js, "ui.js");
