/*
 * sandbox - what a running service may still do: a process that was taken over finds no other
 * file, starts no program and reads no other process.
 *
 * sandbox_files() is Landlock, from the settings table: the folders of each PATH may be read (a
 * folder, since files in it are replaced whole), those of each PLACE be written, and what every
 * process of Debian reads (sandbox.c); nothing may be executed. It holds for the caller and for
 * threads made afterwards, so it is called before the first. It adds to the rights of files and
 * takes the place of none.
 *
 * sandbox_calls() is seccomp, for all threads: system calls that sandbox.def allows; the others
 * answer EPERM, and those that only an intruder makes end the process with a line in its log.
 * It is called last, when all is open.
 *
 * A kernel that has either not is no reason not to run: the caller tells what is missing. A kernel
 * that has it and refuses is a fault.
 *
 * Neither is taken back. Landlock's numbers are those of Linux' uapi/linux/landlock.h.
 *
 * Threads  both from the main thread, once.
 * Errors   ERR_UNAVAILABLE, raised.
 */
#pragma once

#include "common/base/config.h"

/* @tables and @settings as of config_load(). *ret_version is Landlock's; 0: this kernel has none
 * (2 is the least that serves: Linux 5.19). */
err_t sandbox_files(const struct setting *const *tables, const void *settings, int *ret_version);
/* *ret_calls: how many are allowed; 0: this kernel has no seccomp. */
err_t sandbox_calls(int *ret_calls);
