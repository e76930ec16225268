/*
 * Floats of a TOML document as doubles: native tools only (needs a libc and the FPU).
 */
#include <stdlib.h>

#include "toml.h"

double toml_float_value(const toml_value_t* value) {
    return strtod(value->string.text, NULL); /* the text was checked by the parser */
}
