/*
 * culm help, culm help manifest, and the text of culm run --help.
 */
#include <string.h>

#include "culm.h"
#include "manifest.h"

const char run_usage[] =
    "usage: culm run [options] [--] PROGRAM [ARG...]\n"
    "       culm run [options] --manifest FILE [ARG...]\n"
    "\n"
    "Runs an unmodified Linux program. By default it sees the host's files read-only, the current\n"
    "directory writable, a private /tmp and the host's network; arguments, environment, working\n"
    "directory, standard streams, umask and limits pass through.\n"
    "\n"
    "  -v, --volume HOST:GUEST[:ro|rw]  show a host file or directory as GUEST (default rw);\n"
    "                                   -v /:/:rw is the whole host tree, writable\n"
    "      --net host|none              network (default host)\n"
    "  -e, --env NAME=VALUE             set a variable; NAME alone passes the host's\n"
    "      --clear-env                  begin with an empty environment\n"
    "  -u, --user UID[:GID]             ids that the program sees (default: the caller's)\n"
    "  -w, --cwd DIR                    working directory in the guest\n"
    "      --hostname NAME              host name in the guest\n"
    "      --manifest FILE              take all of this from a manifest\n"
    "      --print-manifest             print the manifest of this run, and do not run\n"
    "      --strace[=FILE]              trace system calls (default: to standard error)\n"
    "      --stats                      counts per system call at the end\n"
    "      --log-level LEVEL            none, error, warning, debug, trace or all\n"
    "      --log-file FILE              append the log to a host file\n"
    "\n"
    "Exit status: the program's; 128+N if signal N ended it; 127 not found; 126 found, but not\n"
    "executable; 125 if culm itself failed.\n";

static const char usage[] =
    "usage: culm COMMAND ...\n"
    "\n"
    "  run [options] PROGRAM [ARG...]   run a Linux program (culm run --help)\n"
    "  check FILE                       check a manifest (- is standard input)\n"
    "  doctor                           what this machine offers, in words\n"
    "  syscalls [--json|--markdown]     the table of system calls and how far each goes\n"
    "  help [run|manifest]              this text; options of run; keys of manifests\n"
    "  version                          the version\n";

static void put(const char* text) {
    write_all(1, text, strlen(text));
}

static void put_types(unsigned types) {
    static const char* const names[] = {"string", "integer", "boolean", "size",
                                        "array",  "table",   "any"};
    const char* joint = "";
    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (types & 1u << i) {
            put(joint);
            put(names[i]);
            joint = " or ";
        }
    }
}

/* The rows of docs/manifest.md, one per key. */
static void put_keys(void) {
    static const char* const status[] = {"works", "no effect", "later"};
    put("| key | value | status | meaning |\n|---|---|---|---|\n");
    for (size_t i = 0; i < manifest_key_count; i++) {
        const struct manifest_key* key = &manifest_keys[i];
        put("| `");
        put(key->path);
        put("` | ");
        put_types(key->types);
        if (key->choices) {
            put(": ");
            for (const char* s = key->choices; *s; s++)
                write_all(1, *s == '|' ? ", " : s, *s == '|' ? 2 : 1);
        }
        put(" | ");
        put(status[key->status]);
        put(" | ");
        put(key->meaning);
        put(" |\n");
    }
}

int command_help(int argc, char** argv) {
    if (argc > 1 && !strcmp(argv[1], "run"))
        put(run_usage);
    else if (argc > 1 && !strcmp(argv[1], "manifest"))
        put_keys();
    else
        put(usage);
    return 0;
}
