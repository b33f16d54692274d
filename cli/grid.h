/* A table of text with columns no wider than what is in them. Cells may be painted; the paint does not count as width. */
#ifndef TEAL_CLI_GRID_H
#define TEAL_CLI_GRID_H

#include <stdbool.h>
#include <stddef.h>

#include "cli/screen.h"

#define GRID_COLUMNS_MAX 12

struct grid;

/* `indent` spaces before each row. A title row is painted dim; NULL titles: none. `align` has one character a column: 'r' aligns
 * that column to the right, anything else to the left; its length is the number of columns. */
struct grid *grid_new(unsigned indent, const char *align, const char *const *titles);
/* Fills the next cell, row by row. Newlines in it become spaces. */
void grid_add(struct grid *grid, enum paint paint, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* Prints the rows and frees the grid. Columns without any text are left out. */
void grid_print(struct grid *grid);

#endif
