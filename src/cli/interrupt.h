#ifndef MOLTLER_CLI_INTERRUPT_H
#define MOLTLER_CLI_INTERRUPT_H

/* Ctrl-C: noted by a handler and seen by whoever waits, on a descriptor. */

/** interrupt_setup(): Catch SIGINT once (a second one ends the process) and
 * ignore SIGPIPE.  0 or -1. */
int interrupt_setup(void);

/** interrupt_keep(): From now on a second SIGINT does not end the process
 * either; SIGTERM and SIGHUP are seen as SIGINT is, and remembered.  0 or -1. */
int interrupt_keep(void);

/** interrupt_reset(): Forget the SIGINT that came; one can come again. */
void interrupt_reset(void);

/** interrupt_ending(): Whether, after interrupt_keep, the process was told to
 * end. */
int interrupt_ending(void);

/** interrupt_seen(): Whether SIGINT came. */
int interrupt_seen(void);

/** interrupt_fd(): A descriptor that is readable once SIGINT came. */
int interrupt_fd(void);

/** interrupt_sleep(ms): Wait; 0, or -1 at once when SIGINT comes. */
int interrupt_sleep(int ms);

#endif
