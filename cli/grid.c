/* Aligned tables over cli/screen. Widths are counted in characters (UTF-8), all of width one. */
#include "cli/grid.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

struct cell {
	char *text;
	size_t width;
	enum paint paint;
};

struct grid {
	unsigned indent;
	size_t columns, count; /* of cells */
	char align[GRID_COLUMNS_MAX + 1];
	bool titled;
	struct cell *cells;
};

static size_t width_of(const char *text)
{
	size_t width = 0;
	for (; *text; text++)
		width += ((unsigned char)*text & 0xc0) != 0x80;
	return width;
}

static void add_text(struct grid *grid, enum paint paint, const char *text)
{
	grid->cells = memory_grow(grid->cells, grid->count + 1, sizeof(*grid->cells));
	struct cell *cell = &grid->cells[grid->count++];
	cell->text = memory_text(text);
	for (char *c = cell->text; *c; c++)
		if (*c == '\n')
			*c = ' ';
	cell->width = width_of(cell->text);
	cell->paint = paint;
}

struct grid *grid_new(unsigned indent, const char *align, const char *const *titles)
{
	assert(strlen(align) <= GRID_COLUMNS_MAX);
	struct grid *grid = memory_new(sizeof(*grid));
	grid->indent = indent;
	grid->columns = strlen(align);
	memcpy(grid->align, align, grid->columns);
	grid->titled = titles != NULL;
	for (size_t i = 0; titles && i < grid->columns; i++)
		add_text(grid, PAINT_DIM, titles[i]);
	return grid;
}

void grid_add(struct grid *grid, enum paint paint, const char *format, ...)
{
	char text[512];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	add_text(grid, paint, text);
}

/* The widest cell of a column, or 0 when nothing but its title is there. */
static size_t column_width(const struct grid *grid, size_t column)
{
	size_t width = 0;
	bool filled = false;
	for (size_t i = column; i < grid->count; i += grid->columns) {
		const struct cell *cell = &grid->cells[i];
		if (cell->width > width)
			width = cell->width;
		if (cell->width > 0 && !(grid->titled && i < grid->columns))
			filled = true;
	}
	return filled ? width : 0;
}

/* The last cell of a row that has text, of the columns that are printed: nothing is padded behind it. */
static size_t row_end(const struct grid *grid, size_t row, const size_t *widths)
{
	size_t end = 0;
	for (size_t i = 0; i < grid->columns; i++)
		if (widths[i] > 0 && grid->cells[row * grid->columns + i].width > 0)
			end = i + 1;
	return end;
}

static void print_row(const struct grid *grid, size_t row, const size_t *widths)
{
	size_t end = row_end(grid, row, widths);
	bool first = true;
	for (size_t i = 0; i < end; i++) {
		if (widths[i] == 0)
			continue;
		const struct cell *cell = &grid->cells[row * grid->columns + i];
		int padding = (int)(widths[i] - cell->width);
		screen_write("%*s", first ? (int)grid->indent : 2, "");
		if (grid->align[i] == 'r')
			screen_write("%*s", padding, "");
		screen_write_painted(cell->paint, "%s", cell->text);
		if (grid->align[i] != 'r' && i + 1 < end)
			screen_write("%*s", padding, "");
		first = false;
	}
	screen_line("%s", "");
}

void grid_print(struct grid *grid)
{
	assert(grid->count % grid->columns == 0);
	size_t widths[GRID_COLUMNS_MAX];
	for (size_t i = 0; i < grid->columns; i++)
		widths[i] = column_width(grid, i);
	for (size_t row = 0; row < grid->count / grid->columns; row++)
		print_row(grid, row, widths);
	for (size_t i = 0; i < grid->count; i++)
		free(grid->cells[i].text);
	free(grid->cells);
	free(grid);
}
