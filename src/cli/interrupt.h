#ifndef MOLTLER_CLI_INTERRUPT_H
#define MOLTLER_CLI_INTERRUPT_H

/* Ctrl-C: noted by a handler and seen by whoever waits, on a descriptor. */

/** interrupt_setup(): Catch SIGINT once (a second one ends the process) and
 * ignore SIGPIPE.  0 or -1. */
int interrupt_setup(void);

/** interrupt_seen(): Whether SIGINT came. */
int interrupt_seen(void);

/** interrupt_fd(): A descriptor that is readable once SIGINT came. */
int interrupt_fd(void);

/** interrupt_sleep(ms): Wait; 0, or -1 at once when SIGINT comes. */
int interrupt_sleep(int ms);

#endif
