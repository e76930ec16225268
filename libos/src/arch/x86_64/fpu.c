/*
 * The guest's vector state. It is live in the CPU while the LibOS runs; signal frames hold a copy
 * in the XSAVE format, with the same markers as Linux writes.
 */
#include <asm/sigcontext.h>

#include "fpu.h"
#include "entry.h"

#define XFEATURE_FP_SSE 3UL
/* Features that Linux gives a process only on request (AMX tile data): not in a default frame. */
#define XFEATURE_DYNAMIC (1UL << 18)
#define FXSAVE_SIZE      512
#define XSAVE_HEADER     64

uint64_t g_libos_xfeatures;
uint32_t g_libos_xsave_size;

int libos_user_xsave(void* area, uint64_t features);
int libos_user_xrstor(const void* area, uint64_t features);
int libos_user_fxrstor(const void* area);

/* All features in their initial state: XSTATE_BV is 0. MXCSR is read even so. */
static uint8_t g_init_area[4096] __attribute__((aligned(64)));
#define MXCSR_OFFSET  24
#define MXCSR_DEFAULT 0x1f80
#define FCW_DEFAULT   0x37f

void libos_fpu_init(void) {
    g_libos_xfeatures = g_pal_control->cpu_info.xfeatures & ~XFEATURE_DYNAMIC;
    g_libos_xsave_size = FXSAVE_SIZE + XSAVE_HEADER;
    for (int i = 2; i < 63; i++) {
        PAL_IDX v[PAL_CPUID_WORD_NUM];
        if (!(g_libos_xfeatures & (1UL << i)) || PalCpuIdRetrieve(0xd, i, v) < 0)
            continue;
        g_libos_xsave_size = MAX(g_libos_xsave_size, v[PAL_CPUID_WORD_EBX] + v[PAL_CPUID_WORD_EAX]);
    }
    uint32_t mxcsr = MXCSR_DEFAULT;
    uint16_t fcw = FCW_DEFAULT; /* for processors without XSAVE */
    memcpy(g_init_area + MXCSR_OFFSET, &mxcsr, sizeof(mxcsr));
    memcpy(g_init_area, &fcw, sizeof(fcw));
}

/* Only the features counted in: the processor may look at all of an area as large as they ask for.
 */
void libos_fpu_reset(void) {
    if (g_libos_xfeatures)
        libos_user_xrstor(g_init_area, g_libos_xfeatures);
    else
        libos_user_fxrstor(g_init_area);
}

size_t libos_fpu_frame_size(void) {
    return g_libos_xsave_size + FP_XSTATE_MAGIC2_SIZE;
}

int libos_fpu_save(void* user_area) {
    static const uint8_t header[XSAVE_HEADER];
    char* area = user_area;
    if (!access_ok(area, libos_fpu_frame_size()))
        return -EFAULT;
    /* The CPU writes only the first word of the header; the rest must be zero. */
    if (user_copy_to(area + FXSAVE_SIZE, header, sizeof(header)) < 0)
        return -EFAULT;
    if (libos_user_xsave(area, g_libos_xfeatures) < 0) {
        /* A stack that has yet to grow: touch it through the copy that knows how, and again. */
        if (user_clear_partial(area, libos_fpu_frame_size()) ||
            libos_user_xsave(area, g_libos_xfeatures) < 0)
            return -EFAULT;
    }
    struct _fpx_sw_bytes sw = {.magic1 = FP_XSTATE_MAGIC1,
                               .extended_size = libos_fpu_frame_size(),
                               .xfeatures = g_libos_xfeatures,
                               .xstate_size = g_libos_xsave_size};
    uint32_t magic2 = FP_XSTATE_MAGIC2;
    if (user_copy_to(area + offsetof(struct _fpstate_64, sw_reserved), &sw, sizeof(sw)) < 0 ||
        user_copy_to(area + g_libos_xsave_size, &magic2, sizeof(magic2)) < 0)
        return -EFAULT;
    return 0;
}

/* Does the area carry more than FXSAVE's part? As check_xstate_in_sigframe() in Linux: what is not
 * marked rightly is taken as FXSAVE's part alone. */
static int read_marks(const char* area, struct _fpx_sw_bytes* sw) {
    uint32_t magic2;
    if (user_copy_from(sw, area + offsetof(struct _fpstate_64, sw_reserved), sizeof(*sw)) < 0)
        return -EFAULT;
    if (sw->magic1 != FP_XSTATE_MAGIC1 || sw->xstate_size < FXSAVE_SIZE + XSAVE_HEADER ||
        sw->xstate_size > g_libos_xsave_size || sw->xstate_size > sw->extended_size)
        return 0;
    if (user_copy_from(&magic2, area + sw->xstate_size, sizeof(magic2)) < 0)
        return -EFAULT;
    return magic2 == FP_XSTATE_MAGIC2;
}

int libos_fpu_restore(const void* user_area) {
    struct _fpx_sw_bytes sw;
    if (!user_area) {
        libos_fpu_reset();
        return 0;
    }
    if (!access_ok(user_area, libos_fpu_frame_size()))
        return -EFAULT;
    int marked = read_marks(user_area, &sw);
    if (marked < 0)
        return marked;
    uint64_t features = marked ? sw.xfeatures & g_libos_xfeatures : 0;
    uint64_t rest = g_libos_xfeatures & ~(features | (marked ? 0 : XFEATURE_FP_SSE));
    if (rest)
        libos_user_xrstor(g_init_area, rest);
    return marked ? libos_user_xrstor(user_area, features) : libos_user_fxrstor(user_area);
}

#define KEEP_ALIGN 64

void* libos_fpu_keep(void) {
    size_t size = g_libos_xsave_size + KEEP_ALIGN;
    char* block = libos_calloc(1, size);
    if (block)
        libos_user_xsave((char*)ALIGN_UP((uint64_t)block, KEEP_ALIGN), g_libos_xfeatures);
    return block;
}

void libos_fpu_bring_back(void* kept) {
    if (kept)
        libos_user_xrstor((char*)ALIGN_UP((uint64_t)kept, KEEP_ALIGN), g_libos_xfeatures);
    libos_free(kept);
}
