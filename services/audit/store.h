/*
 * store - the files of one log: c2sp.org/tlog-tiles in a folder, written so that a reader never
 * sees half a file and what was acknowledged by the disk stays.
 *
 *   checkpoint  tile/<level>/<n>[.p/<w>]  tile/entries/<n>[.p/<w>]    what is published
 *   staging                                                           the next of them, see stage.h
 *
 * Of a tile that is not full yet only the last width is kept; a narrower one is cut from it, as it
 * is its beginning.
 *
 * Threads  any may read; one process writes.
 * Errors   ERR_NOT_FOUND, unraised, for what is not there; ERR_UNAVAILABLE names file and errno.
 */
#pragma once

#include "common/base/arena.h"
#include "common/base/err.h"
#include "services/audit/stage.h"
#include "services/audit/tiles.h"

#define STORE_PATH_MAX 512
#define STORE_FILE_BYTES_MAX ((size_t)48 << 20)

err_t store_read(const char *dir, const char *path, struct arena *arena, struct bytes *ret);
/* Makes @dir, synced into the folder above it, which is there; again is fine. */
err_t store_folder(const char *dir);
/* Syncs all that was made in @dir, by whoever was killed or failed before it was: a folder that is
 * there already need not be known to the disk. Absent is fine. */
err_t store_settle(const char *dir);
/* Makes folders; file and folder are synced when it returns. */
err_t store_write(const char *dir, const char *path, struct bytes from);
/* Files and their folders are synced together when it returns, in a fraction of the time that each
 * by itself takes. Before, and after an error, some are there, and a power failure may tear them:
 * for what is staged. At most STAGE_FILES_MAX. */
err_t store_write_all(const char *dir, const struct stage_file *files, size_t n);
/* Adds @line, which ends in a newline; file and folder are synced when it returns. A line that a
 * crash has cut short before stays, on a line of its own. */
err_t store_append(const char *dir, const char *path, struct bytes line);
/* What was added before, by whoever was killed or failed before it was synced. */
err_t store_sync(const char *dir, const char *path);
/* The last lines of a file, all whole; as many as fit into 4 KiB. */
err_t store_tail(const char *dir, const char *path, struct arena *arena, struct str *ret);
err_t store_remove(const char *dir, const char *path); /* absent is fine */
bool store_exists(const char *dir, const char *path);
/* To the folder @to, which is made, under the same name; both are synced. Absent is fine. */
err_t store_move(const char *dir, const char *path, const char *to);

/* The tile at its width, or cut from a wider one. ERR_CORRUPT when it is too short. */
err_t store_tile(const char *dir, struct tile tile, struct arena *arena, struct bytes *ret);
/* The file of the tile as it is, cut or not: for what can still be saved of it. */
err_t store_read_widest(const char *dir, struct tile tile, struct arena *arena, struct bytes *ret);
/* Removes the narrower partials of @tile, which has just been published. */
void store_tile_prune(const char *dir, struct tile tile);
