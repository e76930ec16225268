/*
 * /sys/class/net: the host's network interfaces. Names and counters come from its table of devices,
 * the rest by one question each.
 */
#include <linux/sockios.h>

#include "proc_host.h"
#include "sys_internal.h"

#define COUNTERS 16

/* netdevice(7); the headers would want a libc. */
#define IFNAMSIZ     16
#define IFF_UP       0x1
#define IFF_LOOPBACK 0x8
#define IFF_RUNNING  0x40
struct ifreq {
    char name[IFNAMSIZ];
    union {
        int32_t number;
        uint16_t flags;
        struct {
            uint16_t family;
            uint8_t data[14];
        } address;
        uint8_t all[24];
    };
};
_Static_assert(sizeof(struct ifreq) == sizeof(((PAL_INTERFACE_REQUEST*)0)->request),
               "netdevice(7)");

/* Calls fn with each line of /proc/net/dev until it returns false. */
static void for_each_interface(bool (*fn)(void* arg, uint64_t number, const char* name, size_t len,
                                          const char* counters, size_t size),
                               void* arg) {
    struct libos_text text = {0};
    uint64_t number = 0;
    if (libos_host_report(PAL_HOST_NET_DEV, &text) == 0) {
        for (const char *s = text.buf, *end = text.buf + text.size; s < end;) {
            const char* next = memchr(s, '\n', (size_t)(end - s));
            next = next ? next : end;
            while (s < next && *s == ' ')
                s++;
            const char* colon = memchr(s, ':', (size_t)(next - s));
            bool header = memchr(s, '|', (size_t)(next - s)) != NULL;
            if (colon && !header && colon - s < IFNAMSIZ &&
                !fn(arg, number++, s, (size_t)(colon - s), colon + 1, (size_t)(next - colon - 1)))
                break;
            s = next + 1;
        }
    }
    libos_free(text.buf);
}

struct search {
    const char* name; /* or by number */
    size_t len;
    uint64_t number;
    bool found;
    char out[IFNAMSIZ];
    uint64_t counters[COUNTERS];
};

static void read_counters(struct search* s, const char* text, size_t size) {
    const char* end = text + size;
    for (int i = 0; i < COUNTERS; i++) {
        while (text < end && *text == ' ')
            text++;
        for (s->counters[i] = 0; text < end && *text >= '0' && *text <= '9'; text++)
            s->counters[i] = s->counters[i] * 10 + (uint64_t)(*text - '0');
    }
}

static bool look(void* arg, uint64_t number, const char* name, size_t len, const char* counters,
                 size_t size) {
    struct search* s = arg;
    if (s->name ? s->len != len || memcmp(s->name, name, len) != 0 : s->number != number)
        return true;
    s->found = true;
    s->number = number;
    memcpy(s->out, name, len);
    s->out[len] = '\0';
    read_counters(s, counters, size);
    return false;
}

static bool match_interface(const struct libos_pseudo_at* dir, const char* name, size_t len,
                            uint64_t* id) {
    (void)dir;
    struct search s = {.name = name, .len = len};
    for_each_interface(look, &s);
    *id = s.number;
    return s.found;
}

struct list_arg {
    libos_pseudo_emit_fn emit;
    void* arg;
};

static bool list_one(void* arg, uint64_t number, const char* name, size_t len, const char* counters,
                     size_t size) {
    (void)counters, (void)size;
    const struct list_arg* l = arg;
    char copy[IFNAMSIZ];
    memcpy(copy, name, len);
    copy[len] = '\0';
    return l->emit(l->arg, copy, number);
}

static void list_interfaces(const struct libos_pseudo_at* dir, libos_pseudo_emit_fn emit,
                            void* arg) {
    (void)dir;
    struct list_arg l = {emit, arg};
    for_each_interface(list_one, &l);
}

/* ---- attributes ------------------------------------------------------------------------------ */

static bool find(const struct libos_pseudo_at* at, struct search* s) {
    *s = (struct search){.number = at->ids[0]};
    for_each_interface(look, s);
    return s->found;
}

