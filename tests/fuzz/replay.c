/* Runs a fuzz target over the files of its corpus, where there is no libFuzzer: each input that was ever interesting is a regression test.
 *
 * usage: fuzz_NAME FILE-OR-FOLDER...     (folders are not searched in depth) */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

static unsigned replayed;

static void replay_file(const char *path)
{
	FILE *file = fopen(path, "rb");
	struct stat about;
	if (!file || fstat(fileno(file), &about) != 0) {
		perror(path);
		exit(1);
	}
	size_t length = (size_t)about.st_size;
	uint8_t *bytes = malloc(length > 0 ? length : 1); /* an exact size, so that a sanitizer sees a read past the end */
	if (!bytes || fread(bytes, 1, length, file) != length) {
		perror(path);
		exit(1);
	}
	LLVMFuzzerTestOneInput(bytes, length);
	free(bytes);
	fclose(file);
	replayed++;
}

static void replay(const char *path)
{
	DIR *folder = opendir(path);
	if (!folder) {
		replay_file(path);
		return;
	}
	for (struct dirent *entry = readdir(folder); entry; entry = readdir(folder)) {
		char inside[4096];
		if (entry->d_name[0] == '.')
			continue;
		snprintf(inside, sizeof(inside), "%s/%s", path, entry->d_name);
		replay_file(inside);
	}
	closedir(folder);
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		replay(argv[i]);
	printf("%u inputs\n", replayed);
	return replayed > 0 ? 0 : 1;
}
