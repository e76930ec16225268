/*
 * The contract between a PAL and the shared object it starts (the LibOS, or a bare-PAL program).
 *
 * The object is an ELF ET_DYN file for x86-64 without interpreter, needed libraries, TLS,
 * constructors or text relocations. Its undefined symbols are PAL calls (pal.map), nothing else.
 * The PAL maps it inside libos_address, applies its relocations, protects RELRO, and then calls the
 * ELF entry point (e_entry, usually by `-Wl,-e,libos_start`) as the function below:
 *   - on the PAL's first stack (256 KiB), aligned as for any C call;
 *   - in the process's first thread, GS set to its PAL_TCB with the LibOS part zeroed, FS zero;
 *   - with all host signals unblocked and system calls outside the PAL already trapping.
 * It never returns; it ends with PalProcessExit().
 */
#ifndef PAL_ENTRY_H
#define PAL_ENTRY_H

#include "pal/pal.h"

_Noreturn void libos_start(PAL_CONTROL* control);
typedef void (*pal_entry_t)(PAL_CONTROL* control);

#endif /* PAL_ENTRY_H */
