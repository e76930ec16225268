/*
 * /proc/net: the tables of a network that shows nothing of the host's: headers, no entries.
 */
#include "proc_pid_internal.h"

#define CONST_(n, text)                                                                            \
    { .name = (n), .mode = S_IFREG | 0444, .show = proc_show_constant, .data = (text) }

#define INET_HEADER                                                                                \
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout "  \
    "inode\n"
#define INET6_HEADER                                                                               \
    "  sl  local_address                         remote_address                        st "        \
    "tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
#define UDP_HEADER                                                                                 \
    "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout " \
    "inode ref pointer drops             \n"
#define UDP6_HEADER                                                                                \
    "  sl  local_address                         remote_address                        st "        \
    "tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n"

const struct libos_pseudo_node g_proc_net_children[] = {
    CONST_("arp",
           "IP address       HW type     Flags       HW address            Mask     Device\n"),
    CONST_("dev", "Inter-|   Receive                                                |  Transmit\n"
                  " face |bytes    packets errs drop fifo frame compressed multicast|bytes    "
                  "packets errs drop fifo colls carrier compressed\n"),
    CONST_("if_inet6", ""),
    CONST_("ipv6_route", ""),
    CONST_("packet", "sk       RefCnt Type Proto  Iface R Rmem   User   Inode\n"),
    CONST_("raw", UDP_HEADER),
    CONST_("route",
           "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\t"
           "IRTT                                                       \n"),
    CONST_("tcp", INET_HEADER),
    CONST_("tcp6", INET6_HEADER),
    CONST_("udp", UDP_HEADER),
    CONST_("udp6", UDP6_HEADER),
    CONST_("unix", "Num       RefCount Protocol Flags    Type St Inode Path\n"),
    {0},
};
