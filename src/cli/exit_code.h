#ifndef MOLTLER_CLI_EXIT_CODE_H
#define MOLTLER_CLI_EXIT_CODE_H

/* What the client's exit says. */
enum exit_code {
	EXIT_CODE_DONE = 0,
	EXIT_CODE_FAILED = 1,      /* a statement, or writing its answer */
	EXIT_CODE_USAGE = 2,
	EXIT_CODE_UNREACHABLE = 3, /* nothing answers */
	EXIT_CODE_INTERRUPTED = 130
};

#endif
