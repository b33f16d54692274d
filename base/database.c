/* The history's database file. Runs on the store's thread. Knows no table: the schema is its user's. */
#include "base/database.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"

/* EXCLUSIVE comes first: with it, no shared memory and no second process is ever in play. A persistent journal, unlike WAL, needs no new file when the disk is full.
 * The empty transaction takes the lock now and finds out whether this is a database that can be written. */
static const char *const preparations[] = {
	"PRAGMA locking_mode=EXCLUSIVE",
	"PRAGMA mmap_size=0",
	"PRAGMA journal_mode=PERSIST",
	"PRAGMA synchronous=FULL",
	"BEGIN EXCLUSIVE",
	"COMMIT",
};

static bool prepare(sqlite3 *database)
{
	for (size_t i = 0; i < sizeof(preparations) / sizeof(preparations[0]); i++) {
		if (sqlite3_exec(database, preparations[i], NULL, NULL, NULL) != SQLITE_OK)
			return false;
	}
	return true;
}

static const char *advice(int result)
{
	switch (result & 0xff) {
	case SQLITE_NOTADB:
	case SQLITE_CORRUPT:
		return "move it away, and a new one is made";
	case SQLITE_BUSY:
		return "another process has it open: close that";
	case SQLITE_FULL:
		return "free some space";
	default:
		return "check the rights and the disk";
	}
}

/* SQLite would let everybody read what it makes. What can't be made here is told by it afterwards, in its words. */
static void make_file(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (fd >= 0)
		close(fd);
}

sqlite3 *database_open(const char *directory, struct err *err)
{
	sqlite3 *database = NULL;
	char *path = memory_new(strlen(directory) + sizeof("/teal.db"));
	sprintf(path, "%s/teal.db", directory);
	make_file(path);
	int result = sqlite3_open_v2(path, &database, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);
	if (result != SQLITE_OK || !prepare(database)) {
		result = database ? sqlite3_extended_errcode(database) : result;
		err_set(err, "the history %s can't be opened: %s: %s", path, database ? sqlite3_errmsg(database) : sqlite3_errstr(result), advice(result));
		sqlite3_close(database);
		database = NULL;
	}
	free(path);
	return database;
}