/* The host's answer to one SIOCGIF*. */
static int ask(const struct libos_pseudo_at* at, unsigned long which, struct ifreq* answer) {
    struct search s;
    PAL_HANDLE socket;
    if (!find(at, &s))
        return -ENODEV;
    PAL_INTERFACE_REQUEST r = {.which = which};
    memcpy(r.request, s.out, sizeof(s.out));
    int ret = PalSocketCreate(2 /* AF_INET */, 2 /* SOCK_DGRAM */, 0, 0, &socket);
    if (ret == 0) {
        ret = PalStreamControl(socket, PAL_OP_INTERFACE_GET, &r, sizeof(r));
        PalObjectClose(socket);
    }
    memcpy(answer, r.request, sizeof(*answer));
    return (int)pal_to_errno(ret);
}

static SYS_SHOW(show_number) {
    struct ifreq r;
    int ret = ask(at, (unsigned long)(uintptr_t)at->node->data, &r);
    if (ret == 0)
        libos_text_printf(out, "%d\n", r.number);
    return ret;
}

static SYS_SHOW(show_flags) {
    struct ifreq r;
    int ret = ask(at, SIOCGIFFLAGS, &r);
    if (ret == 0)
        libos_text_printf(out, "0x%x\n", r.flags & ~(unsigned)IFF_RUNNING);
    return ret;
}

/* A loopback has no carrier to tell of. */
static SYS_SHOW(show_operstate) {
    struct ifreq r;
    int ret = ask(at, SIOCGIFFLAGS, &r);
    if (ret == 0)
        libos_text_printf(out, "%s\n",
                          r.flags & IFF_LOOPBACK  ? "unknown"
                          : r.flags & IFF_RUNNING ? "up"
                                                  : "down");
    return ret;
}

static SYS_SHOW(show_carrier) {
    struct ifreq r;
    int ret = ask(at, SIOCGIFFLAGS, &r);
    if (ret == 0 && !(r.flags & IFF_UP))
        return -EINVAL;
    if (ret == 0)
        libos_text_printf(out, "%d\n", (r.flags & IFF_RUNNING) != 0);
    return ret;
}

static SYS_SHOW(show_type) {
    struct ifreq r;
    int ret = ask(at, SIOCGIFHWADDR, &r);
    if (ret == 0)
        libos_text_printf(out, "%u\n", r.address.family);
    return ret;
}

static SYS_SHOW(show_address) {
    struct ifreq r;
    int ret = ask(at, SIOCGIFHWADDR, &r);
    const uint8_t* a = r.address.data;
    if (ret == 0)
        libos_text_printf(out, "%02x:%02x:%02x:%02x:%02x:%02x\n", a[0], a[1], a[2], a[3], a[4],
                          a[5]);
    return ret;
}

static SYS_SHOW(show_counter) {
    struct search s;
    if (!find(at, &s))
        return -ENODEV;
    libos_text_printf(out, "%llu\n",
                      (unsigned long long)s.counters[(uintptr_t)at->node->data % COUNTERS]);
    return 0;
}

#define COUNTER(n, i) SYS_FILE(n, show_counter, i)
static const struct libos_pseudo_node g_statistics[] = {
    COUNTER("collisions", 13),
    COUNTER("multicast", 7),
    COUNTER("rx_bytes", 0),
    COUNTER("rx_compressed", 6),
    COUNTER("rx_dropped", 3),
    COUNTER("rx_errors", 2),
    COUNTER("rx_packets", 1),
    COUNTER("tx_bytes", 8),
    COUNTER("tx_carrier_errors", 14),
    COUNTER("tx_dropped", 11),
    COUNTER("tx_errors", 10),
    COUNTER("tx_packets", 9),
    {0},
};

static const struct libos_pseudo_node g_interface[] = {
    SYS_CONST("addr_assign_type", "0"),
    SYS_CONST("addr_len", "6"),
    SYS_FILE("address", show_address, 0),
    SYS_FILE("carrier", show_carrier, 0),
    SYS_CONST("dev_id", "0x0"),
    SYS_FILE("flags", show_flags, 0),
    SYS_FILE("ifindex", show_number, SIOCGIFINDEX),
    SYS_FILE("iflink", show_number, SIOCGIFINDEX),
    SYS_FILE("mtu", show_number, SIOCGIFMTU),
    SYS_FILE("operstate", show_operstate, 0),
    SYS_DIR("statistics", g_statistics),
    SYS_FILE("tx_queue_len", show_number, SIOCGIFTXQLEN),
    SYS_FILE("type", show_type, 0),
    {0},
};

const struct libos_pseudo_node g_sys_net_children[] = {
    {.mode = S_IFDIR | 0755,
     .match = match_interface,
     .list = list_interfaces,
     .children = g_interface},
    {0},
};
