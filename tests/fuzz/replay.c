/*
 * Runs a fuzz program over the files of its seed corpus, without libFuzzer: every build has this
 * test, with gcc too. Findings of the fuzzer stay in the corpus and are always tested.
 *
 *   NAME_replay CORPUS_FOLDER
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay(const char *folder, const char *name)
{
	enum { SIZE = 1 << 20 };
	char path[4096];
	uint8_t *data;
	size_t size;
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "re");
	data = malloc(SIZE);
	if (file == NULL || data == NULL) {
		perror(path);
		exit(1);
	}
	size = fread(data, 1, SIZE, file);
	fclose(file);
	/* of exactly its size, so that ASan finds a read beyond it */
	data = realloc(data, size > 0 ? size : 1);
	printf("%s\n", path);
	fflush(stdout); /* the last line names the file that crashed */
	LLVMFuzzerTestOneInput(data, size);
	free(data);
	return 1;
}

int main(int argc, char **argv)
{
	DIR *dir = argc > 1 ? opendir(argv[1]) : NULL;
	const struct dirent *entry;
	int n = 0;

	if (dir == NULL) {
		fprintf(stderr, "usage: replay CORPUS_FOLDER\n");
		return 2;
	}
	while ((entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] != '.')
			n += replay(argv[1], entry->d_name);
	}
	closedir(dir);
	printf("%d files\n", n);
	return n > 0 ? 0 : 1;
}
