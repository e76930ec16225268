/*
 * Texts of PAL errors.
 */
#include "pal/pal_error.h"

#define TEXT_(name, value, linux_errno, text) [value] = text,
static const char* const g_texts[] = {[0] = "success", PAL_ERROR_LIST(TEXT_)};

const char* pal_strerror(int error) {
    unsigned int e = error <= 0 ? -(unsigned int)error : (unsigned int)error;
    if (e >= sizeof(g_texts) / sizeof(g_texts[0]) || !g_texts[e])
        return "unknown error";
    return g_texts[e];
}
