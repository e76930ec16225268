/*
 * Small helpers of the pseudo file systems' contents. See pseudo_text.h.
 */
#include "pseudo_text.h"

bool libos_pseudo_number(const char* name, size_t len, uint64_t* value) {
    if (len == 0 || len > 10 || (len > 1 && name[0] == '0'))
        return false;
    uint64_t n = 0;
    for (size_t i = 0; i < len; i++) {
        if (name[i] < '0' || name[i] > '9')
            return false;
        n = n * 10 + (uint64_t)(name[i] - '0');
    }
    *value = n;
    return true;
}

bool libos_pseudo_prefixed(const char* prefix, const char* name, size_t len, uint64_t* value) {
    size_t n = strlen(prefix);
    return len > n && memcmp(name, prefix, n) == 0 && libos_pseudo_number(name + n, len - n, value);
}

int libos_parse_number(const char* text, size_t size, int64_t* value) {
    size_t i = 0;
    while (i < size && text[i] == ' ')
        i++;
    bool negative = i < size && text[i] == '-';
    if (negative)
        i++;
    size_t first = i;
    int64_t n = 0;
    for (; i < size && text[i] >= '0' && text[i] <= '9'; i++) {
        if (n > (INT64_MAX - 9) / 10)
            return -EINVAL;
        n = n * 10 + (text[i] - '0');
    }
    if (i == first)
        return -EINVAL;
    while (i < size && (text[i] == '\n' || text[i] == ' ' || text[i] == '\0'))
        i++;
    if (i != size)
        return -EINVAL;
    *value = negative ? -n : n;
    return 0;
}

void libos_text_list(struct libos_text* t, uint64_t count, libos_set_fn has, uint64_t arg) {
    bool first = true;
    for (uint64_t i = 0; i < count; i++) {
        if (!has(arg, i))
            continue;
        uint64_t end = i;
        while (end + 1 < count && has(arg, end + 1))
            end++;
        libos_text_printf(t, "%s%llu", first ? "" : ",", (unsigned long long)i);
        if (end > i)
            libos_text_printf(t, "-%llu", (unsigned long long)end);
        first = false;
        i = end;
    }
    text_literal(t, "\n");
}

void libos_text_map(struct libos_text* t, uint64_t count, libos_set_fn has, uint64_t arg) {
    uint64_t words = (count + 31) / 32;
    for (uint64_t w = words; w-- > 0;) {
        uint32_t bits = 0;
        for (unsigned int b = 0; b < 32; b++) {
            if (w * 32 + b < count && has(arg, w * 32 + b))
                bits |= 1u << b;
        }
        /* The first word is only as wide as the count needs. */
        unsigned int width = 8;
        if (w + 1 == words && count % 32)
            width = (unsigned int)(count % 32 + 3) / 4;
        libos_text_printf(t, "%0*x%s", (int)width, bits, w ? "," : "");
    }
}

const PAL_TOPO_INFO* libos_topology(void) {
    static const PAL_TOPO_INFO unknown;
    return PalTopologyQuery() < 0 ? &unknown : &g_pal_control->topo_info;
}

const PAL_CPU_INFO* libos_cpu_info(void) {
    PalTopologyQuery();
    return &g_pal_control->cpu_info;
}
