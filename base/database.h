/* Opening the SQLite database of the history so that it survives a kill and a full disk. The store's thread. */
#ifndef TEAL_BASE_DATABASE_H
#define TEAL_BASE_DATABASE_H

#include <sqlite3.h>

#include "base/err.h"

/* Opens, and makes when missing, `teal.db` in the directory, for this process alone. NULL and a sentence when it can't be had or is no database. */
sqlite3 *database_open(const char *directory, struct err *err);

#endif
