/* SPDX-License-Identifier: Apache-2.0
 *
 * The files of page/, as strings.
 */
#ifndef REPORT_PAGE_FILES_H
#define REPORT_PAGE_FILES_H

extern const char page_html[];
extern const char page_css[];
extern const char page_model_js[];
extern const char page_draw_js[];
extern const char page_lanes_js[];
extern const char page_ui_js[];

#endif
